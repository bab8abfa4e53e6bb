//! What is done for a cursor before its answer begins has bounds.

use super::{Form, ask, page, rename};
use crate::support::Server;
use backscroll_secondary::Io;
use backscroll_shared::wire::cursor::Cursor;

#[test]
fn the_beginning_of_a_line_is_looked_for_within_eight_mebibytes() {
    let server = Server::start(Io::Threads);
    server.write("app.log", format!("first\n{}\nlast\n", "x".repeat(9 << 20)).as_bytes());
    let first = page(&server, Form::Ndjson, "&n=1", None);
    let cursor = Cursor::decode(first.older.unwrap().as_bytes()).unwrap();
    for (within, status) in [(7 << 20, 200), ((8 << 20) + (128 << 10), 410)] {
        let mut cursor = cursor.clone();
        let place = &mut cursor.places[0].place;
        (place.offset, place.anchor) = (6 + within, None);
        let answer = ask(&server, Form::Ndjson, "", Some(&cursor.encode()));
        assert_eq!(answer.status, status);
        if status == 410 {
            assert_eq!(answer.code(), "cursor_gone");
        } else {
            assert!(answer.text().contains("first"));
        }
    }
}

#[test]
fn the_time_of_a_request_holds_for_finding_its_place() {
    let server = Server::start(Io::Threads);
    server.write("app.log", b"a\nb\n");
    let first = page(&server, Form::Ndjson, "&n=1", None);
    rename(&server, "app.log", "other.log");
    // The place is looked for again after a pause, in case the file is being rotated.
    let answer = ask(&server, Form::Ndjson, "&timeout=1m", first.older.as_deref());
    assert_eq!((answer.status, answer.code().as_str()), (410, "cursor_gone"));
    let relayed = "backscroll-relay: web1\r\nte: trailers\r\nbackscroll-remaining-ms: 20\r\n";
    let target = format!("/logs?filename=app.log&cursor={}", first.older.unwrap());
    let answer = server.request("GET", &target, relayed);
    assert_eq!((answer.status, answer.code().as_str()), (503, "overloaded"));
}
