//! The time of day, and what may follow it: a fraction, a zone, a year.

use super::text::{four, is_digit, leading_digits, nanos, two};

/// A time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    /// Where its hour begins.
    pub(super) start: usize,
    /// Where its fraction, or its second, ends.
    pub(super) end: usize,
    pub(super) hour: i64,
    /// From the hour on.
    pub(super) seconds: i64,
    pub(super) nanos: i64,
    pub(super) has_fraction: bool,
}

/// The `h:mm:ss` or `hh:mm:ss`, perhaps with a fraction, whose first colon is at `colon`.
#[inline]
pub(super) fn at_colon(head: &[u8], colon: usize) -> Option<Clock> {
    if head.get(colon + 3) != Some(&b':') {
        return None;
    }
    let (minute, second) = (two(head, colon + 1)?, two(head, colon + 4)?);
    let ones = colon.checked_sub(1).filter(|at| is_digit(head, *at))?;
    let start = ones.checked_sub(1).filter(|at| is_digit(head, *at)).unwrap_or(ones);
    let hour = if start == ones { i64::from(head[ones] - b'0') } else { two(head, start)? };
    let mut end = colon + 6;
    if hour > 23 || minute > 59 || second > 60 || is_digit(head, end) {
        return None;
    }
    let fraction = fraction(&head[end..]);
    let nanos = nanos(fraction);
    if !fraction.is_empty() {
        end += 1 + fraction.len();
    }
    // A leap second is taken as the one before it.
    let seconds = minute * 60 + second.min(59);
    Some(Clock { start, end, hour, seconds, nanos, has_fraction: !fraction.is_empty() })
}

/// The digits of a fraction. A comma may begin the next field of comma-separated values
/// instead: after it at least three digits are a fraction.
#[inline]
fn fraction(rest: &[u8]) -> &[u8] {
    let least = match rest.first() {
        Some(b'.') => 1,
        Some(b',') => 3,
        _ => return &[],
    };
    let digits = leading_digits(&rest[1..]);
    if digits < least { &[] } else { &rest[1..=digits] }
}

/// The hour of 24 that an hour of 12 is, where `AM` or `PM` follows a space: an ordinary
/// one, or the narrow one that newer Javas write. Else the hour as it is. And what follows.
pub(super) fn of_24(hour: i64, rest: &[u8]) -> Option<(i64, &[u8])> {
    let half = rest.strip_prefix(b" ").or_else(|| rest.strip_prefix("\u{202f}".as_bytes()));
    let (noon, after) = match half {
        Some([b'A', b'M', after @ ..]) => (0, after),
        Some([b'P', b'M', after @ ..]) => (12, after),
        _ => return Some((hour, rest)),
    };
    (1..=12).contains(&hour).then_some((hour % 12 + noon, after))
}

/// The offset that `rest` begins with, in minutes east of UTC: `Z`, `+hh`, `+hhmm`,
/// `+hh:mm`; `UTC`, `GMT`; after a space an offset in full. Other names of zones stand
/// for several, so they count as none.
#[inline]
pub(super) fn offset_minutes(rest: &[u8]) -> Option<i16> {
    match rest {
        [b'Z' | b'z', ..] => Some(0),
        [b'+' | b'-', ..] => offset(rest).map(|(minutes, _)| minutes),
        [b' ', b'+' | b'-', ..] => spaced(&rest[1..]),
        _ => match rest.strip_prefix(b" ").unwrap_or(rest) {
            [b'Z', after @ ..] | [b'U', b'T', b'C', after @ ..] | [b'G', b'M', b'T', after @ ..] => {
                ends(after).then_some(0)
            }
            _ => None,
        },
    }
}

fn ends(after: &[u8]) -> bool {
    after.first().is_none_or(|b| !b.is_ascii_alphanumeric())
}

/// An offset after a space could be a number of the message: it has four digits, and is one
/// that is in use somewhere.
fn spaced(bytes: &[u8]) -> Option<i16> {
    let (minutes, length) = offset(bytes)?;
    let used = length >= 5 && minutes % 15 == 0 && (-12 * 60..=14 * 60).contains(&minutes);
    (used && ends(&bytes[length..])).then_some(minutes)
}

/// An offset and its length in bytes.
fn offset(bytes: &[u8]) -> Option<(i16, usize)> {
    let hours = two(bytes, 1).filter(|hours| *hours <= 23)?;
    let colon = usize::from(bytes.get(3) == Some(&b':'));
    let minutes = two(bytes, 3 + colon).filter(|minutes| *minutes <= 59);
    let length = if minutes.is_some() { 5 + colon } else { 3 };
    let east = i16::try_from(hours * 60 + minutes.unwrap_or(0)).ok()?;
    Some((if bytes[0] == b'-' { -east } else { east }, length))
}

/// The year that follows a time of day in ctime's order, and the offset before it where
/// there is one: ` 2024`, ` UTC 2024`, ` CET 2024`.
pub(super) fn year_after(rest: &[u8]) -> Option<(i64, Option<i16>)> {
    let rest = rest.strip_prefix(b" ")?;
    let name = rest.iter().take_while(|b| b.is_ascii_uppercase()).count();
    let (offset, year) = match name {
        0 => (None, rest),
        3..=5 => (matches!(&rest[..name], b"UTC" | b"GMT").then_some(0), rest[name..].strip_prefix(b" ")?),
        _ => return None,
    };
    let number = four(year, 0)?;
    ends(&year[4..]).then_some((number, offset))
}
