//! The fleet file: each member that is taken is sound, and each error is one line. A file that is JSON
//! and YAML says the same in both.

#![no_main]

use backscroll_primary::fleet::file_sd::{Syntax, parse};
use backscroll_primary::fleet::member::{Scheme, check_name};
use libfuzzer_sys::fuzz_target;
use std::collections::{BTreeMap, BTreeSet};

fuzz_target!(|file: &[u8]| {
    let taken = BTreeMap::from([("web1".to_owned(), "http://10.0.0.1:8001".to_owned())]);
    let both = [Syntax::Json, Syntax::Yaml].map(|syntax| parse(file, syntax, Scheme::Http, &taken));
    for parsed in &both {
        match parsed {
            Ok(listed) => {
                let mut urls = BTreeMap::new();
                for member in &listed.members {
                    let url: http::Uri = member.url.parse().expect("it can be asked");
                    assert!(url.host().is_some_and(|host| !host.is_empty()), "{url}");
                    assert!(matches!(url.scheme_str(), Some("http" | "https")), "{url}");
                    let Some(name) = &member.name else { continue };
                    check_name(name).expect("it is a name");
                    urls.entry(name).or_insert_with(BTreeSet::new).insert(&member.url);
                }
                assert!(urls.values().all(|urls| urls.len() == 1), "a name has one URL: {urls:?}");
            }
            Err(error) => {
                let text = error.to_string();
                assert!(!text.contains('\n') && !text.is_empty(), "{text:?}");
            }
        }
    }
    if let [Ok(json), Ok(yaml)] = both {
        assert_eq!(json, yaml);
    }
});
