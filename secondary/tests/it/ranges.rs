//! Time ranges, against an oracle that judges each line of the file.

use crate::process::Process;
use crate::support::{Response, Server, find, raw};
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
                query += &format!("&n={n}");
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

/// A file whose clock was set back by an hour in the middle.
fn set_back() -> Vec<u8> {
    let times = (0..20_000).chain(16_400..40_000);
    times.flat_map(|at| line(DAY + at, 60).into_bytes()).collect()
}

#[test]
fn a_clock_that_was_set_back_is_told_and_nothing_is_lost() {
    for io in BOTH {
        let server = Server::start(io);
        let file = set_back();
        server.write("app.log", &file);
        for from in [16_450, 17_000, 18_000, 19_500] {
            let (since, until) = (DAY + from, DAY + from + 300);
            for keyword in ["", "GET", "5Z"] {
                let expected = oracle(&file, keyword, since, until, usize::MAX);
                let query = format!("{}&keyword={keyword}", range(since, until));
                let answer = ask(&server, &query);
                check(&answer, &expected, "scan");
                let disorder = number(&answer, "log-disorder-ms");
                assert!((3_000_000..=3_600_000).contains(&disorder), "{from} {keyword}: {disorder}");
                check(&ask(&server, &format!("{query}&scan=all")), &expected, "scan");
            }
            let expected = oracle(&file, "", since, i64::MAX, usize::MAX);
            check(&ask(&server, &format!("since={since}")), &expected, "scan");
        }
    }
}

#[test]
fn what_is_found_too_late_is_told_and_not_left_out() {
    for io in BOTH {
        let server = Server::start(io);
        let ordered = |from: i64, to: i64| -> String { (from..to).map(|at| line(DAY + at, 60)).collect() };
        // Ten lines are an hour too new, far from what is looked at first.
        let early = ordered(0, 20_000) + &ordered(24_000, 24_010);
        let file = early.clone() + &ordered(20_000, 90_000);
        server.write("app.log", file.as_bytes());
        let (since, until) = (DAY + 10_000, DAY + 40_000);
        let query = range(since, until);
        let answer = ask(&server, &query);
        check(&answer, &oracle(file.as_bytes(), "", since, until, usize::MAX), "scan");
        assert!(number(&answer, "log-disorder-ms") > 3_900_000);
        assert!(number(&answer, "log-bytes-scanned") >= file.len() as u64, "it had to be read");
        // Now there are records of the range after the edge.
        let file = early + &ordered(20_000, 70_123) + &ordered(30_000, 30_010) + &ordered(70_123, 90_000);
        server.write("app.log", file.as_bytes());
        let answer = ask(&server, &query);
        assert_eq!(answer.trailer("log-status"), Some("failed"), "{:?}", answer.trailers);
        let error = answer.trailer("log-error").unwrap();
        assert!(error.starts_with("out_of_order: ") && error.contains("scan=all"), "{error}");
        // Without trailers it is cut.
        let cut = server.get(&format!("/logs?filename=app.log&{query}"));
        assert!(!cut.complete);
        let expected = oracle(file.as_bytes(), "", since, until, usize::MAX);
        check(&ask(&server, &format!("{query}&scan=all")), &expected, "scan");
    }
}

#[test]
fn a_file_without_times_is_refused_and_an_empty_one_is_empty() {
    for io in BOTH {
        let server = Server::start(io);
        let text = b"no time in this line\n".repeat(400_000);
        for (name, bytes) in [("small.log", &text[..100]), ("large.log", &text[..])] {
            server.write(name, bytes);
            for more in ["since=15m", "until=now", "since=15m&scan=all", "since=15m&keyword=zzz"] {
                let answer = server.get(&format!("/logs?filename={name}&{more}"));
                assert_eq!((answer.status, answer.code().as_str()), (422, "no_times"), "{name} {more}");
                assert!(answer.text().contains("since and until"), "{answer:?}");
            }
            let relay =
                "te: trailers\r\nbackscroll-relay: x\r\naccept: application/vnd.backscroll.frames.v2\r\n";
            let answer = server.request("GET", &format!("/logs?filename={name}&since=15m"), relay);
            assert_eq!((answer.status, answer.code().as_str()), (422, "no_times"));
        }
        server.write("app.log", b"");
        check(&ask(&server, "since=15m"), b"", "order");
        server.write("app.log", &vec![0; 3 << 20]);
        let answer = ask(&server, "since=15m");
        assert_eq!(answer.trailer("log-status"), Some("complete"), "{answer:?}");
        let file = std::fs::File::create(server.dir.path().join("app.log")).unwrap();
        file.set_len(10 << 30).unwrap();
        let answer = ask(&server, "since=15m&until=now");
        assert_eq!(answer.trailer("log-status"), Some("complete"), "{answer:?}");
    }
}

