//! Requests that two programs may understand in two ways (H6): each is refused and the connection
//! closed, or gets one answer. What hides in it is never answered, and a primary never passes it on.

use super::client::{answers, bytes_for, exchange};
use super::recorder::Recorder;
use super::smuggling_cases::{Case, Outcome, cases, hidden};
use super::{CANARY, Servers};
use backscroll_e2e::fleet::Fleet;
use std::net::SocketAddr;

fn check(address: SocketAddr, case: &Case) {
    let shown = case.bytes.escape_ascii().to_string();
    // As one piece, and in two that part the head from what follows it.
    let head = case.bytes.windows(4).position(|window| window == b"\r\n\r\n").map_or(0, |at| at + 4);
    for pieces in [&[&case.bytes[..]][..], &[&case.bytes[..head], &case.bytes[head..]]] {
        let bytes = bytes_for(address, pieces);
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(CANARY), "what hides in it was answered: {shown}: {text}");
        let answers = answers(&bytes, &[]);
        assert_eq!(answers.len(), 1, "{shown}: {text}");
        let answer = &answers[0];
        assert!((200..500).contains(&answer.status), "{shown}: {text}");
        if case.outcome == Outcome::Refused {
            assert_eq!(answer.status, 400, "{shown}: {text}");
            assert_eq!(answer.field("connection"), Some("close"), "{shown}: {text}");
            assert_eq!(answer.code(), "bad_request", "{shown}");
        }
    }
}

#[test]
fn what_hides_in_a_request_is_never_answered() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        let cases = cases(prefix);
        assert!(cases.len() >= 60, "{}", cases.len());
        for case in &cases {
            check(address, case);
        }
        // The canary is there: asked for openly, it comes.
        let open = exchange(address, hidden(prefix).as_bytes(), &[]);
        assert_eq!(open[0].text(), format!("{CANARY}\n"));
    }
}

#[test]
fn a_primary_makes_its_own_requests_and_passes_nothing_on() {
    let servers = Servers::start();
    let recorder = Recorder::start(servers.secondary());
    let primary =
        Fleet::in_front("127.0.0.1:0".parse().unwrap(), &[("web1".to_owned(), recorder.address)]).unwrap();
    for case in cases("hostname=web1&") {
        check(primary.primary, &case);
    }
    let seen = recorder.seen();
    assert!(seen.iter().any(|text| text.contains("GET /logs?filename=app.log HTTP/1.1\r\n")), "{seen:?}");
    for text in seen {
        assert!(!text.contains("smuggled.log"), "{text}");
        // Nothing but whole requests of its own, none with a body.
        for request in text.split("\r\n\r\n").filter(|request| !request.is_empty()) {
            let mut lines = request.split("\r\n");
            let line = lines.next().unwrap();
            let target = line.strip_suffix(" HTTP/1.1").and_then(|line| line.strip_prefix("GET "));
            assert!(target.is_some_and(|target| target.starts_with('/')), "{line:?}");
            for field in lines {
                let name = field.split(':').next().unwrap();
                let own = [
                    "accept",
                    "te",
                    "host",
                    "backscroll-relay",
                    "backscroll-remaining-ms",
                    "user-agent",
                    "x-request-id",
                    "traceparent",
                ];
                assert!(own.contains(&name), "{field:?}");
            }
        }
    }
    drop(primary);
}
