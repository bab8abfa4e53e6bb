//! The time of a line: jiff reads the text that is made of it, a time as RFC 3339 has it is the one
//! that jiff reads, and what was read before changes nothing but years and hours that occur twice.

#![no_main]

use arbitrary::Unstructured;
use backscroll_shared::time::LineTimes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

/// 2027-01-15.
const MODIFIED_SECONDS: i64 = 1_800_000_000;

fuzz_target!(|input: &[u8]| {
    let mut input = Unstructured::new(input);
    let Ok(zone) = input.arbitrary::<u8>() else { return };
    let zone = match zone % 3 {
        0 => TimeZone::UTC,
        1 => TimeZone::get("Europe/Berlin").expect("it is compiled in"),
        _ => TimeZone::get("America/New_York").expect("it is compiled in"),
    };
    let mut times = LineTimes::with_zone(MODIFIED_SECONDS, zone.clone());
    for line in input.take_rest().split(|byte| *byte == b'\n') {
        let before = times.clone();
        let found = times.of(line);
        assert_eq!(before.clone().of(line), found, "it is told by the line and what came before it");
        let fresh = LineTimes::with_zone(MODIFIED_SECONDS, zone.clone()).of(line);
        assert_eq!(fresh.is_some(), found.is_some());
        if let Some(time) = found {
            let mut text = Vec::new();
            time.push_rfc3339(&mut text);
            let text = String::from_utf8(text).expect("it is ASCII");
            // jiff knows no time after the year 9999, less the most that a zone is behind.
            if let Ok(read) = text.parse::<Timestamp>() {
                assert_eq!(read.as_nanosecond(), i128::from(time.nanos), "{text}");
            } else {
                panic!("{text} is no time");
            }
        }
        if let Some(read) = rfc3339(line) {
            let time = found.expect("a plain time is found");
            assert_eq!(i128::from(time.nanos), read.as_nanosecond());
        }
    }
});

/// The time at the beginning of a line, if it is a plain one: `2027-01-15T08:00:00.123+01:00 `.
fn rfc3339(line: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(line.split(|byte| *byte == b' ').next()?).ok()?;
    if text.len() == line.len() || !(20..=35).contains(&text.len()) {
        return None;
    }
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let rest = shape.strip_prefix("0000-00-00T00:00:00")?;
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.bytes().take_while(|byte| *byte == b'0').count();
            fraction.get(digits..).filter(|_| (1..=9).contains(&digits))?
        }
        None => rest,
    };
    if !matches!(rest, "Z" | "+00:00" | "-00:00") || &text[17..19] == "60" {
        return None;
    }
    if rest != "Z" {
        // No zone is further from UTC, and a line with such an offset has no time.
        let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i32>().ok();
        let minutes = number(text.len() - 5..text.len() - 3)? * 60 + number(text.len() - 2..text.len())?;
        let most = if rest.starts_with('-') { 12 * 60 } else { 14 * 60 };
        if minutes > most {
            return None;
        }
    }
    let year: i32 = text[..4].parse().ok()?;
    // Outside of these years nanoseconds do not fit, or no log was written.
    if !(1971..=2200).contains(&year) {
        return None;
    }
    text.parse().ok()
}
