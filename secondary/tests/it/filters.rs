//! Filters over HTTP, with both engines.

use crate::support::{Server, sleep};
use backscroll_secondary::Io;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// The lines for which `keep` holds, newest first.
fn newest(log: &str, keep: impl Fn(&str) -> bool) -> String {
    log.lines().rev().filter(|line| keep(line)).fold(String::new(), |all, line| all + line + "\n")
}

/// Which lines a case keeps.
type Keep<'a> = &'a dyn Fn(&str) -> bool;

#[test]
fn records_are_those_that_meet_every_condition() {
    let mut log = String::new();
    for number in 0..60_000 {
        let level = if number % 7 == 0 { "ERROR" } else { "info" };
        writeln!(log, "{level} user={number} took={}ms", number * 31 % 1500).unwrap();
    }
    for io in [Io::Uring, Io::Threads] {
        let server = Server::start(io);
        server.write("app.log", log.as_bytes());
        let took = |line: &str| line.rsplit('=').next().map_or(0, str::len) - 2;
        let cases: [(&str, Keep<'_>); 7] = [
            ("regex=%5CdERR", &|_| false),
            (r"regex=took%3D%5Cd{4}ms%24", &|line| took(line) == 4),
            (r"regex==%5Cd{3}ms%24&keyword=ERROR", &|line| took(line) == 3 && line.contains("ERROR")),
            ("ignore_case=true&keyword=error&exclude=USER=1", &|line| {
                line.contains("ERROR") && !line.contains("user=1")
            }),
            ("exclude=info", &|line| !line.contains("info")),
            ("exclude_regex=ms%24&exclude=x", &|_| false),
            ("exclude_regex=%5Einfo&regex=user%3D.*77&exclude=5", &|line| {
                !line.starts_with("info") && line.find("77").is_some_and(|at| at > 9) && !line.contains('5')
            }),
        ];
        for (filters, keep) in cases {
            let response = server.get(&format!("/logs?filename=app.log&{filters}"));
            assert_eq!(response.status, 200, "{filters}");
            assert!(response.text() == newest(&log, keep), "{filters}");
            let few = server.get(&format!("/logs?filename=app.log&n=3&{filters}"));
            let expected = newest(&log, keep);
            let expected: String = expected.split_inclusive('\n').take(3).collect();
            assert_eq!(few.text(), expected, "{filters}");
        }
    }
}

#[test]
fn a_bad_pattern_is_told_with_its_place() {
    let server = Server::start(Io::Uring);
    server.write("app.log", b"line\n");
    let response = server.get("/logs?filename=app.log&regex=a(?=b)");
    assert_eq!((response.status, response.code().as_str()), (400, "bad_pattern"));
    let body: serde_json::Value = serde_json::from_str(response.text()).unwrap();
    assert_eq!((body["parameter"].as_str(), body["position"].as_u64()), (Some("regex"), Some(1)));
    assert!(body["detail"].as_str().unwrap().contains("exclude"), "{body}");
    // It needs the thread that compiles.
    let large = server.get("/logs?filename=app.log&exclude_regex=(?u)%5Cw{900}");
    assert_eq!((large.status, large.code().as_str()), (400, "bad_pattern"));
    let both = server.get("/logs?filename=app.log&keyword=a%0Ab&exclude=c");
    assert_eq!((both.status, both.code().as_str()), (400, "conflicting_parameters"));
}

/// Each byte of the line needs a new state of this pattern, so the search takes minutes.
const SLOW: &str = "regex=[^x]*[aeiou][^x]{2000}x";

#[test]
fn the_slowest_pattern_holds_up_no_other_request() {
    for io in [Io::Uring, Io::Threads] {
        let server = Server::with(|config| {
            config.io = io;
            config.threads = 1;
        });
        let mut numbers = 1u32;
        let line: Vec<u8> = (0..8 << 20)
            .map(|_| {
                numbers = numbers.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"abcdeijou="[(numbers >> 16) as usize % 10]
            })
            .collect();
        server.write("slow.log", &line);
        server.write("app.log", b"line\n");
        let mut slow = server.connect();
        std::io::Write::write_all(
            &mut slow,
            format!("GET /logs?filename=slow.log&{SLOW} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes(),
        )
        .unwrap();
        // Long enough that the search has begun; if it has not, the test only shows less.
        sleep(Duration::from_millis(300));
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(server.get("/logs?filename=app.log").text(), "line\n");
        }
        // Not a measurement: without turns, the first one would wait for minutes.
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        drop(slow);
    }
}
