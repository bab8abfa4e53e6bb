use super::*;
use crate::query::{Audience, LogQuery};
use proptest::prelude::*;

const NOW: &str = "2026-11-27T10:00:00.5Z";

fn at(text: &str) -> i64 {
    i64::try_from(text.parse::<Timestamp>().unwrap().as_nanosecond()).unwrap()
}

fn parsed(query: &str) -> Result<TimeRange, Problem> {
    let now = || NOW.parse().unwrap();
    LogQuery::parse_at(&format!("filename=a&{query}"), Audience::Secondary, now).map(|query| query.range)
}

fn since(query: &str) -> Edge {
    parsed(&format!("since={query}")).unwrap_or_else(|problem| panic!("{query}: {problem:?}")).since.unwrap()
}

fn refused(query: &str) -> String {
    let problem = parsed(query).expect_err(query);
    assert_eq!(problem.code(), crate::wire::problem::Code::BadParameter, "{query}");
    problem.detail().to_owned()
}

#[test]
fn all_forms_of_times_are_read() {
    for (value, expected) in [
        ("2026-11-05T08:11:12Z", "2026-11-05T08:11:12Z"),
        ("2026-11-05t08:11:12.25z", "2026-11-05T08:11:12.25Z"),
        ("2026-11-05+08:11:12%2B02:00", "2026-11-05T06:11:12Z"),
        // The `+` of the offset that nobody has escaped.
        ("2026-11-05T08:11:12+02:00", "2026-11-05T06:11:12Z"),
        ("2026-11-05+08:11:12+0200", "2026-11-05T06:11:12Z"),
        ("2026-11-05T08:11-0330", "2026-11-05T11:41:00Z"),
        ("2026-11-05T08:11:12.123456789-05", "2026-11-05T13:11:12.123456789Z"),
        ("2026-11-05Z", "2026-11-05T00:00:00Z"),
        ("2026-11-05%2B02:00", "2026-11-04T22:00:00Z"),
        ("0", "1970-01-01T00:00:00Z"),
        ("1795000000", "2026-11-18T11:06:40Z"),
        ("1795000000.000000001", "2026-11-18T11:06:40.000000001Z"),
        ("1795000000.5", "2026-11-18T11:06:40.5Z"),
        ("1795000000123", "2026-11-18T11:06:40.123Z"),
        ("1795000000123456", "2026-11-18T11:06:40.123456Z"),
        ("1795000000123456789", "2026-11-18T11:06:40.123456789Z"),
        ("now", NOW),
        ("now-15m", "2026-11-27T09:45:00.5Z"),
        ("15m", "2026-11-27T09:45:00.5Z"),
        ("-15m", "2026-11-27T09:45:00.5Z"),
        ("1h30m", "2026-11-27T08:30:00.5Z"),
        ("2d", "2026-11-25T10:00:00.5Z"),
        ("1w", "2026-11-20T10:00:00.5Z"),
        ("1w1d1h1m1s500ms", "2026-11-19T08:58:59Z"),
        ("2026-11-05&tz=Europe/Berlin", "2026-11-04T23:00:00Z"),
        ("2026-07-05+12:00&tz=europe/berlin", "2026-07-05T10:00:00Z"),
        ("2026-07-05T12:00&tz=%2B02:00", "2026-07-05T10:00:00Z"),
        ("2026-07-05T12:00&tz=+0200", "2026-07-05T10:00:00Z"),
        ("2026-07-05T12:00&tz=Z", "2026-07-05T12:00:00Z"),
        ("2026-07-05T12:00&tz=-05", "2026-07-05T17:00:00Z"),
        // A zone of its own comes first.
        ("2026-07-05T12:00Z&tz=Europe/Berlin", "2026-07-05T12:00:00Z"),
        ("15m&tz=host", "2026-11-27T09:45:00.5Z"),
        // Clocks skip this hour, and the next one comes twice.
        ("2026-03-29T02:30&tz=Europe/Berlin", "2026-03-29T01:30:00Z"),
        ("2026-10-25T02:30&tz=Europe/Berlin", "2026-10-25T00:30:00Z"),
    ] {
        assert_eq!(since(value), Edge::At(at(expected)), "{value}");
    }
    assert_eq!(since("2026-11-05&tz=host"), Edge::OnHost("2026-11-05T00:00:00".parse().unwrap()));
}

