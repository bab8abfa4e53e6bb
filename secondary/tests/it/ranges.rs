//! Time ranges, against an oracle that judges each line of the file.

mod disorder;
mod pages;
mod times;

use crate::support::{Response, Server, find};
use backscroll_secondary::Io;
use backscroll_shared::wire::frames::{Decoder, Item};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, SystemTime};

const BOTH: [Io; 2] = [Io::Uring, Io::Threads];
/// 2026-11-05T00:00:00Z.
const DAY: i64 = 1_793_836_800;
const MIB: u64 = 1 << 20;

fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

fn line(seconds: i64, more: usize) -> String {
    format!("{} GET /{}\n", time(seconds), "x".repeat(more))
}

/// The lines of the range that hold `keyword`, newest first: each by its own time, else by that of the
/// nearest older line with one.
fn oracle(file: &[u8], keyword: &str, since: i64, until: i64, n: usize) -> Vec<u8> {
    let mut last = None;
    let mut found = Vec::new();
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        let own =
            std::str::from_utf8(line).ok().and_then(|line| line.split(' ').next()?.parse::<Timestamp>().ok());
        last = own.map(Timestamp::as_second).or(last);
        let is_in = last.is_none_or(|at| since <= at && at < until);
        if is_in && (keyword.is_empty() || find(line, keyword.as_bytes()).is_some()) {
            found.push(line);
        }
    }
    found.iter().rev().take(n).flat_map(|line| line.iter().copied()).collect()
}

fn ask(server: &Server, query: &str) -> Response {
    server.request("GET", &format!("/logs?filename=app.log&{query}"), "te: trailers\r\n")
}

/// Sets when the file was last written.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn last_written(server: &Server, seconds: i64) {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap());
    let file = std::fs::File::options().write(true).open(server.dir.path().join("app.log")).unwrap();
    file.set_modified(at).unwrap();
}

fn number(answer: &Response, name: &str) -> u64 {
    answer.trailer(name).unwrap_or("0").parse().unwrap()
}

fn range(since: i64, until: i64) -> String {
    format!("since={since}&until={until}")
}

#[track_caller]
fn check(answer: &Response, expected: &[u8], found_by: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.trailer("log-status"), Some("complete"), "{:?}", answer.trailers);
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let first = answer.body.iter().zip(expected).position(|(a, b)| a != b);
    assert!(
        answer.body == expected,
        "{} lines in place of {}, first difference {first:?}, {:?}",
        lines(&answer.body),
        lines(expected),
        answer.trailers
    );
    assert_eq!(answer.trailer("log-range"), Some(found_by), "{:?}", answer.trailers);
    assert_eq!(number(answer, "log-lines"), lines(expected) as u64);
}

#[derive(Debug, Clone)]
struct Case {
    count: i64,
    step: i64,
    jitter: Vec<i64>,
    untimed: Vec<bool>,
    lengths: Vec<usize>,
    edges: (f64, f64),
    keyword: &'static str,
    n: Option<usize>,
}

fn cases() -> impl Strategy<Value = Case> {
    let keywords = prop_oneof![Just(""), Just("xx"), Just("Main"), Just("7Z%20GET"), Just("GET%20/%0A")];
    (
        (1i64..6_000, 0i64..40),
        prop::collection::vec(0i64..=300, 1..50),
        prop::collection::vec(prop::bool::weighted(0.3), 1..40),
        prop::collection::vec(0usize..400, 1..20),
        (-0.1f64..1.1, -0.1f64..1.1),
        (keywords, prop::option::of(1usize..50)),
    )
        .prop_map(|((count, step), jitter, untimed, lengths, edges, (keyword, n))| Case {
            count,
            step,
            jitter,
            untimed,
            lengths,
            edges,
            keyword,
            n,
        })
}

