//! The query of `/logs`, for both audiences: what is taken survives the way to a secondary, and
//! values are decoded as the definition of a form says.

#![no_main]

use backscroll_shared::limits;
use backscroll_shared::query::{Audience, LogQuery, Pair, pairs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    if let Ok(pairs) = pairs(query) {
        assert_eq!(pairs, decoded(query));
    }
    for audience in [Audience::Secondary, Audience::Primary] {
        match LogQuery::parse(query, audience) {
            Ok(parsed) => {
                assert!(parsed.filename.as_bytes().len() <= limits::FILENAME_BYTES);
                assert!(!parsed.filename.as_bytes().split(|b| *b == b'/').any(|part| part == b".."));
                assert!(parsed.filter.keywords().len() <= limits::KEYWORDS);
                let sent = parsed.for_secondary();
                assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{sent:?}");
                let asked = LogQuery::parse(&sent, Audience::Secondary).expect("a secondary takes it");
                assert_eq!(
                    (asked.filename, asked.filter, asked.n),
                    (parsed.filename, parsed.filter, parsed.n)
                );
            }
            Err(problem) => {
                assert!(problem.code().status().is_client_error());
                assert!(!problem.detail().contains(char::is_control), "{:?}", problem.detail());
            }
        }
    }
});

/// Decodes byte by byte. Only for a query whose every `%` has its two digits.
fn decoded(query: &str) -> Vec<Pair> {
    let mut all = Vec::new();
    for part in query.as_bytes().split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
        let (mut name, mut value, mut is_value) = (Vec::new(), Vec::new(), false);
        let mut bytes = part.iter();
        while let Some(byte) = bytes.next() {
            let mut digit = || (*bytes.next().expect("a digit") as char).to_digit(16).expect("a hex digit");
            let byte = match byte {
                b'=' if !is_value => {
                    is_value = true;
                    continue;
                }
                b'+' => b' ',
                b'%' => u8::try_from(digit() * 16 + digit()).expect("two digits"),
                byte => *byte,
            };
            if is_value { value.push(byte) } else { name.push(byte) }
        }
        all.push(Pair { name, value });
    }
    all
}
