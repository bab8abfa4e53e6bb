//! The zone that follows a time of day.
//!
//! A number could also be the message's, or that of a process: it counts as an offset only
//! where it is written and used as one. Names are in `names`.

use super::names;
use super::text::{leading_digits, number, two};

/// The zone of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone<'a> {
    /// The line names none, or one that stands for several: the zone of the host.
    Host,
    /// Minutes east of UTC.
    Offset(i16),
    /// A region of the time zone database.
    Region(&'a str),
}

/// Offsets in use, in minutes.
const USED: std::ops::RangeInclusive<i64> = -12 * 60..=14 * 60;

/// The zone that `line` names at `at`, and where it ends; `None` where something stands there
/// that looks like a zone and is none.
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

/// Past the region that may follow an offset, and the `Z` that some write after one.
fn doubled(line: &[u8], end: usize) -> usize {
    match line.get(end) {
        Some(b'Z') => end + 1,
        _ => end,
    }
}

fn ends(after: Option<&u8>) -> bool {
    after.is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'_' | b'-' | b'+' | b'.' | b'/'))
}

/// `+hh:mm`, `+hhmm` or `+hh` directly after the time. Other numbers are no offset, but what
/// is written like one in full and is none is in no form.
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

/// An offset after a space: one that is in use somewhere, and nothing else follows it.
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

/// Minutes east of UTC, if such an offset is in use.
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

/// The zone whose name `rest` begins with: `UTC`, `GMT+0100`, `CET`, `Europe/Berlin`.
fn region(rest: &[u8]) -> Option<(Zone<'_>, usize)> {
    let letters = rest.iter().take(names::LONGEST).take_while(|b| b.is_ascii_alphabetic()).count();
    let name = &rest[..letters];
    let after = rest.get(letters).copied().unwrap_or_default();
    // Most words are none.
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

/// The offset after `UTC` or `GMT`: as others, and also of one digit.
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

/// The offset in minutes, of three digits, that Db2 writes.
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
