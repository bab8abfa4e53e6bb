//! Lines of each form and lines that carry no time, most of them in `tests/lines.tsv`; what
//! must make no difference; and properties against jiff.

mod forms;
mod hosts;
mod lines;
mod properties;
mod windows;

use super::{LineTime, LineTimes};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// 2024-12-01T00:00:00Z: when the file of the tables was last written.
const MODIFIED: i64 = 1_733_011_200;

/// A host one hour east of UTC, two in summer.
fn berlin() -> TimeZone {
    TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

fn rfc3339(time: LineTime) -> String {
    let mut out = Vec::new();
    time.push_rfc3339(&mut out);
    String::from_utf8(out).unwrap()
}

/// The time of a line of a file in Berlin.
fn found(line: impl AsRef<[u8]>) -> Option<String> {
    LineTimes::with_zone(MODIFIED, berlin()).of(line.as_ref()).map(rfc3339)
}

fn seconds(time: &str) -> i64 {
    time.parse::<Timestamp>().unwrap().as_second()
}
