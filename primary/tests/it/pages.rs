//! The cursors of one host, and hosts that do not know what they are asked.

use crate::liar::{COMPLETE, Liar, NDJSON, Step, TEXT, chunk, end, head, whole};
use crate::{configured, primary};
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::cursor::{Cursor, Digest, Direction, FileId, HostPlace, Place};
use std::time::Duration;

const ASK: &str = "/logs?hostname=web1&filename=app.log";

fn place(offset: u64) -> Place {
    let file = FileId { device: 1, inode: 2, head_len: 3, head: Digest(4) };
    Place { file, offset, floor: 0, end: 900, anchor: Some(Digest(5)) }
}

/// A host's cursor.
fn word(direction: Direction, offset: u64) -> String {
    let places = vec![HostPlace { host: String::new(), key: None, bound: None, place: place(offset) }];
    Cursor { direction, query: Digest(1), since: None, until: None, boundary: None, places }.encode()
}

/// The value of a field in an answer, as it was sent.
fn field<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    answer.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    })
}

fn ask(target: &str, fields: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: close\r\n{fields}\r\n")
}

#[tokio::test]
async fn the_cursors_of_a_host_go_through_the_primary_and_back() {
    let of_host = format!(
        "{COMPLETE}Log-Stopped: n\r\nLog-More: true\r\nLog-Range: scan\r\nLog-Cursor-Older: {}\r\nLog-Cursor-Newer: {}\r\n",
        word(Direction::Older, 70),
        word(Direction::Newer, 900)
    );
    let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(&of_host)]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let got = primary.raw(&ask(ASK, "")).await;
    let told = ["log-status", "log-stopped", "log-more", "log-range"].map(|name| field(&got, name));
    assert_eq!(told, [Some("complete"), Some("n"), Some("true"), Some("scan")], "{got}");
    let mine = LogQuery::parse(&ASK[6..], Audience::Primary).unwrap().digest();
    for (name, direction, offset) in
        [("log-cursor-older", Direction::Older, 70), ("log-cursor-newer", Direction::Newer, 900)]
    {
        let cursor = field(&got, name).unwrap();
        let decoded = Cursor::decode(cursor.as_bytes()).unwrap();
        assert_eq!((decoded.direction, decoded.query), (direction, mine));
        assert_eq!(
            decoded.places,
            [HostPlace { host: "web1".to_owned(), key: None, bound: None, place: place(offset) }]
        );
        // Another number of records is the same query.
        primary.raw(&ask(&format!("{ASK}&n=3&cursor={cursor}"), "")).await;
        let asked = liar.heads.lock().unwrap().last().unwrap().clone();
        let query = asked.split(' ').nth(1).unwrap().strip_prefix("/logs?").unwrap().to_owned();
        let query = LogQuery::parse(&query, Audience::Secondary).unwrap();
        let sent = query.cursor.unwrap();
        assert_eq!((query.n, sent.direction, &*sent.places[0].host), (Some(3), direction, ""));
        assert_eq!(sent.places[0].place, place(offset));
    }
    let older = field(&got, "log-cursor-older").unwrap();
    let asked = liar.asked();
    let other = primary.raw(&ask(&format!("{ASK}&keyword=x&cursor={older}"), "")).await;
    assert!(other.starts_with("HTTP/1.1 400") && other.contains("cursor_mismatch"), "{other}");
    let cut = primary.raw(&ask(&format!("{ASK}&cursor={}", &older[1..]), "")).await;
    assert!(cut.starts_with("HTTP/1.1 400") && cut.contains("bad_parameter"), "{cut}");
    assert_eq!(liar.asked(), asked, "no host is asked");
    // The same in NDJSON, and none of it in the verdict on the host.
    let liar = Liar::new(vec![head(NDJSON), end(&of_host.replace("Lines: 2", "Lines: 0"))]).await;
    let primary = crate::primary(configured(&[("web1", liar.url())])).await;
    let got = primary.curl(ASK, &["-H", "Accept: application/x-ndjson"]).await;
    let end: serde_json::Value = serde_json::from_str(&got.out).unwrap();
    let end = &end["end"];
    assert_eq!(end["older"], older);
    assert!(end["hosts"]["web1"].get("older").is_none() && end["hosts"]["web1"]["more"] == true, "{end}");
}

