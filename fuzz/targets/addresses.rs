//! Where a server listens, and by which names it answers without authentication: a text that is taken
//! is written as it was meant, and no name that a browser may use for somebody else's server passes.

#![no_main]

use backscroll_shared::http_host::AllowedHosts;
use backscroll_shared::listen::ListenAddr;
use http::{HeaderMap, HeaderValue, Uri, header};
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

fuzz_target!(|text: &str| {
    match text.parse::<ListenAddr>() {
        Ok(address) => assert_eq!(address.to_string().parse().as_ref(), Ok(&address)),
        Err(why) => assert!(!why.contains('\n') && !why.is_empty(), "{why:?}"),
    }

    let hosts = AllowedHosts::new(["own"], &["*.internal".to_owned()]).expect("they are names");
    let check = |host: &str| {
        let mut fields = HeaderMap::new();
        fields.insert(header::HOST, HeaderValue::from_str(host).ok()?);
        Some(hosts.check(&Uri::from_static("/"), &fields).is_ok())
    };
    let _ = check(text);
    // As a browser reads it and sends it.
    let Ok(url) = Url::parse(&format!("http://{text}/")) else { return };
    let Some(host) = url.host() else { return };
    let is_ours = match &host {
        Host::Ipv4(_) | Host::Ipv6(_) => true,
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            ["localhost", "own"].contains(&name)
                || name.strip_suffix(".localhost").is_some()
                || name.strip_suffix(".internal").is_some_and(|rest| !rest.is_empty())
        }
    };
    let sent = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    };
    if let Some(passes) = check(&sent) {
        assert_eq!(passes, is_ours, "{sent:?}");
    }
});
