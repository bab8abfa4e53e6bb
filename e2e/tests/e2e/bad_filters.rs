//! Filters, times and cursors that are wrong: each has a 400 of its own, which quotes it and says what
//! to write instead. The real `curl` asks a secondary and a primary.

mod cursors;

use crate::support::{Sample, curl};
use backscroll_shared::query::as_parameter;
use serde_json::Value;
use std::net::SocketAddr;

/// Bytes of a detail at most, whatever it quotes.
const DETAIL_BYTES: usize = 600;

/// A server, and what a query to it begins with.
struct Server {
    address: SocketAddr,
    prefix: &'static str,
}

impl Server {
    fn both(sample: &Sample) -> [Server; 2] {
        [
            Server { address: sample.fleet.secondaries[0].1, prefix: "" },
            Server { address: sample.fleet.primary, prefix: "hostname=secondary-1&" },
        ]
    }

    /// The status and the body of an answer about `app.log`.
    fn ask(&self, query: &str) -> (u16, String) {
        self.ask_about("app.log", query)
    }

    fn ask_about(&self, file: &str, query: &str) -> (u16, String) {
        let url = format!("http://{}/logs?{}filename={file}&n=1&{query}", self.address, self.prefix);
        let output = curl(&["-g", "-w", "\n%{http_code}", "-H", "Accept: application/x-ndjson", &url]);
        let text = String::from_utf8(output.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        (status.parse().unwrap(), body.to_owned())
    }

    /// The problem with which a query is refused.
    fn refused(&self, query: &str) -> Value {
        let (status, body) = self.ask(query);
        let problem: Value = serde_json::from_str(body.lines().next().unwrap_or_default())
            .unwrap_or_else(|error| panic!("{query}: {status} {body}: {error}"));
        assert_eq!((status, problem["status"].as_u64()), (400, Some(400)), "{query}: {body}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.len() <= DETAIL_BYTES, "{query}: {} bytes: {detail}", detail.len());
        assert!(!detail.contains(char::is_control), "{query}: {detail:?}");
        problem
    }
}

/// Checks what a query with one parameter is refused with: the code, and words of the detail. The
/// detail also names the parameter.
fn check(server: &Server, name: &str, value: &str, code: &str, words: &[&str]) {
    let query = format!("{name}={}", as_parameter(value.as_bytes()));
    let problem = server.refused(&query);
    let detail = problem["detail"].as_str().unwrap();
    assert_eq!(problem["code"], code, "{name}={value}: {detail}");
    for word in words.iter().chain(&[name]) {
        assert!(detail.contains(word), "{name}={value}: {word:?} is not in {detail:?}");
    }
    if code == "bad_pattern" {
        assert_eq!(problem["parameter"], name, "{value}: {problem}");
        assert!(problem["position"].as_u64().unwrap() <= value.len() as u64, "{value}: {problem}");
    }
}

/// Values that are no times, and words of what is said of them.
const TIMES: &[(&str, &[&str])] = &[
    ("", &[]),
    ("yesterday", &["\"yesterday\"", "15m"]),
    ("2026-13-01T00:00:00Z", &["2026-13-01"]),
    ("2026-02-30T00:00:00Z", &["2026-02-30"]),
    ("2026-11-25T25:00:00Z", &["25:00"]),
    ("2026-11-25T12:61:00Z", &["12:61"]),
    ("2026-11-25T12:00:60Z", &["12:00:60"]),
    ("2026-11-25T12:00:00+99:00", &["+99:00"]),
    ("2026-11-25", &["2026-11-25", "tz", "Z"]),
    ("2026-11-25T12:00:00", &["2026-11-25T12:00:00", "tz", "Z"]),
    ("2026-11-25 12:00:00.5", &["12:00:00.5", "tz"]),
    ("25.11.2026", &["25.11.2026"]),
    ("99999999999999999999999", &["99999999999999999999999"]),
    ("9223372036854775808", &["9223372036854775808"]),
    ("1e9", &["1e9"]),
    ("0x10", &["0x10"]),
    ("5x", &["5x", "15m"]),
    ("15", &["15"]),
    ("15 m", &["15 m"]),
    ("1y", &["1y"]),
    ("-", &["\"-\""]),
    ("now-", &["now-"]),
    ("now+15m", &["now+15m"]),
    ("99999999999w", &["99999999999w"]),
    ("-15m-", &["-15m-"]),
    ("\u{ff11}\u{ff15}m", &["m"]),
    ("12:00\r\nX: y", &["12:00"]),
];

#[test]
fn each_bad_time_is_quoted_with_what_to_write() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        for name in ["since", "until"] {
            for (value, words) in TIMES {
                // Digits alone may be seconds since 1970, and those are a time.
                if *value != "15" {
                    check(&server, name, value, "bad_parameter", words);
                }
            }
            check(&server, name, &"2026-".repeat(400), "bad_parameter", &["2026-2026-"]);
            assert_eq!(server.refused(&format!("{name}=%FF"))["code"], "bad_parameter");
            let twice = server.refused(&format!("{name}=15m&{name}=15m"));
            assert!(twice["detail"].as_str().unwrap().contains("twice"), "{twice}");
        }
        for (since, until) in [
            ("2026-11-25T12:00:00Z", "2026-11-25T12:00:00Z"),
            ("2026-11-25T12:00:01Z", "2026-11-25T13:00:00%2B01:00"),
            ("5m", "15m"),
            ("now", "now"),
        ] {
            let problem = server.refused(&format!("since={since}&until={until}"));
            let detail = problem["detail"].as_str().unwrap();
            assert!(["bad_parameter", "conflicting_parameters"].contains(&problem["code"].as_str().unwrap()));
            assert!(detail.contains("since") && detail.contains("until"), "{detail}");
        }
    }
}