#[tokio::test]
async fn a_cursor_that_is_none_is_not_passed_on() {
    for bad in ["x".to_owned(), word(Direction::Newer, 7)] {
        let of_host = format!("{COMPLETE}Log-Stopped: n\r\nLog-Cursor-Older: {bad}\r\n");
        let liar = Liar::new(vec![head(TEXT), chunk("b\na\n"), end(&of_host)]).await;
        let primary = primary(configured(&[("web1", liar.url())])).await;
        let got = primary.raw(&ask(ASK, "")).await;
        assert_eq!(field(&got, "log-cursor-older"), None, "{got}");
    }
}

#[tokio::test]
async fn a_host_that_hangs_past_the_time_of_the_request_ends_in_time() {
    let line = "{\"host\":\"web1\",\"file\":\"app.log\",\"offset\":7,\"line\":\"a\"}\n";
    for (script, lines) in [
        (vec![Step::Hang], 0),
        (vec![head(NDJSON), chunk(line), Step::Hang], 1),
        (vec![head(NDJSON), Step::Hang], 0),
    ] {
        let liar = Liar::new(script).await;
        let mut config = configured(&[("web1", liar.url())]);
        (config.times.head, config.times.idle) = (Duration::from_mins(1), Duration::from_mins(1));
        let primary = primary(config).await;
        let mine = LogQuery::parse(&ASK[6..], Audience::Primary).unwrap().digest();
        let places = vec![HostPlace { host: "web1".to_owned(), key: None, bound: None, place: place(70) }];
        let direction = Direction::Older;
        let cursor =
            Cursor { direction, query: mine, since: None, until: None, boundary: None, places }.encode();
        let target = format!("{ASK}&timeout=1s&cursor={cursor}");
        let got = primary.curl(&target, &["-H", "Accept: application/x-ndjson"]).await;
        let end: serde_json::Value = serde_json::from_str(got.out.lines().last().unwrap()).unwrap();
        let end = &end["end"];
        assert_eq!((&end["status"], &end["stopped"]), (&"partial".into(), &"timeout".into()), "{end}");
        assert_eq!((&end["error"]["code"], &end["lines"]), (&"timeout".into(), &lines.into()), "{end}");
        assert_eq!((end["hosts"]["web1"]["status"].as_str(), got.exit), (Some("timeout"), 18), "{end}");
        // Where nothing was delivered, the next page is this one.
        assert_eq!(end.get("older").is_some(), lines == 0, "{end}");
        assert!(end.get("older").is_none_or(|older| *older == cursor.as_str()), "{end}");
        let asked = liar.heads.lock().unwrap().last().unwrap().clone();
        let told = asked.split(['&', ' ']).find_map(|part| part.strip_prefix("timeout=")).unwrap();
        let told: u64 = told.strip_suffix("ms").unwrap().parse().unwrap();
        assert!((100..=900).contains(&told), "{asked}");
    }
}

#[tokio::test]
async fn a_host_of_an_older_version_is_named_and_has_to_be_updated() {
    let problem = "{\"type\":\"about:blank\",\"status\":400,\"code\":\"unknown_parameter\",\"detail\":\"unknown parameter since\"}";
    let liar =
        Liar::new(whole("400 Bad Request", "Content-Type: application/problem+json\r\n", problem)).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    for target in [ASK, "/logs?filename=app.log"] {
        let got = primary.curl(&format!("{target}&since=15m"), &[]).await;
        let told = "the secondary of host web1 is older than this primary and has to be updated: unknown parameter since";
        assert!(got.log.contains("< http/1.1 400 ") && got.out.contains(told), "{got:?}");
    }
    let asked = liar.heads.lock().unwrap().last().unwrap().clone();
    // It is resolved here, once.
    assert!(asked.contains("&since=20") && !asked.contains("15m"), "{asked}");
}

#[tokio::test]
async fn the_range_is_in_the_head_and_in_the_verdict() {
    let liar = Liar::new(vec![head(NDJSON), end(&COMPLETE.replace("Lines: 2", "Lines: 0"))]).await;
    let primary = primary(configured(&[("web1", liar.url())])).await;
    let target = format!("{ASK}&since=2026-01-02T03:04:05Z&until=1767323046");
    let got = primary.curl(&target, &["-H", "Accept: application/x-ndjson"]).await;
    assert!(got.log.contains("< log-since: 2026-01-02t03:04:05.000000000z"), "{got:?}");
    assert!(got.log.contains("< log-until: 2026-01-02t03:04:06.000000000z"), "{got:?}");
    assert!(got.out.contains("\"since\":\"2026-01-02T03:04:05.000000000Z\""), "{got:?}");
}
