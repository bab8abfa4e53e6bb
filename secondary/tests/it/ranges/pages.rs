//! Ranges on the pages of an answer, and at their edges.

use super::{BOTH, DAY, ask, check, line, number, range};
use crate::support::Server;

const UNTIMED: &str = "    at com.example.Main(Main.java:1)\n";

#[test]
fn a_page_without_times_of_a_file_with_times_is_an_answer() {
    for io in BOTH {
        let server = Server::start(io);
        let head = UNTIMED.repeat(40);
        let mut file = head.clone();
        file.extend((0..10).map(|at| line(DAY + at, 60)));
        server.write("app.log", file.as_bytes());
        let query = range(DAY, DAY + 100);
        let first = ask(&server, &format!("{query}&n=10"));
        let older = first.trailer("log-cursor-older").unwrap();
        check(&ask(&server, &format!("{query}&cursor={older}")), head.as_bytes(), "order");
        // What has come since has the time of the line before it.
        for (since, expected) in [(DAY, UNTIMED.repeat(3)), (DAY + 50, String::new())] {
            server.write("app.log", file.as_bytes());
            let query = range(since, DAY + 100);
            let first = ask(&server, &format!("{query}&n=10"));
            let newer = first.trailer("log-cursor-newer").unwrap();
            server.write("app.log", (file.clone() + &UNTIMED.repeat(3)).as_bytes());
            check(&ask(&server, &format!("{query}&cursor={newer}")), expected.as_bytes(), "order");
        }
        server.write("app.log", head.as_bytes());
        assert_eq!(ask(&server, &query).code(), "no_times");
        let none = ask(&server, &format!("{query}&n=0"));
        check(&none, b"", "order");
        assert_eq!(number(&none, "log-bytes-scanned"), 0, "nothing is wanted");
    }
}

#[test]
fn a_record_that_crosses_the_edge_is_found() {
    for io in BOTH {
        let server = Server::start(io);
        // The last line of the range crosses a page, so the edge is found right after it.
        let last = line(DAY + 2, 5);
        let used = line(DAY, 0).len() + line(DAY + 1, 0).len() + last.len();
        let file: String = [line(DAY, 4_096 + 10 - used), line(DAY + 1, 0), last]
            .into_iter()
            .chain((0..200).map(|at| line(DAY + 5_000 + at, 0)))
            .collect();
        server.write("app.log", file.as_bytes());
        let query = format!("{}&keyword=xxxxx%0A2026-11-05T01", range(DAY, DAY + 10));
        let whole = ask(&server, &format!("{query}&scan=all"));
        let expected = line(DAY + 2, 5) + &line(DAY + 5_000, 0);
        check(&whole, expected.as_bytes(), "scan");
        check(&ask(&server, &query), expected.as_bytes(), "order");
    }
}
