//! The table of lines, and changes that must make no difference.

use super::{LineTimes, berlin, rfc3339, seconds};
use crate::time::LineTime;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// Lines of all forms, with the zone of the host and their time.
const LINES: &str = include_str!("lines.tsv");

/// The last change of the file in the table.
const MODIFIED: &str = "2025-03-20T12:00:00Z";

struct Row {
    zone: TimeZone,
    line: Vec<u8>,
    /// In UTC, in the form of RFC 3339.
    expected: Option<&'static str>,
}

fn rows() -> impl Iterator<Item = Row> {
    LINES.lines().filter(|row| !row.starts_with('#')).map(|row| {
        let [_, zone, line, expected] = row.split('\t').collect::<Vec<_>>().try_into().expect(row);
        let zone = match zone {
            "berlin" => berlin(),
            "kolkata" => TimeZone::posix("IST-5:30").unwrap(),
            "new_york" => TimeZone::posix("EST5EDT,M3.2.0,M11.1.0").unwrap(),
            "utc" => TimeZone::UTC,
            _ => panic!("{row}"),
        };
        Row { zone, line: unescaped(line), expected: Some(expected).filter(|time| *time != "-") }
    })
}

/// `\xNN` and `\\` are escapes.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let (byte, length) = match rest.as_bytes()[at + 1] {
            b'x' => (u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap(), 4),
            b'\\' => (b'\\', 2),
            _ => panic!("no such escape: {text}"),
        };
        bytes.push(byte);
        rest = &rest[at + length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

fn times(zone: &TimeZone) -> LineTimes {
    LineTimes::with_zone(seconds(MODIFIED), zone.clone())
}

fn in_utc(time: LineTime) -> String {
    rfc3339(LineTime { offset_minutes: 0, ..time })
}

#[test]
fn each_line_of_the_table_has_its_time() {
    let mut faults = String::new();
    for Row { zone, line, expected } in rows() {
        let found = times(&zone).of(&line).map(in_utc);
        if found.as_deref() != expected {
            let line = String::from_utf8_lossy(&line);
            writeln!(faults, "{line}\n    found {found:?}, not {expected:?}").unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

#[test]
fn what_carries_a_line_makes_no_difference() {
    for prefix in ["\u{feff}", "\x1b[0m", "\x1b[1;32m\x1b[4m", "web-1  | ", "[pod/web-5d4c8b7f9-abcde/web] "]
    {
        for Row { zone, line, expected } in rows() {
            // Only lines without a prefix get one: behind a prefix no further one is looked for.
            let is_text = line.first().is_some_and(|b| b.is_ascii_digit() || b.is_ascii_uppercase());
            let expected_is_own = expected.is_some() && !line.contains(&b'|') && !line.starts_with(b"CEF");
            if is_text && expected_is_own {
                let carried = [prefix.as_bytes(), &line].concat();
                let found = times(&zone).of(&carried).map(in_utc);
                assert_eq!(found.as_deref(), expected, "{}", String::from_utf8_lossy(&carried));
            }
        }
    }
}

#[test]
fn the_length_of_a_line_makes_no_difference() {
    for Row { zone, line, expected } in rows() {
        let is_text = !line.trim_ascii_start().starts_with(b"{") && !line.ends_with(b"\r");
        if expected.is_none() || !is_text {
            continue;
        }
        for length in [1, 100, 256, 320, 4096, 10_000] {
            let long = [&line[..], b" ", &vec![b'x'; length]].concat();
            let found = times(&zone).of(&long).map(in_utc);
            assert_eq!(found.as_deref(), expected, "{length} {}", String::from_utf8_lossy(&line));
        }
    }
}

#[test]
fn a_line_that_is_cut_off_in_a_field_has_no_time_or_its_own() {
    for Row { zone, line, expected } in rows() {
        if !line.starts_with(b"{") {
            continue;
        }
        for end in 0..line.len() {
            if let Some(found) = times(&zone).of(&line[..end]).map(in_utc) {
                let line = String::from_utf8_lossy(&line[..end]);
                // The part that is cut off may hold a better time.
                assert!(Some(&*found) == expected || found.starts_with("2020-01-01"), "{line}: {found}");
            }
        }
    }
}
