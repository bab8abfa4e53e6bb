//! The time that a client gives.

use super::{FORMS, Page, page};
use crate::support::{Server, endless};
use backscroll_secondary::Io;

#[test]
fn a_search_that_takes_too_long_ends_as_a_partial_one_with_a_cursor() {
    for io in [Io::Auto, Io::Threads] {
        let server = Server::start(io);
        let target = endless(server.dir.path());
        for form in FORMS {
            let fields = match form {
                super::Form::Trailers => "te: trailers\r\n",
                super::Form::Ndjson => "accept: application/x-ndjson\r\n",
            };
            let mut cursor = String::new();
            let mut offsets = vec![u64::MAX];
            for _ in 0..3 {
                let answer = server.request("GET", &format!("{target}&timeout=100ms{cursor}"), fields);
                assert_eq!(answer.status, 200);
                let partial = Page::of(form, &answer);
                assert_eq!(
                    (partial.status.as_str(), partial.stopped.as_deref()),
                    ("partial", Some("timeout"))
                );
                assert_eq!((partial.code.as_deref(), partial.more), (Some("timeout"), None));
                assert!(partial.lines.is_empty() && partial.newer.is_some());
                let older = partial.older.unwrap();
                let place = backscroll_shared::wire::cursor::Cursor::decode(older.as_bytes()).unwrap().places
                    [0]
                .place;
                assert!(place.offset < *offsets.last().unwrap(), "it goes on");
                offsets.push(place.offset);
                cursor = format!("&cursor={older}");
            }
        }
        // Without trailers it is cut.
        let cut = server.get(&format!("{target}&timeout=100ms"));
        assert_eq!((cut.status, cut.complete), (200, false));
    }
}

#[test]
fn an_answer_within_its_time_is_complete() {
    let server = Server::start(Io::Threads);
    server.write("app.log", b"a\nb\n");
    for form in FORMS {
        let whole = page(&server, form, "&timeout=10m", None);
        assert_eq!((whole.status.as_str(), whole.lines.len(), whole.code), ("complete", 2, None));
    }
}