impl Case {
    fn file(&self) -> Vec<u8> {
        let mut file = line(DAY - 301, 5);
        for at in 0..self.count {
            let index = usize::try_from(at).unwrap();
            if self.untimed[index % self.untimed.len()] {
                file.push_str("    at com.example.Main(Main.java:1)\n");
            }
            let seconds = DAY + at * self.step - self.jitter[index % self.jitter.len()];
            file.push_str(&line(seconds, self.lengths[index % self.lengths.len()]));
        }
        file.into_bytes()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a place in the file")]
    fn range(&self) -> (i64, i64) {
        let place = |part: f64| DAY + ((self.count * self.step) as f64 * part) as i64;
        let (one, other) = (place(self.edges.0), place(self.edges.1));
        (one.min(other), one.max(other) + 1)
    }
}

#[test]
fn disorder_within_the_slack_loses_nothing() {
    for io in BOTH {
        let server = Server::start(io);
        let config = Config { cases: 60, failure_persistence: None, ..Config::default() };
        let run = TestRunner::new(config).run(&cases(), |case| {
            let file = case.file();
            server.write("app.log", &file);
            let (since, until) = case.range();
            // A keyword that ends with a line feed finds the lines that it ends.
            let plain = case.keyword.replace("%20", " ").replace("%0A", "\n");
            let mut query = format!("{}&keyword={}", range(since, until), case.keyword);
            if let Some(n) = case.n {
                query = format!("{query}&n={n}");
            }
            let expected = oracle(&file, &plain, since, until, case.n.unwrap_or(usize::MAX));
            check(&ask(&server, &query), &expected, "order");
            check(&ask(&server, &format!("{query}&scan=all")), &expected, "scan");
            for (edge, (since, until)) in
                [(format!("since={since}"), (since, i64::MAX)), (format!("until={until}"), (i64::MIN, until))]
            {
                let expected = oracle(&file, &plain, since, until, 30);
                let query = format!("{edge}&keyword={}&n=30", case.keyword);
                check(&ask(&server, &query), &expected, "order");
            }
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn little_is_read_beside_the_range() {
    for io in BOTH {
        let server = Server::start(io);
        let file: String = (0..400_000).map(|at| line(DAY + at / 5, 60)).collect();
        server.write("app.log", file.as_bytes());
        for from in [0, 10, 20_000, 40_000, 79_000, 79_990] {
            let (since, until) = (DAY + from, DAY + from + 60);
            let expected = oracle(file.as_bytes(), "", since, until, usize::MAX);
            let answer = ask(&server, &range(since, until));
            check(&answer, &expected, "order");
            let beside = number(&answer, "log-bytes-scanned") - expected.len() as u64;
            assert!(beside <= MIB, "{from}: {beside}");
            let answer = ask(&server, &format!("{}&keyword=T00&n=3", range(since, until)));
            assert!(number(&answer, "log-bytes-scanned") <= expected.len() as u64 + MIB);
            check(&answer, &oracle(file.as_bytes(), "T00", since, until, 3), "order");
        }
    }
}

#[test]
fn a_range_in_a_hundred_gibibytes_with_holes_is_found() {
    const GIB: u64 = 1 << 30;
    for io in BOTH {
        let server = Server::start(io);
        let file = std::fs::File::create(server.dir.path().join("app.log")).unwrap();
        file.set_len(100 * GIB).unwrap();
        let mut all = Vec::new();
        for place in 0..100u64 {
            let from = DAY + i64::try_from(place).unwrap() * 3_600;
            let text: String = (0..1_000).map(|at| line(from + at * 3, 60)).collect();
            file.write_all_at(text.as_bytes(), place * GIB).unwrap();
            all.extend_from_slice(text.as_bytes());
        }
        for hour in [0, 1, 37, 98, 99] {
            let (since, until) = (DAY + hour * 3_600 + 1_000, DAY + hour * 3_600 + 1_060);
            let answer = ask(&server, &range(since, until));
            check(&answer, &oracle(&all, "", since, until, usize::MAX), "order");
            let read = number(&answer, "log-bytes-scanned");
            assert!(read <= 2 * MIB, "{hour}: {read}");
        }
    }
}

#[test]
fn a_file_that_was_last_written_before_the_range_is_not_read() {
    for io in BOTH {
        let server = Server::start(io);
        let file: String = (0..1_000).map(|at| line(DAY + at, 60)).collect();
        server.write("app.log", file.as_bytes());
        last_written(&server, DAY + 1_000);
        let answer = ask(&server, &format!("since={}", DAY + 1_302));
        check(&answer, b"", "order");
        assert_eq!(number(&answer, "log-bytes-scanned"), 0);
        let answer = ask(&server, &format!("since={}", DAY + 1_300));
        check(&answer, b"", "order");
        assert!(number(&answer, "log-bytes-scanned") > 0, "it may hold lines within the slack");
        let answer = ask(&server, &format!("since={}&scan=all", DAY + 5_000));
        check(&answer, b"", "scan");
        assert!(number(&answer, "log-bytes-scanned") >= file.len() as u64);
    }
}

#[test]
fn edges_lie_between_equal_times() {
    for io in BOTH {
        let server = Server::start(io);
        let file: String = (0..40_000).map(|at| line(DAY + at / 10_000, 60)).collect();
        server.write("app.log", file.as_bytes());
        for (from, to) in [(0, 1), (1, 2), (1, 3), (3, 4), (0, 4), (4, 5)] {
            let expected = oracle(file.as_bytes(), "", DAY + from, DAY + to, usize::MAX);
            let lines = usize::try_from(to.min(4) - from.min(4)).unwrap() * 10_000;
            assert_eq!(expected.len(), lines * line(DAY, 60).len());
            check(&ask(&server, &range(DAY + from, DAY + to)), &expected, "order");
        }
    }
}

#[test]
fn other_formats_have_the_same_records() {
    for io in BOTH {
        let server = Server::start(io);
        let file: String = (0..50_000).map(|at| line(DAY + at, 60)).collect();
        server.write("app.log", file.as_bytes());
        let (since, until) = (DAY + 20_000, DAY + 20_100);
        let target = format!("/logs?filename=app.log&{}", range(since, until));
        let expected = oracle(file.as_bytes(), "", since, until, usize::MAX);
        let json = server.request("GET", &target, "accept: application/x-ndjson\r\n");
        let mut objects: Vec<serde_json::Value> =
            json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let end = objects.pop().unwrap()["end"].take();
        let lines: String = objects
            .iter()
            .flat_map(|record| {
                [
                    record["line"].as_str().unwrap(),
                    "
",
                ]
            })
            .collect();
        assert_eq!(lines.as_bytes(), expected);
        assert_eq!(end["since"], "2026-11-05T05:33:20.000000000Z");
        assert_eq!(end["until"], "2026-11-05T05:35:00.000000000Z");
        assert_eq!((&end["range"], &end["lines"]), (&"order".into(), &100.into()));
        assert_eq!(json.header("log-since"), Some("2026-11-05T05:33:20.000000000Z"));
        assert_eq!(json.header("log-until"), Some("2026-11-05T05:35:00.000000000Z"));
        let relay = "te: trailers\r\nbackscroll-relay: x\r\naccept: application/vnd.backscroll.frames.v2\r\n";
        let framed = server.request("GET", &target, relay);
        let mut decoder = Decoder::default();
        decoder.push(framed.body.clone().into());
        let (mut lines, mut verdict) = (Vec::new(), None);
        while let Some(item) = decoder.next_item().unwrap() {
            match item {
                Item::Record(record) => lines.extend_from_slice(&[&record.bytes[..], b"\n"].concat()),
                Item::End(end) => verdict = Some(end),
                Item::Mark(_) => {}
            }
        }
        assert_eq!(lines, expected);
        let verdict = verdict.unwrap();
        assert_eq!((verdict.lines, verdict.range.unwrap().as_str()), (100, "order"));
        let head = server.request("HEAD", &target, "");
        assert_eq!(head.header("log-since"), Some("2026-11-05T05:33:20.000000000Z"));
        assert_eq!(server.get("/logs?filename=app.log&n=1").header("log-since"), None);
    }
}