/// Parameters that take one of a few words, or a form of their own.
const WORDS: &[(&str, &str, &[&str])] = &[
    ("tz", "", &[]),
    ("tz", "Mars/Phobos", &["Mars/Phobos", "Europe/Berlin"]),
    ("tz", "Europe/Berln", &["Europe/Berln", "Europe/Berlin"]),
    ("tz", "+25:00", &["+25:00"]),
    ("tz", "+2:0", &["+2:0"]),
    ("tz", "../etc/passwd", &["../etc/passwd"]),
    ("scan", "", &["auto", "all"]),
    ("scan", "some", &["some", "auto", "all"]),
    ("scan", "ALL", &["ALL", "all"]),
    ("ignore_case", "", &["true", "false"]),
    ("ignore_case", "maybe", &["maybe", "true", "false"]),
    ("ignore_case", "1", &["\"1\"", "true"]),
    ("ignore_case", "TRUE", &["TRUE", "true"]),
    ("timeout", "", &["100ms", "10m"]),
    ("timeout", "0", &["\"0\"", "100ms", "10m"]),
    ("timeout", "99ms", &["99ms", "100ms"]),
    ("timeout", "11m", &["11m", "10m"]),
    ("timeout", "10m1s", &["10m1s", "10m"]),
    ("timeout", "5", &["\"5\"", "100ms"]),
    ("timeout", "-5s", &["-5s"]),
    ("timeout", "5 s", &["5 s"]),
    ("timeout", "5parsecs", &["5parsecs"]),
    ("timeout", "999999999999999999999s", &["999999999"]),
    ("cursor", "", &["older", "newer"]),
    ("cursor", "x", &["\"x\"", "older", "newer"]),
    ("cursor", "not a cursor", &["not a cursor", "older"]),
    ("cursor", "AQ", &["AQ", "older"]),
    ("cursor", "AQ==", &["AQ==", "older"]),
    ("cursor", "\0", &["older"]),
];

#[test]
fn each_unknown_word_is_quoted_with_the_known_ones() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        for (name, value, words) in WORDS {
            check(&server, name, value, "bad_parameter", words);
        }
        for (name, value) in [
            ("tz", "Europe/Berlin"),
            ("scan", "auto"),
            ("ignore_case", "true"),
            ("timeout", "5s"),
            ("cursor", "x"),
        ] {
            let query = format!("{name}={value}&{name}={value}");
            let problem = server.refused(&query);
            assert_eq!(problem["code"], "bad_parameter", "{query}");
            // A cursor that is none may be told first.
            let is_told = problem["detail"].as_str().unwrap().contains("twice") || name == "cursor";
            assert!(is_told, "{problem}");
        }
        check(&server, "cursor", &"A".repeat(4_000), "bad_parameter", &["AAAA", "older"]);
        check(&server, "tz", &"A".repeat(4_000), "bad_parameter", &["AAAA"]);
    }
}

