//! Rotated members next to the file that is read: what the verdict says of them.

use crate::support::{Response, Server};
use backscroll_secondary::Io;
use backscroll_secondary::config::Excludes;
use std::fs::File;
use std::time::{Duration, SystemTime};

fn both(test: impl Fn(Io)) {
    test(Io::Threads);
    test(Io::Auto);
}

/// A server with a log of so many lines, and with files beside it, the newest first.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn server(io: Io, lines: usize, beside: &[&str]) -> Server {
    let server = Server::with(|config| config.io = io);
    server.write("app/x y.log", "a line of the log\n".repeat(lines).as_bytes());
    for (age, name) in (1..).zip(beside) {
        server.write(&format!("app/{name}"), b"older\n");
        let file = File::options().append(true).open(server.dir.path().join("app").join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age * 100)).unwrap();
    }
    server
}

const MEMBERS: [&str; 3] = ["x y.log.1", "x y.log.2.gz", "x y.log.3.gz"];
const OTHERS: [&str; 5] = ["x y.log.swp", ".x y.log.1", "x y.log.1.tmp", "z.log.1", "x y.log.lock"];
const ASKED: &str = "/logs?filename=app/x+y.log";
const SAID: &str = "rotated_members (3): 3 rotated files of this log lie next to it and were not read: ask for the newest with filename=app/x%20y.log.1 and filename=app/x%20y.log.2.gz; a compressed one has to be unpacked first";

fn verdict(answer: &Response) -> serde_json::Value {
    serde_json::from_str::<serde_json::Value>(answer.text().lines().last().unwrap()).unwrap()["end"].clone()
}

#[test]
fn an_answer_that_wanted_more_says_that_rotated_files_lie_beside_it() {
    both(|io| {
        let server = server(io, 3, &[&MEMBERS[..], &OTHERS].concat());
        for query in ["", "&n=4", "&keyword=line", "&keyword=nothing&n=1"] {
            let target = format!("{ASKED}{query}");
            let text = server.get(&target);
            assert_eq!((text.status, text.header("log-notices")), (200, Some(SAID)), "{query}");
            let trailers = server.request("GET", &target, "te: trailers\r\n");
            assert_eq!(trailers.trailer("log-notices"), Some(SAID), "{query}");
            assert_eq!(trailers.trailer("log-status"), Some("complete"));
            assert_eq!(trailers.header("log-notices"), None);
            let end = verdict(&server.request("GET", &target, "accept: application/x-ndjson\r\n"));
            assert_eq!((&end["notices"][0]["count"], &end["status"]), (&3.into(), &"complete".into()));
            assert_eq!(end["notices"].as_array().unwrap().len(), 1);
        }
        let browser = server.request("GET", ASKED, "accept: text/html\r\n");
        assert!(browser.text().ends_with(&format!("log\n-- note: {}\n", SAID.split_once(": ").unwrap().1)));
        assert_eq!(server.get(ASKED).text(), "a line of the log\n".repeat(3), "the body is the lines alone");
    });
}

#[test]
fn an_answer_that_has_what_it_asked_for_says_nothing() {
    both(|io| {
        let full = server(io, 3, &MEMBERS);
        for query in ["&n=3", "&n=1", "&n=0", "&keyword=line&n=2"] {
            let answer = full.get(&format!("{ASKED}{query}"));
            assert_eq!((answer.status, answer.header("log-notices")), (200, None), "{query}");
        }
        let alone = server(io, 3, &OTHERS);
        assert_eq!(alone.get(ASKED).header("log-notices"), None);
        let end = verdict(&alone.request("GET", ASKED, "accept: application/x-ndjson\r\n"));
        assert!(end.get("notices").is_none());
    });
}

#[test]
fn a_long_answer_says_it_in_its_trailers() {
    both(|io| {
        let server = server(io, 100_000, &MEMBERS[..1]);
        let answer = server.request("GET", ASKED, "te: trailers\r\n");
        assert!(answer.complete && answer.body.len() > 1 << 20);
        assert!(answer.trailer("log-notices").unwrap().starts_with("rotated_members (1): a rotated file"));
        assert_eq!(server.get(&format!("{ASKED}&n=99999")).header("log-notices"), None);
    });
}

#[test]
fn members_that_the_caller_may_not_see_are_not_counted() {
    let server = server(Io::Threads, 3, &MEMBERS);
    let dir = server.dir.path().to_owned();
    for (exclude, files, count) in [
        ("nothing", "%2A%2A", 3),
        ("app/*.gz", "%2A%2A", 1),
        ("nothing", "app/x%20y.log", 0),
        ("nothing", "app/x%20y.log,app/%2A.gz", 2),
        ("app/*.1", "app/x%20y.log,app/%2A.gz", 2),
    ] {
        let excludes = Excludes::parse(&[exclude.into()]).unwrap();
        let dir = dir.clone();
        let closed = Server::with(|config| {
            (config.io, config.log_dir, config.excludes) = (Io::Threads, dir, excludes);
        });
        let fields = format!("backscroll-relay: web1\r\nte: trailers\r\nbackscroll-files: {files}\r\n");
        let answer = closed.request("GET", ASKED, &fields);
        let said = answer.trailer("log-notices").map(|text| text.split(':').next().unwrap().to_owned());
        let expected = (count > 0).then(|| format!("rotated_members ({count})"));
        assert_eq!((answer.status, said), (200, expected), "{exclude} {files}");
    }
}

#[test]
fn a_merge_gets_the_notices_in_its_last_frame() {
    let server = server(Io::Threads, 3, &MEMBERS);
    let accept = backscroll_shared::wire::frames::CONTENT_TYPE;
    let fields = format!("backscroll-relay: web1\r\nte: trailers\r\naccept: {accept}\r\n");
    let answer = server.request("GET", ASKED, &fields);
    let mut decoder = backscroll_shared::wire::frames::Decoder::default();
    decoder.push(answer.body.into());
    let mut last = None;
    while let Some(item) = decoder.next_item().unwrap() {
        last = Some(item);
    }
    let Some(backscroll_shared::wire::frames::Item::End(verdict)) = last else { panic!("{last:?}") };
    assert_eq!((verdict.notices.len(), verdict.notices[0].count), (1, 3));
}
