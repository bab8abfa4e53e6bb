//! A span of time as people write it: `15m`, `1h30m`, `2d`.

use jiff::SignedDuration;

/// The units, from the longest to the shortest, in milliseconds. A day is 24 hours.
const UNITS: [(&str, i64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a span: numbers with units, each unit once at most, the longest first. None where the text
/// is no such span, or one of more than 292 years.
pub(super) fn parse(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let (unit, next) =
            after.split_at(after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len()));
        let (_, millis) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*millis)?)?;
        rest = next;
    }
    let is_short_enough = total <= i64::MAX / 1_000_000;
    (!text.is_empty() && is_short_enough).then(|| SignedDuration::from_millis(total))
}
