//! The time that a client gives an answer: `100ms`, `5s`, `2m`, `1m30s`.

use super::bad;
use crate::text::quoted;
use crate::wire::problem::Problem;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What may be asked for.
const ALLOWED: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(10);

/// The units, the largest first, with their milliseconds.
const UNITS: [(&str, u64); 3] = [("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a time.
pub(super) fn parse(value: &[u8]) -> Result<Duration, Problem> {
    let time = std::str::from_utf8(value).ok().and_then(milliseconds).map(Duration::from_millis);
    time.filter(|time| ALLOWED.contains(time)).ok_or_else(|| {
        bad(format!(
            "timeout is {}: it must be from 100ms to 10m, as in 100ms, 5s, 2m or 1m30s",
            quoted(value)
        ))
    })
}

/// Appends a time in a form that is read again.
pub(super) fn push(time: Duration, out: &mut String) {
    let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    out.push_str(itoa::Buffer::new().format(milliseconds));
    out.push_str("ms");
}

/// The milliseconds of one or more numbers, each with a smaller unit than the one before it.
fn milliseconds(mut text: &str) -> Option<u64> {
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !text.is_empty() {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, rest) = rest.split_at(letters);
        let (_, each) = units.find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*each)?)?;
        text = rest;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read_and_comes_back_in_milliseconds() {
        for (text, expected) in [
            ("100ms", 100),
            ("5s", 5_000),
            ("2m", 120_000),
            ("1m30s", 90_000),
            ("1m1s1ms", 61_001),
            ("0m7s", 7_000),
            ("600000ms", 600_000),
            ("10m", 600_000),
        ] {
            let time = parse(text.as_bytes()).unwrap();
            assert_eq!(time, Duration::from_millis(expected), "{text}");
            let mut again = String::new();
            push(time, &mut again);
            assert_eq!(parse(again.as_bytes()), Ok(time));
        }
    }

    #[test]
    fn anything_else_is_refused_with_what_to_write() {
        for text in [
            "",
            "5",
            "s",
            "ms",
            "99ms",
            "0s",
            "11m",
            "10m1ms",
            "600001ms",
            "1h",
            "5 s",
            "-5s",
            "+5s",
            "1.5s",
            "30s1m",
            "1s1s",
            "5S",
            "5s ",
            "99999999999999999999s",
            "18446744073709551615m",
            "5\u{b5}s",
        ] {
            let problem = parse(text.as_bytes()).unwrap_err();
            assert!(problem.detail().contains("from 100ms to 10m"), "{text}: {}", problem.detail());
        }
        assert!(parse(b"\xff").unwrap_err().detail().contains(r#""\xff""#));
    }
}
