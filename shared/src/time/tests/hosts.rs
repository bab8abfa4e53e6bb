//! Lines without a zone and without a year.

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
fn a_time_is_told_in_utc_with_nine_digits_so_that_it_sorts_as_text() {
    for (nanos, offset_minutes, expected) in [
        (0, 0, "1970-01-01T00:00:00.000000000Z"),
        (50, -1, "1970-01-01T00:00:00.000000050Z"),
        (500_000_000, 845, "1970-01-01T00:00:00.500000000Z"),
        (-1, 0, "1969-12-31T23:59:59.999999999Z"),
        (i64::MIN, 0, "1677-09-21T00:12:43.145224192Z"),
        (i64::MAX, 0, "2262-04-11T23:47:16.854775807Z"),
    ] {
        let mut out = Vec::new();
        LineTime { nanos, offset_minutes }.push_rfc3339(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

/// The years of lines, newest first, in a file that was last written at `modified`.
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
        "Jan 15 00:00:00 of a step back",
        "Dec 31 20:59:59 and forth",
    ];
    let expected = ["2024", "2023", "2024", "2023", "2024", "2023", "2023", "2023"];
    assert_eq!(years("2024-01-02T00:00:00Z", &lines), expected);
}

#[test]
fn a_step_of_months_back_and_forth_is_not_a_year() {
    let boot: Vec<String> =
        (0..500).rev().map(|n| format!("Jan  1 00:{:02}:{:02} boot", n / 60, n % 60)).collect();
    let mut lines = vec!["Nov 25 12:00:00 on", "Nov 25 11:00:00 set"];
    lines.extend(boot.iter().map(String::as_str));
    lines.extend(["Nov 25 10:59:00 before", "Nov 25 10:58:00 h", "Jan  2 00:00:00 h", "Dec 31 23:00:00 h"]);
    let mut expected = vec!["2026"; 505];
    expected.push("2025");
    assert_eq!(years("2026-11-25T12:00:05Z", &lines), expected);

    let turns = ["Feb 21 12:00:01 live", "Jan 11 00:10:01 backlog", "Dec  9 00:00:00 another backlog"];
    let lines: Vec<&str> = turns.iter().copied().cycle().take(3000).collect();
    let of = |line: &str| if line.starts_with("Dec") { "2025" } else { "2026" };
    let expected: Vec<&str> = lines.iter().map(|line| of(line)).collect();
    assert_eq!(years("2026-02-21T12:00:05Z", &lines), expected);
}

#[test]
fn a_log_of_a_line_a_month_goes_down_by_a_year_in_twelve() {
    let months = ["Dec", "Nov", "Oct", "Sep", "Aug", "Jul", "Jun", "May", "Apr", "Mar", "Feb", "Jan"];
    let lines: Vec<String> = (0..60).map(|n| format!("{} 10 04:00:00 h", months[n % 12])).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected: Vec<String> = (0..60).map(|n| format!("{}", 2026 - n / 12)).collect();
    assert_eq!(years("2026-12-11T00:00:00Z", &lines), expected);
}

#[test]
fn a_gap_of_months_and_then_a_line_a_day_is_no_step_back_and_forth() {
    let first = seconds("2026-12-01T00:00:00Z");
    let days: Vec<i64> = std::iter::once(first).chain((60..2000).map(|day| first - day * 86_400)).collect();
    let lines: Vec<String> = days
        .iter()
        .map(|day| jiff::Timestamp::from_second(*day).unwrap().strftime("%b %e 00:00:00 h").to_string())
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let expected: Vec<String> = days
        .iter()
        .map(|day| jiff::Timestamp::from_second(*day).unwrap().strftime("%Y").to_string())
        .collect();
    assert_eq!(years("2026-12-01T12:00:00Z", &lines), expected);
}

#[test]
fn no_year_is_before_the_epoch() {
    let mut times = LineTimes::with_zone(seconds("1975-07-01T00:00:00Z"), berlin());
    let lines = ["Jun  1 00:00:00 h", "Jul  1 00:00:00 h"];
    let years: Vec<_> = (0..40)
        .map(|n| times.of(lines[n % 2].as_bytes()).map(|time| rfc3339(time)[..4].to_owned()))
        .collect();
    assert!(years.iter().flatten().all(|year| year.as_str() >= "1969"), "{years:?}");
}

/// The times of lines, newest first, in a file that was last written at `modified`.
fn in_order(modified: &str, lines: &[&str]) -> Vec<String> {
    let mut times = LineTimes::with_zone(seconds(modified), berlin());
    lines.iter().map(|line| rfc3339(times.of(line.as_bytes()).unwrap())).collect()
}

#[test]
fn the_hour_that_comes_twice_is_told_by_the_files_order() {
    let lines = [
        "2026-10-25 03:05:00 x",
        "2026-10-25 02:40:00 x",
        "2026-10-25 02:05:01 x",
        "2026-10-25 02:05:04 mild disorder",
        "2026-10-25 02:50:00 x",
        "2026-10-25 02:10:00 x",
        "2026-10-25 01:50:00 x",
    ];
    let expected = [
        "2026-10-25T03:05:00+01:00",
        "2026-10-25T02:40:00+01:00",
        "2026-10-25T02:05:01+01:00",
        "2026-10-25T02:05:04+01:00",
        "2026-10-25T02:50:00+02:00",
        "2026-10-25T02:10:00+02:00",
        "2026-10-25T01:50:00+02:00",
    ];
    assert_eq!(in_order("2026-11-25T00:00:00Z", &lines), expected);
    // For the newest line, the file's last change tells, if that is near.
    assert_eq!(in_order("2026-10-25T01:40:00Z", &lines[1..2]), expected[1..2]);
    assert_eq!(in_order("2026-10-25T00:50:00Z", &lines[4..]), expected[4..]);
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