#[test]
fn a_file_that_was_last_written_before_the_range_is_not_read() {
    for io in BOTH {
        let server = Server::start(io);
        let file: String = (0..1_000).map(|at| line(DAY + at, 60)).collect();
        server.write("app.log", file.as_bytes());
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(DAY).unwrap() + 1_000);
        let open = std::fs::File::options().write(true).open(server.dir.path().join("app.log")).unwrap();
        open.set_modified(modified).unwrap();
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
fn lines_without_a_time_have_that_of_the_line_before_them() {
    for io in BOTH {
        let server = Server::start(io);
        let mut file = "a head without a time\n".repeat(3);
        for at in 0..400 {
            file += &line(DAY + at * 60, 20);
            // Longer than a block now and then.
            let lines = if at % 100 == 50 { 20_000 } else { at % 3 };
            for frame in 0..lines {
                file += &format!("    at com.example.Main{frame}(Main.java:{at})\n");
            }
        }
        server.write("app.log", file.as_bytes());
        for (from, to) in [(0, 10), (49, 51), (50, 51), (51, 60), (149, 151), (350, 352), (300, 1_000)] {
            let (since, until) = (DAY + from * 60, DAY + to * 60);
            for keyword in ["", "Main1(", "Main19999("] {
                let expected = oracle(file.as_bytes(), keyword, since, until, usize::MAX);
                // The head stands before the first line with a time, which has to be in the range.
                let head = expected.len() - if from > 0 && keyword.is_empty() { 66 } else { 0 };
                let query = format!("{}&keyword={keyword}", range(since, until));
                let answer = ask(&server, &query);
                check(&answer, &expected[..head], "order");
                let across = format!("{}&keyword=Main1({}", range(since, until), "Main.java:50)%0A");
                let expected = oracle(file.as_bytes(), "Main1(Main.java:50)\n", since, until, usize::MAX);
                check(&ask(&server, &across), &expected, "order");
            }
        }
        let answer = ask(&server, &format!("until={}", DAY + 60));
        assert_eq!(number(&answer, "log-untimed"), 3, "the head");
        assert_eq!(number(&ask(&server, &format!("since={}&n=5", DAY + 60)), "log-untimed"), 0);
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
            assert_eq!(
                expected.len() as i64,
                (to.min(4) - from.min(4)) * 10_000 * line(DAY, 60).len() as i64
            );
            check(&ask(&server, &range(DAY + from, DAY + to)), &expected, "order");
        }
    }
}

#[test]
fn years_that_are_left_out_are_worked_out_across_new_year() {
    for io in BOTH {
        let server = Server::start(io);
        // 2025-12-31T12:00:00Z.
        let start = 1_767_182_400;
        let times = || (0..86_400).step_by(2).map(|at| start + at);
        let written = |at: i64| {
            let time = Timestamp::from_second(at).unwrap().strftime("%b %e %H:%M:%S").to_string();
            format!("{time} host app[1]: {}\n", "x".repeat(30))
        };
        let file: String = times().map(written).collect();
        server.write("app.log", file.as_bytes());
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(start).unwrap() + 86_400);
        let open = std::fs::File::options().write(true).open(server.dir.path().join("app.log")).unwrap();
        open.set_modified(modified).unwrap();
        for from in [0, 42_000, 43_000, 43_500, 80_000] {
            let (since, until) = (start + from, start + from + 600);
            let expected: String = times()
                .filter(|at| (since..until).contains(at))
                .map(written)
                .collect::<Vec<_>>()
                .into_iter()
                .rev()
                .collect();
            check(&ask(&server, &range(since, until)), expected.as_bytes(), "order");
        }
        check(&ask(&server, &range(start + 365 * 86_400, start + 366 * 86_400)), b"", "order");
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
        let lines: String =
            objects.iter().map(|record| format!("{}\n", record["line"].as_str().unwrap())).collect();
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
                _ => {}
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

#[test]
fn the_hour_that_comes_twice_is_told_apart_and_the_host_resolves_its_own_times() {
    let dir = tempfile::tempdir().unwrap();
    // 2026-10-25T00:00 in Berlin: 22:00Z. At 01:00Z clocks go back from 03:00 to 02:00.
    let midnight = 1_792_879_200;
    let zone = jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    let written = |at: i64| {
        let local = zone.to_datetime(Timestamp::from_second(at).unwrap());
        format!("{} {at} {}\n", local.strftime("%Y-%m-%d %H:%M:%S"), "x".repeat(40))
    };
    let times = || (0..10 * 3_600).map(|at| midnight + at);
    let file: String = times().map(written).collect();
    crate::support::write(&dir.path().join("app.log"), file.as_bytes());
    let mut command = Process::command();
    command.arg("--log-dir").arg(dir.path()).env("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
    let process = Process::start(&mut command);
    let (addr, _) = process.serving();
    let get = |query: &str| {
        let target = format!("/logs?filename=app.log&{query}");
        let head = "host: localhost\r\nconnection: close\r\nte: trailers\r\n";
        raw(addr, format!("GET {target} HTTP/1.1\r\n{head}\r\n").as_bytes())
    };
    let expected = |since: i64, until: i64, keyword: &str| -> String {
        let lines: Vec<String> = times().filter(|at| (since..until).contains(at)).map(written).collect();
        lines.into_iter().rev().filter(|line| line.contains(keyword)).collect()
    };
    for from in (0..9 * 3_600).step_by(1_200) {
        let (since, until) = (midnight + from, midnight + from + 900);
        // The lines between those that match are not searched, but tell which hour is meant.
        let alone = format!("{} x", midnight + from + 60);
        for keyword in ["", "7 x", "00 x", "999 x", &alone] {
            let answer = get(&format!("{}&keyword={}", range(since, until), keyword.replace(' ', "%20")));
            check(&answer, expected(since, until, keyword).as_bytes(), "order");
        }
    }
    let answer = get("since=2026-10-25T04:00&until=2026-10-25T04:00:05&tz=host");
    check(&answer, expected(midnight + 5 * 3_600, midnight + 5 * 3_600 + 5, "").as_bytes(), "order");
    assert_eq!(answer.header("log-since"), Some("2026-10-25T03:00:00.000000000Z"));
}
