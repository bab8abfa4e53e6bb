//! The zone of times that name none: `tz`.

use super::super::bad;
use crate::nearest::nearest;
use crate::text::quoted;
use crate::time::{region, regions};
use crate::wire::problem::Problem;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// What `tz` says.
#[derive(Debug, Clone)]
pub(super) enum Zone {
    /// This zone.
    Of(TimeZone),
    /// That of each host.
    Host,
}

impl Zone {
    /// The instant of a local time, in nanoseconds since 1970. A time that the clocks skip is moved
    /// on by as much as they are, and of a time that comes twice the first is taken: jiff's
    /// "compatible" rule, which is that of RFC 5545. None where 64 bits do not hold the instant, or
    /// the zone is that of the host.
    pub(super) fn instant(&self, time: DateTime) -> Option<i64> {
        let Zone::Of(zone) = self else { return None };
        let instant = zone.to_ambiguous_timestamp(time).compatible().ok()?;
        i64::try_from(instant.as_nanosecond()).ok()
    }
}

/// Reads the value of `tz`.
pub(super) fn parse(value: &[u8]) -> Result<Zone, Problem> {
    if value == b"host" {
        return Ok(Zone::Host);
    }
    let text = std::str::from_utf8(value).unwrap_or_default();
    if let Some(offset) = offset(text) {
        return Ok(Zone::Of(TimeZone::fixed(offset)));
    }
    if let Some(zone) = region(text) {
        return Ok(Zone::Of(zone));
    }
    let meant = nearest(text, regions()).map(|name| format!("did you mean {name}? "));
    let meant = meant.unwrap_or_default();
    Err(bad(format!(
        "tz is {}: {meant}write a name of the IANA database, as in Europe/Berlin, an offset, as in +02:00, or host for the zone of each host",
        quoted(value)
    )))
}

/// An offset from UTC: `Z`, `+02:00`, `+0200` or `+02`. A blank is taken for a `+`, because that is
/// what a `+` in a URL becomes.
pub(super) fn offset(text: &str) -> Option<Offset> {
    if matches!(text, "Z" | "z") {
        return Some(Offset::UTC);
    }
    let (sign, digits) = match text.as_bytes() {
        [b'+' | b' ', ..] => (1, &text[1..]),
        [b'-', ..] => (-1, &text[1..]),
        _ => return None,
    };
    let two = |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()));
    let (hours, minutes) = match digits.len() {
        2 => (two(digits)?, 0),
        4 => (two(digits.get(..2)?)?, two(digits.get(2..)?)?),
        5 if digits.as_bytes()[2] == b':' => (two(digits.get(..2)?)?, two(digits.get(3..)?)?),
        _ => return None,
    };
    let is_one = hours <= 23 && minutes <= 59;
    is_one.then(|| Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok())?
}
