//! The zone that follows a time of day.
//!
//! A number may also belong to the message or be a process number. It is an offset only if it is
//! written like one and some place on earth uses it. Names are in `names`.

use super::names;
use super::text::{leading_digits, number, two};

/// The zone of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone<'a> {
    /// The line names no zone, or a name that means several offsets: the zone of the host.
    Host,
    /// Minutes east of UTC.
    Offset(i16),
    /// A region of the time zone database.
    Region(&'a str),
}

/// The range of offsets in use, in minutes.
const USED: std::ops::RangeInclusive<i64> = -12 * 60..=14 * 60;

/// The zone at `at`, and where it ends. `None` if something there looks like a zone but is none.
#[inline]
pub(super) fn at(line: &[u8], at: usize) -> Option<(Zone<'_>, usize)> {
    let rest = &line[at..];
    match rest {
        [b'Z' | b'z', ..] => Some((Zone::Offset(0), at + 1)),
        [b'+' | b'-', ..] => attached(rest).map(|(zone, length)| (zone, doubled(line, at + length))),
        [b' ', b'+' | b'-', ..] => Some(match spaced(&rest[1..]) {
            Some((minutes, length)) => (Zone::Offset(minutes), at + 1 + length),
            None => (Zone::Host, at),
        }),
        [b' ', b'(', ..] => {
            Some(match region(&rest[2..]).filter(|(_, length)| rest.get(2 + length) == Some(&b')')) {
                Some((zone, length)) => (zone, at + length + 3),
                None => (Zone::Host, at),
            })
        }
        [b' ', first, second, ..] if names::may_begin(*first, *second) => Some(named(line, at, 1)),
        [b' ', b'Z'] => Some((Zone::Offset(0), at + 2)),
        [first, second, ..] if names::may_begin(*first, *second) => Some(named(line, at, 0)),
        [b'[', ..] => {
            Some(match region(&rest[1..]).filter(|(_, length)| rest.get(1 + length) == Some(&b']')) {
                Some((zone, length)) => (zone, at + length + 2),
                None => (Zone::Host, at),
            })
        }
        _ => Some((Zone::Host, at)),
    }
}

/// The end of an offset, after the `Z` that some programs add.
fn doubled(line: &[u8], end: usize) -> usize {
    match line.get(end) {
        Some(b'Z') => end + 1,
        _ => end,
    }
}

fn ends(after: Option<&u8>) -> bool {
    after.is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'-' | b'+' | b'.' | b'/'))
}

/// `+hh:mm`, `+hhmm` or `+hh` directly after the time. Another number is not an offset, and the
/// zone is the host's. `None` if it looks like a full offset but is none: then the time is in no
/// known form.
fn attached(rest: &[u8]) -> Option<(Zone<'static>, usize)> {
    let digits = leading_digits(&rest[1..]);
    let colon = digits == 2 && rest.get(3) == Some(&b':') && two(rest, 4).is_some();
    if digits != 4 && !colon {
        if rest[0] == b'+' && digits > 2 {
            return None;
        }
        let short = (digits == 2 && ends(rest.get(3))).then(|| minutes(rest[0], two(rest, 1)?, 0)).flatten();
        return Some(short.map_or((Zone::Host, 0), |minutes| (Zone::Offset(minutes), 3)));
    }
    let length = 5 + usize::from(colon);
    let minutes = minutes(rest[0], two(rest, 1)?, two(rest, length - 2)?)?;
    let after = rest.get(length);
    (ends(after) || after == Some(&b'Z')).then_some((Zone::Offset(minutes), length))
}

/// An offset after a space. It has to be in use somewhere, and nothing may follow it directly.
fn spaced(rest: &[u8]) -> Option<(i16, usize)> {
    let (more, length) = match leading_digits(&rest[1..]) {
        2 if rest.get(3) == Some(&b':') => (two(rest, 4)?, 6),
        2 => (0, 3),
        4 => (two(rest, 3)?, 5),
        _ => return None,
    };
    let minutes = minutes(rest[0], two(rest, 1)?, more)?;
    (minutes % 15 == 0 && ends(rest.get(length))).then_some((minutes, length))
}

/// Minutes east of UTC, if the offset is in use.
fn minutes(sign: u8, hours: i64, minutes: i64) -> Option<i16> {
    let east = hours * 60 + minutes;
    let minutes = if minutes > 59 {
        return None;
    } else if sign == b'-' {
        -east
    } else {
        east
    };
    USED.contains(&minutes).then(|| i16::try_from(minutes).ok()).flatten()
}

/// A name, `space` bytes after `at`.
fn named(line: &[u8], at: usize, space: usize) -> (Zone<'_>, usize) {
    match region(&line[at + space..]) {
        Some((zone, length)) => (zone, at + space + length),
        None => (Zone::Host, at),
    }
}

/// The zone whose name is at the beginning of `rest`: `UTC`, `GMT+0100`, `CET`, `Europe/Berlin`.
fn region(rest: &[u8]) -> Option<(Zone<'_>, usize)> {
    let letters = rest.iter().take(names::LONGEST).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = &rest[..letters];
    let after = rest.get(letters).copied().unwrap_or_default();
    // Most words are not zones.
    if after != b'/' && letters > 4 && after != b' ' {
        return None;
    }
    if after == b'/' {
        let length = rest.iter().take(names::LONGEST).take_while(|b| names::is_part(**b)).count();
        let region = std::str::from_utf8(&rest[..length]).ok()?;
        return names::is_region(name).then_some((Zone::Region(region), length));
    }
    if names::is_utc(name) {
        let after = &rest[letters..];
        if let [b'+' | b'-', b'0'..=b'9', ..] = after {
            let (minutes, length) = after_utc(after)?;
            return Some((Zone::Offset(minutes), letters + length));
        }
        return ends(after.first()).then_some((Zone::Offset(0), letters));
    }
    if letters > 4 {
        let (minutes, length) = names::in_full(rest)?;
        return Some((Zone::Offset(minutes), length));
    }
    let minutes = names::offset_minutes(name)?;
    ends(rest.get(letters)).then_some((Zone::Offset(minutes), letters))
}

/// The offset after `UTC` or `GMT`, which may also have one digit.
fn after_utc(rest: &[u8]) -> Option<(i16, usize)> {
    let digits = leading_digits(&rest[1..]);
    let hours = number(&rest[1..=digits.min(2)]);
    let (more, length) = match digits {
        1 | 2 if rest.get(digits + 1) == Some(&b':') => (two(rest, digits + 2)?, digits + 4),
        1 | 2 => (0, digits + 1),
        4 => (two(rest, 3)?, 5),
        _ => return None,
    };
    let minutes = minutes(rest[0], hours, more)?;
    ends(rest.get(length)).then_some((minutes, length))
}

/// The offset that Db2 writes: minutes, in three digits.
pub(super) fn of_db2(line: &[u8], at: usize) -> Option<(Zone<'_>, usize)> {
    let rest = &line[at..];
    let sign = match rest.first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return Some((Zone::Host, at)),
    };
    if leading_digits(&rest[1..]) != 3 {
        return Some((Zone::Host, at));
    }
    let minutes = sign * number(&rest[1..4]);
    (USED.contains(&minutes) && ends(rest.get(4)))
        .then(|| i16::try_from(minutes).ok())
        .flatten()
        .map(|minutes| (Zone::Offset(minutes), at + 4))
}
