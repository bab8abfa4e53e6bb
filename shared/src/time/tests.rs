//! Lines of each form and lines without a time, most of them in `tests/lines.tsv`; changes that
//! must make no difference; and properties compared with jiff.

mod forms;
mod hosts;
mod lines;
mod properties;
mod windows;

use super::{LineTime, LineTimes};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// 2024-12-01T00:00:00Z: the last change of the file in the tables.
const MODIFIED: i64 = 1_733_011_200;

/// A host one hour east of UTC, two in summer.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// A time with its offset, as written in the tables.
fn rfc3339(time: LineTime) -> String {
    let mut out = Vec::new();
    time.push_rfc3339(&mut out);
    // `push_rfc3339` writes the same time in UTC.
    let told: Timestamp = std::str::from_utf8(&out).unwrap().parse().unwrap();
    assert_eq!(i128::from(time.nanos), told.as_nanosecond());
    match time.offset_minutes {
        0 => told.to_string(),
        minutes => {
            let offset = Offset::from_seconds(i32::from(minutes) * 60).unwrap();
            told.display_with_offset(offset).to_string()
        }
    }
}

/// The time of a line in a file of a host in Berlin.
fn found(line: impl AsRef<[u8]>) -> Option<String> {
    LineTimes::with_zone(MODIFIED, berlin()).of(line.as_ref()).map(rfc3339)
}

fn seconds(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_second()
}
