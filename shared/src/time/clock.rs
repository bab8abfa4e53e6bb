//! The time of day, with its fraction, and AM or PM.

use super::text::{is_digit, leading_digits, nanos, one_or_two, two};

/// The way in which a form writes the time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `hh:mm:ss`; the hour may have one digit.
    Colons,
    /// `hh:mm`.
    Minutes,
    /// `hhmmss`.
    Digits,
    /// `hh.mm.ss`.
    Dots,
}

/// What a comma after the second means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commas {
    /// A fraction of 3, 6 or 9 digits follows, as Java and Python write it.
    Fraction,
    /// A fraction of any length follows, and ends the value.
    AnyFraction,
    /// The next one of comma-separated values follows.
    Field,
}

/// A time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub(super) second_of_day: i64,
    pub(super) nanos: i64,
    pub(super) has_fraction: bool,
    /// The fraction follows a colon, as `WebSphere` writes it.
    pub(super) colon_fraction: bool,
    /// Where it ends, with its fraction and AM or PM.
    pub(super) end: usize,
}

/// The time of day at `at`.
#[inline]
pub(super) fn at(line: &[u8], at: usize, kind: Kind, commas: Commas) -> Option<Clock> {
    let (hour, length) = match kind {
        Kind::Digits | Kind::Dots => (two(line, at)?, 2),
        _ => one_or_two(line, at)?,
    };
    let (separator, width) = match kind {
        Kind::Digits => (None, 0),
        Kind::Dots => (Some(b'.'), 1),
        _ => (Some(b':'), 1),
    };
    let separated = |at: usize| separator.is_none_or(|own| line.get(at) == Some(&own));
    let mut end = at + length;
    let minute = separated(end).then(|| two(line, end + width)).flatten()?;
    end += width + 2;
    let mut second = 0;
    if kind != Kind::Minutes {
        second = separated(end).then(|| two(line, end + width)).flatten()?;
        end += width + 2;
    }
    if hour > 23 || minute > 59 || second > 60 || is_digit(line, end) {
        return None;
    }
    let (mut fraction, mut colon_fraction): (&[u8], bool) = (&[], false);
    if kind != Kind::Minutes {
        (fraction, colon_fraction) = after_second(&line[end..], commas);
        if !fraction.is_empty() {
            end += 1 + fraction.len();
        }
    }
    let mut clock = Clock {
        // A leap second is read as the second before it.
        second_of_day: hour * 3600 + minute * 60 + second.min(59),
        nanos: if fraction.is_empty() { 0 } else { nanos(fraction) },
        has_fraction: !fraction.is_empty(),
        colon_fraction,
        end,
    };
    if let Some((noon, length)) = half(&line[end..]) {
        if !(1..=12).contains(&hour) {
            return None;
        }
        clock.second_of_day += (hour % 12 + noon - hour) * 3600;
        clock.end += length;
    }
    Some(clock)
}

/// The digits of a fraction, and whether a colon stands before them.
#[inline]
fn after_second(rest: &[u8], commas: Commas) -> (&[u8], bool) {
    let Some(separator @ (b'.' | b',' | b':')) = rest.first() else { return (&[], false) };
    let digits = leading_digits(&rest[1..]);
    let is_fraction = match separator {
        b'.' => digits >= 1,
        b':' => matches!(digits, 3 | 6) && matches!(rest.get(digits + 1), None | Some(b' ' | b']')),
        _ => match commas {
            Commas::Fraction => matches!(digits, 3 | 6 | 9),
            Commas::AnyFraction => digits >= 1,
            Commas::Field => false,
        },
    };
    if is_fraction { (&rest[1..=digits], *separator == b':') } else { (&[], false) }
}

/// If `rest` begins with AM or PM, as in ` PM` or ` p.m.`: the hour at which that half of the day
/// begins, and the length with the space before it. Newer versions of Java write a narrow space.
#[inline]
fn half(rest: &[u8]) -> Option<(i64, usize)> {
    let space = match rest {
        [b' ', ..] => 1,
        [0xe2, 0x80, 0xaf, ..] => 3,
        [0xc2, 0xa0, ..] => 2,
        _ => 0,
    };
    let name = &rest[space..];
    let noon = match name.first()? {
        b'A' | b'a' => 0,
        b'P' | b'p' => 12,
        _ => return None,
    };
    let dot = usize::from(name.get(1) == Some(&b'.'));
    if !matches!(name.get(1 + dot)?, b'M' | b'm') {
        return None;
    }
    let length = 2 + dot + usize::from(dot == 1 && name.get(3) == Some(&b'.'));
    let ends = name.get(length).is_none_or(|b| !b.is_ascii_alphanumeric() && *b != b'_');
    ends.then_some((noon, space + length))
}
