//! Times that count from the epoch, in seconds, milli-, micro- or nanoseconds: which of them
//! the number of digits says.

use super::NANOS;
use super::text::{leading_digits, nanos, number};
use std::ops::Range;

/// 2000-01-01 to 2100-01-01, in nanoseconds: a number that is a time is one of these.
const YEARS: Range<i64> = 946_684_800 * NANOS..4_102_444_800 * NANOS;

/// The time that a line begins with, in brackets or bare. What the kernel writes since it
/// was started, `[    1.234567]`, has fewer digits.
pub(super) fn at_start(head: &[u8]) -> Option<i64> {
    let bracketed = head.first() == Some(&b'[');
    let (time, rest) = split(&head[usize::from(bracketed)..])?;
    let ends = match rest.first() {
        Some(b']') => bracketed,
        // A number alone is a number.
        Some(b' ' | b'\t' | b',' | b':' | b';' | b'|') => !bracketed,
        _ => false,
    };
    ends.then_some(time)
}

/// The time that a value, quoted or bare, is.
pub(super) fn value(bytes: &[u8]) -> Option<i64> {
    let (time, rest) = split(bytes)?;
    let ends = rest.first().is_none_or(|b| !b.is_ascii_alphanumeric() && !matches!(b, b'.' | b'-' | b'_'));
    ends.then_some(time)
}

/// Nanoseconds since the epoch, and what follows the number.
fn split(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let digits = leading_digits(bytes);
    let unit = match digits {
        10 => NANOS,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    // Nineteen digits may be more than an i64 has.
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
