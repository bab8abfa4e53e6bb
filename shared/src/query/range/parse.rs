//! Reads the value of `since` or `until`.

use super::super::bad;
use super::Edge;
use super::duration;
use super::zone::{self, Zone};
use crate::text::quoted;
use crate::wire::problem::Problem;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// What may be written.
const FORMS: &str = "write a time as in 2026-11-05T08:11:12Z, seconds, milliseconds, microseconds or nanoseconds since 1970, a span back from now as in 15m or 1h30m, or now";

/// Reads one edge. `zone`: what `tz` says, where it is given.
pub(super) fn edge(name: &str, value: &[u8], zone: Option<&Zone>, now: Timestamp) -> Result<Edge, Problem> {
    let text = std::str::from_utf8(value).map_err(|_| malformed(name, value))?;
    if text.starts_with(|c: char| c.is_ascii_digit()) && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.'))
    {
        return epoch(name, text).map(Edge::At);
    }
    if let Some(span) = back_from_now(text) {
        let span = span.map_err(|NoSpan| malformed(name, value))?;
        let nanos = now.checked_sub(span).ok().and_then(|at| i64::try_from(at.as_nanosecond()).ok());
        return nanos.map(Edge::At).ok_or_else(|| out_of_range(name, value));
    }
    let Written { time, zone: own } = written(text).ok_or_else(|| malformed(name, value))?;
    let own = own.map(|offset| Zone::Of(TimeZone::fixed(offset)));
    match own.as_ref().or(zone) {
        Some(Zone::Host) => Ok(Edge::OnHost(time)),
        Some(zone) => zone.instant(time).map(Edge::At).ok_or_else(|| out_of_range(name, value)),
        None => Err(bad(format!(
            "{name} is {}, which could be meant in any time zone: append Z for UTC or an offset as in +02:00, or give tz, as in tz=Europe/Berlin, or tz=host for the zone of each host",
            quoted(value)
        ))),
    }
}

fn malformed(name: &str, value: &[u8]) -> Problem {
    bad(format!("{name} is {}, which is no time: {FORMS}", quoted(value)))
}

pub(super) fn out_of_range(name: &str, value: &[u8]) -> Problem {
    bad(format!("{name} is {}: it must lie between the years 1678 and 2261", quoted(value)))
}

/// What was to be a span back from now, and is none.
pub(super) struct NoSpan;

/// The span of a time that is given relative to now.
pub(super) fn back_from_now(text: &str) -> Option<Result<SignedDuration, NoSpan>> {
    let span = |text| duration::parse(text).ok_or(NoSpan);
    match text.strip_prefix("now") {
        Some("") => return Some(Ok(SignedDuration::ZERO)),
        Some(rest) => return Some(rest.strip_prefix('-').map_or(Err(NoSpan), span)),
        None => {}
    }
    match text.strip_prefix('-') {
        Some(rest) => Some(span(rest)),
        None => duration::parse(text).map(Ok),
    }
}

/// A number since 1970, whose unit is told by its digits. Seconds may have a fraction.
fn epoch(name: &str, text: &str) -> Result<i64, Problem> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (unit, takes_fraction) = match whole.len() {
        ..=11 => (1_000_000_000, true),
        12..=14 => (1_000_000, false),
        15..=17 => (1_000, false),
        _ => (1, false),
    };
    let is_fraction = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_fraction || (!takes_fraction && text.contains('.')) {
        return Err(bad(format!(
            "{name} is {}: only seconds have a fraction, of at most nine digits, as in 1795000000.25",
            quoted(text.as_bytes())
        )));
    }
    let nanos = whole.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
    let rest = if takes_fraction { format!("{fraction:0<9}").parse().unwrap_or(0) } else { 0 };
    nanos.and_then(|nanos| nanos.checked_add(rest)).ok_or_else(|| out_of_range(name, text.as_bytes()))
}

/// A date, a time of day, and perhaps a zone, as they are written.
struct Written {
    time: DateTime,
    zone: Option<jiff::tz::Offset>,
}

/// Reads a date as RFC 3339 has it, with or without a time of day and a zone.
fn written(text: &str) -> Option<Written> {
    let date = date(text.get(..10)?)?;
    let rest = &text[10..];
    let (time, rest) = match rest.as_bytes() {
        [b'T' | b't' | b' ', hour, minute, b':', ..] if hour.is_ascii_digit() && minute.is_ascii_digit() => {
            let len = rest[1..].find(|c: char| !matches!(c, '0'..='9' | ':' | '.'));
            let (time, rest) = rest[1..].split_at(len.unwrap_or(rest.len() - 1));
            (time_of_day(time)?, rest)
        }
        _ => (Time::midnight(), rest),
    };
    let zone = if rest.is_empty() { None } else { Some(zone::offset(rest)?) };
    Some(Written { time: DateTime::from_parts(date, time), zone })
}

fn date(text: &str) -> Option<Date> {
    let parts = [text.get(..4)?, text.get(5..7)?, text.get(8..)?];
    let is_one = text.as_bytes()[4] == b'-' && text.as_bytes()[7] == b'-';
    let [year, month, day] = parts.map(digits::<i16>);
    let (month, day) = (i8::try_from(month?).ok()?, i8::try_from(day?).ok()?);
    Date::new(year?, month, day).ok().filter(|_| is_one)
}

/// `08:11`, `08:11:12` or `08:11:12.5`.
fn time_of_day(text: &str) -> Option<Time> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, f)| (clock, Some(f)));
    let nanos = match fraction {
        None => 0,
        Some(fraction) if clock.len() == 8 && (1..=9).contains(&fraction.len()) => {
            format!("{:0<9}", digits::<u32>(fraction).map(|_| fraction)?).parse().ok()?
        }
        Some(_) => return None,
    };
    let part = |range| clock.get(range).and_then(digits::<i8>);
    let second = match clock.as_bytes() {
        [_, _, b':', _, _] => 0,
        [_, _, b':', _, _, b':', _, _] => part(6..8)?,
        _ => return None,
    };
    Time::new(part(0..2)?, part(3..5)?, second, nanos).ok()
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
