//! The time that a line carries: RFC 3339 and its near kin (a space for `T`, a comma
//! before the fraction, no zone), near the line's beginning, as dpkg, alternatives, most
//! services and journald's short-iso write it.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use std::fmt::Write as _;

/// Bytes of a line in which its time begins: a level, a program's name or a bracket may
/// stand before it.
const PREFIX: usize = 64;

/// The time of a line in RFC 3339, where it carries one. A time without a zone is in the
/// zone of the system.
pub fn of_line(line: &[u8]) -> Option<String> {
    let head = &line[..line.len().min(PREFIX)];
    let at = memchr::memchr_iter(b'-', head)
        .find_map(|dash| dash.checked_sub(4).filter(|at| is_date(&line[*at..])))?;
    if at > 0 && line[at - 1].is_ascii_alphanumeric() {
        return None;
    }
    parse(&line[at..])
}

/// `dddd-dd-dd`, `T` or a space, `dd:dd:dd`.
const SHAPE: &[u8; 19] = b"dddd-dd-ddTdd:dd:dd";

fn is_date(bytes: &[u8]) -> bool {
    bytes.len() >= SHAPE.len()
        && SHAPE.iter().zip(bytes).all(|(shape, b)| match shape {
            b'd' => b.is_ascii_digit(),
            b'T' => matches!(b, b'T' | b't' | b' '),
            other => other == b,
        })
}

fn parse(bytes: &[u8]) -> Option<String> {
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0i16, |n, b| n * 10 + i16::from(b - b'0'));
    let small = |from: usize| i8::try_from(number(from, from + 2)).ok();
    let civil =
        DateTime::new(number(0, 4), small(5)?, small(8)?, small(11)?, small(14)?, small(17)?, 0).ok()?;
    let mut out = format!("{}", civil.strftime("%Y-%m-%dT%H:%M:%S"));
    let mut rest = &bytes[SHAPE.len()..];
    if let [b'.' | b',', fraction @ ..] = rest {
        let digits = fraction.iter().take(9).take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            out.push('.');
            out.extend(fraction[..digits].iter().map(|b| char::from(*b)));
            rest = &fraction[fraction.iter().take_while(|b| b.is_ascii_digit()).count()..];
        }
    }
    match zone(rest) {
        Zone::Utc => out.push('Z'),
        Zone::Minutes(minutes) => push_offset(&mut out, minutes),
        Zone::Local => {
            let offset = TimeZone::system().to_ambiguous_zoned(civil).compatible().ok()?.offset();
            push_offset(&mut out, offset_minutes(offset));
        }
    }
    Some(out)
}

fn offset_minutes(offset: Offset) -> i32 {
    offset.seconds() / 60
}

fn push_offset(out: &mut String, minutes: i32) {
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
    write!(out, "{sign}{hours:02}:{minutes:02}").expect("a String takes it");
}

/// What follows the time of day.
enum Zone {
    Utc,
    /// East of UTC.
    Minutes(i32),
    /// Nothing that is a zone.
    Local,
}

/// `Z`, or `+hh:mm`, `+hhmm` or `+hh`.
fn zone(rest: &[u8]) -> Zone {
    let (sign, digits) = match rest {
        [b'Z' | b'z', ..] => return Zone::Utc,
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return Zone::Local,
    };
    let two = |bytes: &[u8]| match bytes {
        [a, b, ..] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Some(i32::from(a - b'0') * 10 + i32::from(b - b'0'))
        }
        _ => None,
    };
    let Some(hours) = two(digits).filter(|h| *h <= 23) else { return Zone::Local };
    let after = digits[2..].strip_prefix(b":").unwrap_or(&digits[2..]);
    let minutes = two(after).filter(|m| *m <= 59).unwrap_or(0);
    Zone::Minutes(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_kin_of_rfc_3339_are_read() {
        for (line, expected) in [
            ("2024-11-05T10:11:12Z x", "2024-11-05T10:11:12Z"),
            ("2024-11-05 10:11:12,123+0200 x", "2024-11-05T10:11:12.123+02:00"),
            ("[2024-11-05 10:11:12.5-03:30] x", "2024-11-05T10:11:12.5-03:30"),
            ("2024-11-05T10:11:12+01 x", "2024-11-05T10:11:12+01:00"),
            ("update-alternatives 2024-11-05 10:11:12Z: run", "2024-11-05T10:11:12Z"),
        ] {
            assert_eq!(of_line(line.as_bytes()).as_deref(), Some(expected), "{line}");
        }
        assert!(of_line(b"2024-11-05 10:11:12 status installed").unwrap().starts_with("2024-11-05T10:11:12"));
    }

    #[test]
    fn what_is_no_time_is_left_alone() {
        for line in [
            "",
            "-",
            "2024-13-05T10:11:12Z",
            "2024-11-05T25:11:12Z",
            "x2024-11-05T10:11:12Z",
            "2024-11-05",
            "no - time - here",
        ] {
            assert_eq!(of_line(line.as_bytes()), None, "{line}");
        }
    }
}
