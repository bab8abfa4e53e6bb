//! Odd values of parameters (H5): each is taken or refused with a reason, and none is a 5xx.

use super::Servers;
use super::client::{exchange, get};

/// Values of `n` that are whole numbers.
const NUMBERS: [&str; 8] =
    ["0", "1", "00", "007", "9223372036854775807", "9223372036854775808", "18446744073709551615", "%31"];

/// Values of `n` that are not.
const NO_NUMBERS: [&str; 26] = [
    "",
    "-1",
    "-0",
    "+1",
    "%2B1",
    "1e3",
    "1.0",
    "1.5",
    "0x10",
    "1_000",
    "1,000",
    "18446744073709551616",
    "99999999999999999999999999999999",
    "NaN",
    "inf",
    "null",
    "true",
    "%20",
    "1%20",
    "%201",
    "1%0A",
    "1%00",
    "%D9%A1",
    "%FF",
    "1%2C2",
    "[]",
];

/// Parts of a query that are refused.
const REFUSED: [&str; 55] = [
    "n=1&n=1",
    "n=1&n=2",
    "filename=app.log",
    "keyword=%",
    "keyword=%4",
    "keyword=%zz",
    "keyword=%%",
    "keyword=a%",
    "keyword=%u0041",
    "keyword=%0",
    "keyword=%-1",
    "keyword=a%0A&keyword=b",
    "%=1",
    "%6=1",
    "N=1",
    "Keyword=x",
    "keyword[]=x",
    "keyword%00=x",
    "keywords=x",
    "regex=(",
    "regex=%FF",
    "exclude_regex=(",
    "ignore_case=",
    "since=",
    "since=now&until=now",
    "until=2026-11-25",
    "tz=x",
    "scan=",
    "timeout=1",
    "follow=true",
    "cursor=",
    "cursor=x",
    "=",
    "=x",
    "x",
    "x=",
    "a=1;n=1",
    "__proto__=1",
    "%FF=1",
    "%0D%0AX:y=1",
    "n%20=1",
    "n=1?n=2",
    "hostname",
    "hostname=",
    "hostname=%FF",
    "on_error=",
    "on_error=Report",
    "on_error=x",
    "on_error=ignore&on_error=ignore",
    "filename=",
    "n=1&filename=%2e%2e/app.log",
    "limit=1",
    "tail=1",
    "format=json",
    "callback=x",
];

/// Parts of a query that change nothing.
const TAKEN: [&str; 19] = [
    "",
    "&",
    "&&&",
    "keyword=",
    "keyword",
    "keyword=&keyword=",
    "keyword=%25",
    "keyword=%00",
    "keyword=%C3%28",
    "keyword==",
    "keyword=a=b",
    "regex=",
    "regex=.",
    "exclude=",
    "exclude=%FF",
    "exclude_regex=",
    "ignore_case=false",
    "tz=host",
    "timeout=10m",
];

/// Names of a file that are refused, or that no file has.
const FILENAMES: [&str; 22] = [
    "",
    ".",
    "..",
    "/",
    "/app.log",
    "app.log/",
    "./app.log",
    "a/../app.log",
    "a//b",
    "%2e%2e%2fapp.log",
    "..%2f",
    "%00",
    "app.log%00",
    "app.log%00.txt",
    "%0A",
    "app.log%0A",
    "%7F",
    "app.log%20",
    "+app.log",
    "%5Capp.log",
    "app.log:stream",
    "~",
];

#[test]
fn odd_values_are_taken_or_refused_with_a_reason() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        let status = |query: &str| {
            let answer = get(address, &format!("/logs?{prefix}{query}"), "");
            if answer.status != 200 {
                // It is a problem, with a code.
                assert!(!answer.code().is_empty());
            }
            answer.status
        };
        for n in NUMBERS {
            assert_eq!(status(&format!("filename=app.log&n={n}")), 200, "{n}");
        }
        for n in NO_NUMBERS {
            assert_eq!(status(&format!("filename=app.log&n={n}")), 400, "{n}");
        }
        for part in REFUSED {
            assert_eq!(status(&format!("filename=app.log&{part}")), 400, "{part}");
        }
        for part in TAKEN {
            assert_eq!(status(&format!("filename=app.log&{part}")), 200, "{part}");
        }
        // No line of this file has a time.
        for part in ["since=2000-01-01T00:00:00Z", "until=2100-01-01+00:00:00+00:00"] {
            assert_eq!(status(&format!("filename=app.log&{part}")), 422, "{part}");
        }
        for name in FILENAMES {
            assert!(matches!(status(&format!("filename={name}")), 400 | 404), "{name}");
        }
        assert_eq!(status(&format!("filename={}", "a".repeat(4_096))), 404);
        assert_eq!(status(&format!("filename={}", "a".repeat(4_097))), 400);
        assert_eq!(status(&format!("filename=app.log{}", "&keyword=e".repeat(64))), 200);
        assert_eq!(status(&format!("filename=app.log{}", "&keyword=e".repeat(65))), 400);
        assert_eq!(status(&format!("filename=app.log{}", "&".repeat(7_000))), 200);
        assert_eq!(status(""), 400);
        for glob in ["[", "{", "{a,b", "**a", "\\", "%00", "%FF", "[z-a]", "{{{{", "***", "*****************"]
        {
            let answer = get(address, &format!("/files?{prefix}glob={glob}"), "");
            assert!(matches!(answer.status, 200 | 400), "{glob}: {answer:?}");
        }
        for path in ["/healthz", "/readyz", "/", "/hosts"] {
            let answer = get(address, &format!("{path}?x=1"), "");
            assert!(matches!(answer.status, 200 | 400 | 404), "{path}: {answer:?}");
        }
    }
}

#[test]
fn what_is_too_long_is_refused_with_the_limit() {
    let servers = Servers::start();
    for (address, prefix) in servers.both() {
        for (words, status, code) in [
            (format!("keyword={}", "k".repeat(9_000)), 414, "uri_too_long"),
            (format!("keyword={}", "k".repeat(1 << 20)), 414, "uri_too_long"),
            (format!("keyword={}", "%41".repeat(1 << 18)), 414, "uri_too_long"),
            ("&".repeat(1 << 20), 414, "uri_too_long"),
        ] {
            let request =
                format!("GET /logs?{prefix}filename=app.log&{words} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let answers = exchange(address, request.as_bytes(), &[]);
            assert_eq!((answers.len(), answers[0].status, answers[0].code().as_str()), (1, status, code));
        }
        for fields in [
            format!("X: {}\r\n", "y".repeat(1 << 20)),
            "X: y\r\n".repeat(1_000),
            format!("{}: y\r\n", "X".repeat(20_000)),
        ] {
            let request = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
            let answers = exchange(address, request.as_bytes(), &[]);
            let shown = &fields[..20];
            assert_eq!((answers.len(), answers[0].status), (1, 431), "{shown}: {answers:?}");
            assert_eq!(answers[0].code(), "headers_too_large");
        }
    }
}
