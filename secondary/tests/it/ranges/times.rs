//! Lines without a time, and times that leave something out.

use super::{BOTH, DAY, ask, check, last_written, line, number, oracle, range};
use crate::process::Process;
use crate::support::{Server, raw, write};
use jiff::Timestamp;
use std::fmt::Write as _;

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
fn lines_without_a_time_have_that_of_the_line_before_them() {
    for io in BOTH {
        let server = Server::start(io);
        let mut file = "a head without a time\n".repeat(3);
        for at in 0..400 {
            file += &line(DAY + at * 60, 20);
            // Longer than a block now and then.
            let lines = if at % 100 == 50 { 20_000 } else { at % 3 };
            for frame in 0..lines {
                writeln!(file, "    at com.example.Main{frame}(Main.java:{at})").unwrap();
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
        last_written(&server, start + 86_400);
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
    write(&dir.path().join("app.log"), file.as_bytes());
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
