//! POST with a form is the same as GET with that query, also where the query is too long for a URL.

use super::Servers;
use super::client::{Answer, exchange, get};
use super::recorder::Recorder;
use crate::support::curl;
use backscroll_e2e::fleet::Fleet;
use std::net::SocketAddr;

fn post(address: SocketAddr, target: &str, content_type: &str, body: &[u8]) -> Answer {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut answers = exchange(address, &[head.as_bytes(), body].concat(), &[]);
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers.remove(0)
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn a_form_is_the_same_as_the_query() {
    let servers = Servers::start();
    servers.write("bytes.log", b"caf\xe9\nna\xc3\xafve\nplain\n");
    for (address, prefix) in servers.both() {
        for (query, expected) in [
            ("filename=app.log", &b"three\ntwo\none\n"[..]),
            ("filename=app.log&keyword=o&n=1", b"two\n"),
            ("filename=bytes.log&keyword=caf%E9", b"caf\xe9\n"),
            ("filename=app.log&keyword=one%0Atwo", b"one\ntwo\n"),
        ] {
            let by_get = get(address, &format!("/logs?{prefix}{query}"), "");
            let by_post = post(address, "/logs", FORM, format!("{prefix}{query}").as_bytes());
            assert_eq!((by_post.status, &by_post.body), (200, &expected.to_vec()), "{query}");
            assert_eq!((by_get.status, by_get.body), (by_post.status, by_post.body), "{query}");
        }
        // Both are parameters, and bytes may come as they are.
        let both =
            post(address, &format!("/logs?{prefix}filename=bytes.log"), FORM, b"keyword=na\xc3\xafve&n=1");
        assert_eq!(both.body, b"na\xc3\xafve\n");
        let twice = post(address, &format!("/logs?{prefix}filename=app.log&n=1"), FORM, b"n=2");
        assert_eq!((twice.status, twice.code().as_str()), (400, "bad_parameter"));
        let unknown = post(address, &format!("/logs?{prefix}filename=app.log"), FORM, b"keywrod=x");
        assert_eq!((unknown.status, unknown.code().as_str()), (400, "unknown_parameter"));
        // As curl sends it.
        let url = format!("http://{address}/logs");
        let curled =
            curl(&["-d", &format!("{prefix}filename=app.log"), "--data-urlencode", "keyword=tw", &url]);
        assert_eq!(curled.stdout, b"two\n");
    }
}

#[test]
fn another_body_is_refused_and_a_large_one_too() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        let target = format!("/logs?{prefix}filename=app.log");
        for other in ["text/plain", "application/json", "multipart/form-data; boundary=x"] {
            let answer = post(address, &target, other, b"{\"n\":1}");
            assert_eq!((answer.status, answer.code().as_str()), (400, "bad_request"), "{other}");
        }
        let form = |len: usize| [&b"keyword="[..], &vec![b'k'; len - 8]].concat();
        assert_eq!(post(address, &target, FORM, &form(64 << 10)).status, 200);
        let answer = post(address, &target, FORM, &form((64 << 10) + 1));
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
        assert_eq!(answer.field("connection"), Some("close"));
        // Only /logs takes a form.
        for path in ["/files", "/healthz", "/readyz", "/"] {
            let answer = post(address, path, FORM, b"");
            assert_eq!((answer.status, answer.field("allow")), (405, Some("GET, HEAD")), "{path}");
        }
        let other =
            exchange(address, b"PUT /logs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", &[]);
        assert_eq!((other[0].status, other[0].field("allow")), (405, Some("GET, HEAD, POST")));
    }
}

#[test]
fn a_primary_asks_with_a_form_only_if_the_query_is_long() {
    let servers = Servers::start();
    let needle = "needle ".repeat(5_000);
    servers.write("needles.log", format!("{needle}\nhay\n").as_bytes());
    let recorder = Recorder::start(servers.secondary());
    let fleet =
        Fleet::in_front("127.0.0.1:0".parse().unwrap(), &[("web1".to_owned(), recorder.address)]).unwrap();
    let keyword = needle.trim_end().replace(' ', "+");
    // One host, and all hosts.
    for (prefix, line) in [("hostname=web1&", needle.clone()), ("", format!("web1\t{needle}"))] {
        let long = format!("{prefix}filename=needles.log&keyword={keyword}");
        let answer = post(fleet.primary, "/logs", FORM, long.as_bytes());
        assert_eq!((answer.status, answer.text()), (200, format!("{line}\n")));
        let short = post(fleet.primary, "/logs", FORM, format!("{prefix}filename=app.log&n=1").as_bytes());
        assert!(short.text().ends_with("three\n"));
    }
    let seen = recorder.seen().concat();
    let count = |what: &str| seen.matches(what).count();
    assert_eq!(count("POST /logs HTTP/1.1\r\n"), 2);
    assert_eq!(count("GET /logs?filename=app.log&n=1 HTTP/1.1\r\n"), 2);
}
