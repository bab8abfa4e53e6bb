//! Cursors that do not fit: those of another query, those that were changed, and those whose place is
//! gone.

use super::Server;
use crate::support::Sample;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The verdict in a body of NDJSON.
fn verdict(body: &str) -> Value {
    let last: Value = serde_json::from_str(body.trim_end().lines().last().unwrap()).unwrap();
    last["end"].clone()
}

fn cursor(server: &Server, query: &str, name: &str) -> String {
    let (status, body) = server.ask(query);
    assert_eq!(status, 200, "{body}");
    verdict(&body)[name].as_str().unwrap_or_else(|| panic!("{name} is not in {body}")).to_owned()
}

#[test]
fn a_cursor_of_another_query_is_refused() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        let older = cursor(&server, "keyword=ERROR&exclude=/login", "older");
        // The order of filters, and what only says how much is wanted, are no part of the query.
        for query in ["exclude=/login&keyword=ERROR", "keyword=ERROR&exclude=/login&timeout=5s"] {
            let (status, body) = server.ask(&format!("{query}&cursor={older}"));
            assert_eq!(status, 200, "{query}: {body}");
        }
        for query in [
            "keyword=ERROR",
            "keyword=INFO&exclude=/login",
            "keyword=ERROR&exclude=/login&ignore_case=true",
            "keyword=ERROR&exclude=/login&since=2026-11-01T00:00:00Z",
            "keyword=ERROR&exclude=/login&regex=a",
        ] {
            let problem = server.refused(&format!("{query}&cursor={older}"));
            assert_eq!(problem["code"], "cursor_mismatch", "{query}: {problem}");
        }
        let (status, body) =
            server.ask_about("dpkg.log", &format!("keyword=ERROR&exclude=/login&cursor={older}"));
        assert_eq!(status, 400, "{body}");
        assert!(body.contains("cursor_mismatch"), "{body}");
    }
}

#[test]
fn a_time_that_counts_from_now_stays_what_it_was_at_the_first_page() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        let query = "since=90000d&until=now";
        let (status, body) = server.ask(query);
        assert_eq!(status, 200, "{body}");
        let (first, older) = (verdict(&body), cursor(&server, query, "older"));
        std::thread::sleep(std::time::Duration::from_millis(2));
        let (status, body) = server.ask(&format!("{query}&cursor={older}"));
        assert_eq!(status, 200, "{body}");
        let next = verdict(&body);
        assert_eq!((&next["status"], &next["lines"]), (&"complete".into(), &1.into()), "{body}");
        // The cursor is of the second answer to the first page.
        for edge in ["since", "until"] {
            let (one, two) = (first[edge].as_str().unwrap(), next[edge].as_str().unwrap());
            assert!(one <= two, "{edge}: {one} {two}");
        }
        let again = server.ask(&format!("{query}&cursor={older}")).1;
        assert_eq!(verdict(&again)["until"], next["until"], "the cursor says which range it is");
    }
}

#[test]
fn a_cursor_that_was_changed_brings_no_other_file_and_no_failure() {
    let sample = Sample::start();
    std::fs::write(sample.log("secondary-1", "other.log"), "2026-11-20T00:00:00Z secret\n".repeat(50))
        .unwrap();
    for server in Server::both(&sample) {
        for name in ["older", "newer"] {
            let word = cursor(&server, "keyword=ERROR", name);
            let bytes = URL_SAFE_NO_PAD.decode(&word).unwrap();
            for at in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[at] ^= 1 << (at % 8);
                let changed = URL_SAFE_NO_PAD.encode(changed);
                let (status, body) = server.ask(&format!("keyword=ERROR&cursor={changed}"));
                assert!(matches!(status, 200 | 400 | 410), "byte {at} of {name}: {status} {body}");
                assert!(!body.contains("secret"), "{body}");
            }
            for len in (0..word.len()).step_by(7) {
                let (status, body) = server.ask(&format!("keyword=ERROR&cursor={}", &word[..len]));
                assert!(matches!(status, 400 | 410), "{len} letters of {name}: {status} {body}");
            }
        }
    }
}

#[test]
fn a_place_that_is_gone_is_a_410_that_says_what_to_do() {
    let sample = Sample::start();
    let log = sample.log("secondary-1", "app.log");
    let [secondary, primary] = Server::both(&sample);
    let (one, two) =
        (cursor(&secondary, "keyword=ERROR", "older"), cursor(&primary, "keyword=ERROR", "older"));
    // Another file has the name now, and the old one is nowhere.
    std::fs::remove_file(&log).unwrap();
    std::fs::write(&log, "2026-11-26 00:00:00.000 ERROR of another file\n".repeat(100)).unwrap();
    for (server, cursor) in [(secondary, one), (primary, two)] {
        let (status, body) = server.ask(&format!("keyword=ERROR&cursor={cursor}"));
        assert_eq!(status, 410, "{body}");
        let problem: Value = serde_json::from_str(body.lines().next().unwrap()).unwrap();
        assert_eq!(problem["code"], "cursor_gone", "{body}");
        assert!(problem["detail"].as_str().unwrap().contains("cursor"), "{body}");
    }
}
