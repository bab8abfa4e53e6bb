//! What a line leaves out: the zone and the year.

use super::{LineTime, LineTimes, berlin, found, rfc3339, seconds};

#[test]
fn where_clocks_are_set_the_choice_is_jiffs() {
    for (line, expected) in [
        ("2024-03-31 01:59:59 x", "2024-03-31T01:59:59+01:00"),
        ("2024-03-31 02:30:00 jumped over", "2024-03-31T03:30:00+02:00"),
        ("2024-03-31 03:00:00 x", "2024-03-31T03:00:00+02:00"),
        ("2024-10-27 01:59:59 x", "2024-10-27T01:59:59+02:00"),
        ("2024-10-27 02:30:00 the earlier of two", "2024-10-27T02:30:00+02:00"),
        ("2024-10-27 03:00:00 x", "2024-10-27T03:00:00+01:00"),
    ] {
        assert_eq!(found(line).as_deref(), Some(expected), "{line}");
    }
}

#[test]
fn an_offset_is_written_to_the_minute() {
    for (offset_minutes, expected) in [
        (0, "1970-01-01T00:00:00.00000005Z"),
        (-1, "1969-12-31T23:59:00.00000005-00:01"),
        (845, "1970-01-01T14:05:00.00000005+14:05"),
    ] {
        assert_eq!(rfc3339(LineTime { nanos: 50, offset_minutes }), expected);
    }
    assert_eq!(rfc3339(LineTime { nanos: i64::MIN, offset_minutes: 0 }), "1677-09-21T00:12:43.145224192Z");
    assert_eq!(rfc3339(LineTime { nanos: i64::MAX, offset_minutes: 0 }), "2262-04-11T23:47:16.854775807Z");
}

/// The years of lines, newest first, of a file last written at `modified`.
fn years(modified: &str, lines: &[&str]) -> Vec<String> {
    let mut times = LineTimes::with_zone(seconds(modified), berlin());
    lines.iter().map(|line| rfc3339(times.of(line.as_bytes()).unwrap())[..4].to_owned()).collect()
}

#[test]
fn the_newest_line_is_not_later_than_the_files_last_change() {
    for (modified, line, year) in [
        ("2024-11-05T12:00:00Z", "Nov  5 10:11:12 h", "2024"),
        ("2024-11-05T09:00:00Z", "Nov  5 23:00:00 a host far in the east", "2024"),
        ("2024-11-03T12:00:00Z", "Nov  5 10:11:12 h", "2023"),
        ("2025-01-01T00:00:00Z", "Dec 31 23:00:00 h", "2024"),
        ("2024-12-31T23:30:00Z", "Jan  1 00:30:00 h", "2025"),
        ("2027-03-01T00:00:00Z", "Feb 29 00:30:00 h", "2024"),
        ("1900-01-01T00:00:00Z", "Feb 27 00:30:00 h", "1969"),
    ] {
        assert_eq!(years(modified, &[line]), [year], "{modified} {line}");
    }
}

#[test]
fn new_year_among_lines_out_of_order_costs_one_year() {
    let lines = [
        "Jan  1 02:00:00 h",
        "Dec 31 23:00:00 h",
        "Jan  1 01:00:00 h",
        "Dec 31 22:00:00 h",
        "Jan  1 00:00:01 h",
        "Dec 31 21:00:00 h",
        "Jan 15 00:00:00 h",
        "Dec 31 23:59:59 h",
    ];
    let expected = ["2024", "2023", "2024", "2023", "2024", "2023", "2023", "2022"];
    assert_eq!(years("2024-01-02T00:00:00Z", &lines), expected);
}

#[test]
fn a_february_29_lies_in_a_leap_year() {
    let lines = ["Mar  1 00:00:00 h", "Feb 29 12:00:00 h", "Feb 28 00:00:00 h", "Apr  1 00:00:00 h"];
    assert_eq!(years("2024-03-02T00:00:00Z", &lines), ["2024", "2024", "2024", "2023"]);
}

#[test]
fn any_time_of_the_last_change_will_do() {
    for modified in [i64::MIN, -1, 0, i64::MAX] {
        assert!(LineTimes::with_zone(modified, berlin()).of(b"Nov  5 10:11:12 h").is_some());
    }
}