#[test]
fn a_value_that_is_no_time_is_quoted_and_told_what_to_write() {
    for value in [
        "",
        "x",
        "yesterday",
        "2026-11",
        "2026-13-01Z",
        "2026-11-31Z",
        "2026-02-29Z",
        "2026-11-05T24:00Z",
        "2026-11-05T08:60Z",
        "2026-11-05T08:11:60Z",
        "2026-11-05T08:11:12.Z",
        "2026-11-05T08:11:12.1234567890Z",
        "2026-11-05T08Z",
        "2026-11-05T8:11Z",
        "26-11-05Z",
        "2026-11-05T08:11:12UTC",
        "2026-11-05T08:11:12%2B2",
        "2026-11-05T08:11:12%2B25:00",
        "2026-11-05T08:11:12%2B02:60",
        "2026/11/05",
        "0000-00-00",
        "99999-01-01",
        "15",
        "-15",
        "--15m",
        "15x",
        "15m15m",
        "30m1h",
        "1.5h",
        "m",
        "1h%20",
        "now%2B15m",
        "now15m",
        "Now",
        "%2B15m",
        "%FF",
        "1795000000123.5",
        "1.",
        ".5",
        "1.1234567890",
        "1.2.3",
        "2026-11-05T08:11:12Z%00",
        "%EF%BC%92026-11-05Z",
        "-",
        "now-",
        "10000000000w",
        "9999999999999999999h",
    ] {
        if value == "15" {
            continue; // Seconds.
        }
        let detail = refused(&format!("since={value}"));
        assert!(detail.starts_with("since is \""), "{value}: {detail}");
        assert!(refused(&format!("until={value}")).starts_with("until is \""), "{value}");
    }
    let long = refused(&format!("since={}", "9-".repeat(500)));
    assert!(long.contains('…') && long.len() < 400, "{long}");
}

#[test]
fn a_time_that_64_bits_do_not_hold_is_refused() {
    for value in [
        "0000-01-01Z",
        "1600-01-01Z",
        "2263-01-01Z",
        "9999-12-31T23:59:59Z",
        "99999999999",
        "99999999999999",
        "99999999999999999",
        "99999999999999999999",
        "99999999999999999999999999",
        "280y",
        "9999-12-31T23:59&tz=-23:59",
        "0000-01-01&tz=%2B23:59",
    ] {
        assert!(!refused(&format!("since={value}")).is_empty(), "{value}");
    }
}

#[test]
fn a_time_without_a_zone_needs_one() {
    for value in ["2026-11-05", "2026-11-05T08:11", "2026-11-05+08:11:12"] {
        let detail = refused(&format!("since={value}"));
        for word in ["append Z", "offset", "tz=", "tz=host"] {
            assert!(detail.contains(word), "{detail}");
        }
    }
}

#[test]
fn a_zone_that_is_not_known_is_refused_even_if_no_time_needs_it() {
    for tz in ["", "Europe/Berlim", "CEST5", "%2B2", "%2B24:00", "Host", "%FF", "..%2Fetc%2Fpasswd", "02:00"]
    {
        for times in ["", "&since=15m"] {
            let detail = refused(&format!("tz={tz}{times}"));
            assert!(detail.starts_with("tz is \""), "{detail}");
        }
    }
    assert!(refused("tz=Europe/Berlim").contains("did you mean Europe/Berlin?"));
    assert_eq!(parsed("tz=Asia/Tokyo").unwrap(), TimeRange::default());
    assert_eq!(parsed("tz=host").unwrap(), TimeRange::default());
}

#[test]
fn a_range_with_no_time_in_it_is_refused() {
    for query in [
        "since=15m&until=15m",
        "since=15m&until=1h",
        "since=2026-11-05Z&until=2026-11-05Z",
        "since=2026-11-06&until=2026-11-05&tz=host",
    ] {
        assert!(refused(query).contains("since is not before until"), "{query}");
    }
    assert!(parsed("since=1h&until=now").is_ok());
    assert!(parsed("since=1&until=2").is_ok());
}