/// Expressions that are wrong, and words of what is said of them.
const PATTERNS: &[(&str, &[&str])] = &[
    ("(", &[]),
    (")", &[]),
    ("a)", &[]),
    ("[a", &["[a"]),
    ("[z-a]", &["[z-a]"]),
    ("*a", &["*a"]),
    ("a{2,1}", &["a{2,1}"]),
    ("a{", &["a{"]),
    ("\\", &[]),
    ("\\y", &[]),
    ("(?x", &["(?x"]),
    ("(?P<n>a)(?P<n>b)", &[]),
    ("status=(?!200)", &["status=(?!200)", "exclude"]),
    ("(?=a)", &["exclude"]),
    ("(?<!a)b", &["exclude"]),
    ("(?<=a)b", &["exclude"]),
    ("(a)\\1", &["(a)"]),
    ("[\u{e4}\u{f6}]", &["(?u)"]),
    ("\\p{Greek}", &["(?u)"]),
    ("a\nb", &["line"]),
    ("a\\nb", &["line"]),
    ("(?:a{1000}){1000}", &[]),
];

#[test]
fn each_bad_pattern_is_quoted_with_its_place_and_what_to_write() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        for name in ["regex", "exclude_regex"] {
            for (value, words) in PATTERNS {
                check(&server, name, value, "bad_pattern", words);
            }
            let nested = format!("{}a{}", "(".repeat(51), ")".repeat(51));
            check(&server, name, &nested, "bad_pattern", &["50"]);
            let taken = format!("{name}={}a{}", "(".repeat(49), ")".repeat(49));
            assert_eq!(server.ask(&taken).0, 200, "{taken}");
            let long = server.refused(&format!("{name}={}", "a".repeat(1_025)));
            assert_eq!(long["code"], "bad_pattern", "{long}");
            assert_eq!(server.ask(&format!("{name}={}", "a".repeat(1_024))).0, 200);
        }
        let sixteen = format!("{}{}", "regex=a&".repeat(8), "exclude_regex=b&".repeat(8));
        assert_eq!(server.ask(&sixteen).0, 200);
        let many = server.refused(&format!("{sixteen}regex=c"));
        assert_eq!(many["code"], "bad_pattern", "{many}");
        assert!(many["detail"].as_str().unwrap().contains("16"), "{many}");
    }
}

#[test]
fn what_makes_no_sense_together_is_refused_with_both_names() {
    let sample = Sample::start();
    for server in Server::both(&sample) {
        for (query, names) in [
            ("keyword=a%0Ab&regex=c", ["keyword", "regex"]),
            ("keyword=a%0Ab&exclude=c", ["keyword", "exclude"]),
            ("exclude_regex=c&keyword=a%0Ab", ["keyword", "exclude_regex"]),
            ("keyword=a%0Ab&keyword=c", ["keyword", "line feed"]),
        ] {
            let problem = server.refused(query);
            assert_eq!(problem["code"], "conflicting_parameters", "{query}: {problem}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(names.iter().all(|name| detail.contains(name)), "{query}: {detail}");
        }
    }
}

#[test]
fn a_file_without_times_has_no_range() {
    let sample = Sample::start();
    let log = |name: &str| sample.log("secondary-1", name);
    std::fs::write(log("untimed.log"), "one\ntwo\nthree\n".repeat(40_000)).unwrap();
    std::fs::write(log("empty.log"), "").unwrap();
    for server in Server::both(&sample) {
        for range in ["since=2020-01-01T00:00:00Z", "until=2020-01-01T00:00:00Z", "since=15m&keyword=two"] {
            let (status, body) = server.ask_about("untimed.log", range);
            assert_eq!(status, 422, "{range}: {body}");
            let problem: Value = serde_json::from_str(body.lines().next().unwrap()).unwrap();
            assert_eq!(problem["code"], "no_times", "{body}");
            let (status, body) = server.ask_about("empty.log", range);
            assert_eq!(status, 200, "{body}");
            let end: Value = serde_json::from_str(body.lines().last().unwrap()).unwrap();
            assert_eq!(end["end"]["status"], "complete", "{body}");
        }
    }
}
