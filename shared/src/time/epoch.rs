//! Times that count from the epoch: seconds, milli-, micro- or nanoseconds, told apart by the
//! number of digits; and TAI64N.

use super::NANOS;
use super::text::{leading_digits, nanos, number};
use std::ops::Range;

/// 2000-01-01 to 2100-01-01, in nanoseconds. Only a number in this range is a time.
const YEARS: Range<i64> = 946_684_800 * NANOS..4_102_444_800 * NANOS;

/// The seconds before and after a file's last change within which a number at the beginning of a
/// line is taken for a time. Numbers are also identifiers, amounts and sizes, and most of them are
/// far from that. A log is seldom kept for ten years, and seldom written to for a year while it is
/// being read.
const BEFORE: i64 = 10 * 366 * 86_400;
const AFTER: i64 = 366 * 86_400;

/// The times, in nanoseconds, that a number without a name may mean in a file that was last written
/// at `modified_seconds`.
pub(super) fn near(modified_seconds: i64) -> Range<i64> {
    // Container images have files dated 1970, which says nothing about their lines.
    if modified_seconds.saturating_mul(NANOS) < YEARS.start {
        return YEARS;
    }
    let nanos = |seconds: i64| seconds.saturating_mul(NANOS).clamp(YEARS.start, YEARS.end);
    nanos(modified_seconds.saturating_sub(BEFORE))..nanos(modified_seconds.saturating_add(AFTER))
}

/// The time at the beginning of a line, with or without brackets. The seconds since the start that
/// the kernel writes, `[    1.234567]`, have fewer digits.
pub(super) fn at_start(line: &[u8], at: usize, near: &Range<i64>) -> Option<i64> {
    let text = &line[at..];
    match text.first()? {
        b'@' => return tai64n(&text[1..]),
        b'[' | b'0'..=b'9' => {}
        _ => return None,
    }
    let bracketed = text.first() == Some(&b'[');
    let (time, rest) = split(&text[usize::from(bracketed)..])?;
    let ends = match rest {
        [b']', ..] => bracketed,
        // A number before a comma, a colon or a semicolon and a space belongs to prose and is no
        // time.
        [b',' | b':' | b';' | b'|', b' ', ..] => false,
        // A number that is the whole line is no time.
        [b' ' | b'\t' | b',' | b':' | b';' | b'|', ..] => !bracketed,
        _ => false,
    };
    (ends && near.contains(&time)).then_some(time)
}

/// The time that a value holds, and what follows it.
pub(super) fn value(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (time, rest) = split(bytes)?;
    let ends = rest.first().is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'-' | b'_'));
    ends.then_some((time, rest))
}

/// Nanoseconds since the epoch, and what follows the number.
fn split(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = leading_digits(bytes);
    let unit = match digits {
        1 => return exponent(bytes),
        10 => NANOS,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    // Nineteen digits may overflow an i64.
    let whole =
        number(&bytes[..digits - 1]).checked_mul(10)?.checked_add(number(&bytes[digits - 1..digits]))?;
    let mut time = whole.checked_mul(unit)?;
    let mut rest = &bytes[digits..];
    if let [b'.', fraction @ ..] = rest {
        let digits = leading_digits(fraction);
        if digits > 0 {
            time = time.checked_add(nanos(&fraction[..digits]) / (NANOS / unit))?;
            rest = &fraction[digits..];
        }
    }
    YEARS.contains(&time).then_some((time, rest))
}

/// `1.7956152001234565e+09`, as some programs write a floating point number of seconds. It is read
/// to microseconds, the precision of such a number.
fn exponent(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [first, b'.', after @ ..] = bytes else { return None };
    let digits = leading_digits(after);
    // Seconds or milliseconds: both have the same digits.
    let power = after[digits..].strip_prefix(b"e").or_else(|| after[digits..].strip_prefix(b"E"))?;
    let power = power.strip_prefix(b"+").unwrap_or(power);
    let rest = [&b"09"[..], b"9", b"12"].iter().find_map(|own| power.strip_prefix(*own))?;
    let used = &after[..digits.min(15)];
    let micros =
        i64::from(first - b'0') * 1_000_000_000_000_000 + (used.len()..15).fold(number(used), |n, _| n * 10);
    let time = micros.checked_mul(1_000)?;
    YEARS.contains(&time).then_some((time, rest))
}

/// A TAI64N label after its `@`: 2^62 plus the seconds in sixteen hexadecimal digits, and the
/// nanoseconds in eight. multilog and svlogd write the host's clock plus ten seconds, without the
/// later leap seconds.
fn tai64n(text: &[u8]) -> Option<i64> {
    const TEN_SECONDS_LATER: i64 = (1 << 62) + 10;
    let (seconds, rest) = (text.get(..16)?, text.get(16..)?);
    let seconds = hexadecimal(seconds)?.checked_sub(TEN_SECONDS_LATER)?;
    let nanos = hexadecimal(rest.get(..8)?).filter(|nanos| *nanos < NANOS)?;
    let time = seconds.checked_mul(NANOS)?.checked_add(nanos)?;
    (YEARS.contains(&time) && matches!(rest.get(8), None | Some(b' ' | b'\t'))).then_some(time)
}

fn hexadecimal(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0i64, |n, b| {
        let digit = char::from(*b).to_digit(16).filter(|_| !b.is_ascii_uppercase())?;
        n.checked_mul(16)?.checked_add(i64::from(digit))
    })
}