#[test]
fn values_stand_once_and_scan_has_two() {
    for name in ["since", "until", "tz", "scan"] {
        let value = if name == "scan" {
            "all"
        } else if name == "tz" {
            "Z"
        } else {
            "15m"
        };
        let detail = refused(&format!("{name}={value}&{name}={value}"));
        assert!(detail.contains(&format!("{name} is given twice")), "{detail}");
    }
    assert!(refused("scan=some").contains("it must be auto or all"));
    assert!(refused("scan=").contains("it must be auto or all"));
}

#[test]
fn the_host_resolves_what_is_left_to_it_in_its_zone() {
    let zone = |name| crate::time::region(name).unwrap();
    let range = parsed("since=2026-11-05+03:00&until=2026-11-06&tz=host").unwrap();
    assert_eq!(range.instants(), Instants::default());
    let in_berlin = range.in_zone(&zone("Europe/Berlin")).unwrap();
    assert_eq!(in_berlin.since, Some(at("2026-11-05T02:00:00Z")));
    let in_tokyo = range.in_zone(&zone("Asia/Tokyo")).unwrap();
    assert_eq!(in_tokyo.until, Some(at("2026-11-05T15:00:00Z")));
    // Only there is it known that the first time is not before the second.
    let mixed = parsed("since=2026-11-05T03:00&until=2026-11-04T18:30Z&tz=host").unwrap();
    assert!(mixed.in_zone(&zone("Europe/Berlin")).is_err());
    assert!(mixed.in_zone(&zone("Asia/Tokyo")).is_ok());
    let early = TimeRange { since: Some(Edge::OnHost("0001-01-01T00:00:00".parse().unwrap())), until: None };
    assert!(early.in_zone(&zone("Asia/Tokyo")).unwrap_err().detail().starts_with("since is"));
}

#[test]
fn a_range_is_said_in_the_head_and_in_the_verdict() {
    let (mut head, mut verdict) = (HeaderMap::new(), Verdict::new(crate::wire::verdict::Status::Complete));
    Instants { since: Some(at("2026-11-05T08:00:00.5Z")), until: None }.write(&mut head);
    assert_eq!(head[headers::LOG_SINCE], "2026-11-05T08:00:00.500000000Z");
    assert!(!head.contains_key(headers::LOG_UNTIL));
    Instants { since: None, until: Some(0) }.fill(&mut verdict);
    assert_eq!((verdict.since, verdict.until.as_deref()), (None, Some("1970-01-01T00:00:00.000000000Z")));
}

proptest! {
    #[test]
    fn no_value_panics(value in prop::collection::vec(any::<u8>(), 0..40), tz in "[ -~]{0,12}") {
        let value = crate::query::as_parameter(&value).to_string();
        let tz = crate::query::as_parameter(tz.as_bytes()).to_string();
        let _ = parsed(&format!("since={value}&tz={tz}"));
        let _ = parsed(&format!("since={value}"));
    }

    #[test]
    fn nothing_that_looks_like_a_time_panics(value in "[0-9TZ:. +\\-wdhmsnow]{0,40}") {
        let value = crate::query::as_parameter(value.as_bytes()).to_string();
        for tz in ["Europe/Berlin", "host", "-23:59"] {
            let _ = parsed(&format!("since={value}&tz={tz}")).and_then(|range| range.on_host());
        }
    }

    #[test]
    fn a_range_survives_the_way_to_a_secondary(
        since in prop::option::of(any::<i64>()),
        until in prop::option::of(any::<i64>()),
        seconds in prop::option::of(0i64..4_000_000_000),
    ) {
        let mut range = TimeRange { since: since.map(Edge::At), until: until.map(Edge::At) };
        prop_assume!(since.is_none_or(|since| until.is_none_or(|until| since < until)));
        if let Some(seconds) = seconds {
            let civil = jiff::tz::Offset::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
            range.since = Some(Edge::OnHost(civil));
        }
        let mut query = LogQuery::parse("filename=a", Audience::Secondary).unwrap();
        query.range = range;
        prop_assert_eq!(LogQuery::parse(&query.for_secondary(), Audience::Secondary).unwrap(), query);
    }
}
