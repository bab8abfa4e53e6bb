//! The time of a line that consists of pairs: `level=info ts=2026-11-25T14:00:00Z msg=up`; also of
//! the audit log, CEF and FIX.
//!
//! A line consists of pairs if it begins with one, and only pairs stand before the time. Text in
//! quotes is a value.

use super::date::{self, Found, START, Stamp, VALUE};
use super::epoch;
use super::keys;
use super::offset::{self, Zone};
use super::raw::{HEAD, Raw};
use memchr::memmem;

/// The bytes after `date=… time=…` in which the pair with the zone is searched.
const ZONE: usize = 512;

/// The most pairs that are read.
const PAIRS: usize = 32;

/// The time of a line of pairs that begin at `start`.
pub(super) fn find(line: &[u8], start: usize) -> Option<Raw<'_>> {
    let rest = &line[start..];
    if rest.starts_with(b"CEF:") {
        return cef(line, start);
    }
    if rest.starts_with(b"8=FIX") {
        return fix(line, start);
    }
    let mut at = start;
    let mut date = None;
    let mut said = false;
    for _ in 0..PAIRS {
        let name = name_at(line, at)?;
        let value = at + name.len() + 1;
        let from = value + usize::from(line.get(value) == Some(&b'"'));
        if let Some(audit) = line[value..].strip_prefix(b"audit(").filter(|_| name == b"msg") {
            return self::audit(line, line.len() - audit.len());
        }
        if let Some(day) = date.filter(|_| name.eq_ignore_ascii_case(b"time")) {
            return day_and_time(line, day, from);
        }
        if keys::rank(name).is_some() || name == b"rt" {
            match of_value(line, from, from > value) {
                // A number after the message more likely belongs to the message.
                Some(Raw::Epoch(_)) if said => {}
                Some(time) => return Some(time),
                None if name.eq_ignore_ascii_case(b"date") => date = Some(from),
                None => {}
            }
        }
        said |= matches!(name, b"msg" | b"message" | b"event");
        at = past(line, value)?;
        if at > start + HEAD {
            return None;
        }
    }
    None
}

/// The name of the pair at `at`.
fn name_at(line: &[u8], at: usize) -> Option<&[u8]> {
    let rest = line.get(at..)?;
    let length = rest
        .iter()
        .take(64)
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@' | b'/'))
        .count();
    (length > 0 && rest.get(length) == Some(&b'=')).then(|| &rest[..length])
}

/// The beginning of the pair after the value at `at`.
fn past(line: &[u8], mut at: usize) -> Option<usize> {
    if line.get(at) == Some(&b'"') {
        at += 1;
        let limit = at + HEAD;
        loop {
            match line.get(at).filter(|_| at < limit)? {
                b'"' => break,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        at += 1;
    } else {
        at += line[at..].iter().position(|b| *b == b' ')?;
    }
    let blanks = line.get(at..)?.iter().take_while(|b| matches!(b, b' ' | b',' | b'\t')).count();
    (blanks > 0).then_some(at + blanks)
}

fn of_value(line: &[u8], from: usize, quoted: bool) -> Option<Raw<'_>> {
    let ends = |after: Option<&u8>| match after {
        Some(b'"') => quoted,
        Some(b' ' | b'\t' | b'\r' | b',') | None => !quoted,
        _ => false,
    };
    if let Some((nanos, rest)) = epoch::value(line.get(from..)?) {
        return ends(rest.first()).then_some(Raw::Epoch(nanos));
    }
    match date::at(line, from, VALUE) {
        Found::Time(stamp) => ends(line.get(stamp.end)).then_some(Raw::Civil(stamp)),
        _ => None,
    }
}

/// `date=2026-11-25 time=14:00:00`, with the zone in a separate pair, `tz="-0500"`.
fn day_and_time(line: &[u8], day: usize, time: usize) -> Option<Raw<'_>> {
    let clock = line
        .get(time..)?
        .iter()
        .take(32)
        .take_while(|b| b.is_ascii_digit() || matches!(b, b':' | b'.'))
        .count();
    // Date and time are joined to one text, which is then read like any other.
    let mut text = [0; 48];
    let both = [line.get(day..day + 10)?, b" ", &line[time..time + clock]];
    let mut length = 0;
    for part in both {
        text.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    let Found::Time(stamp) = date::at(&text[..length], 0, START) else { return None };
    let head = &line[..line.len().min(time + ZONE)];
    let zone = memmem::find(head, b" tz=").map_or(Zone::Host, |tz| {
        let at = tz + 4 + usize::from(head.get(tz + 4) == Some(&b'"'));
        if at >= head.len() { Zone::Host } else { offset::at(line, at).map_or(Zone::Host, |(zone, _)| zone) }
    });
    Some(Raw::Civil(Stamp {
        zone,
        date: stamp.date,
        second_of_day: stamp.second_of_day,
        nanos: stamp.nanos,
        has_fraction: stamp.has_fraction,
        end: time + clock,
    }))
}

/// `audit(1730801472.123:45)` of the audit log, or with a date in place of the number, as `ausearch
/// -i` prints it.
fn audit(line: &[u8], at: usize) -> Option<Raw<'_>> {
    if let Some((nanos, rest)) = epoch::value(&line[at..]) {
        return (rest.first() == Some(&b':')).then_some(Raw::Epoch(nanos));
    }
    // The serial number follows the last colon.
    let end = at + line[at..].iter().take(48).position(|b| *b == b')')?;
    let colon = at + memchr::memrchr(b':', &line[at..end])?;
    match date::at(&line[..colon], at, START) {
        Found::Time(stamp) if stamp.end == colon => Some(Raw::Civil(stamp)),
        _ => None,
    }
}

/// The receipt time of CEF: `rt=` after the header.
fn cef(line: &[u8], start: usize) -> Option<Raw<'_>> {
    let head = &line[start..line.len().min(start + ZONE)];
    let at = memmem::find_iter(head, b"rt=").find(|at| matches!(head[at - 1], b' ' | b'|'))?;
    let value = start + at + 3;
    if let Some((nanos, rest)) = epoch::value(&line[value..]) {
        return matches!(rest.first(), None | Some(b' ')).then_some(Raw::Epoch(nanos));
    }
    match date::at(line, value, START) {
        Found::Time(stamp) => Some(Raw::Civil(stamp)),
        _ => None,
    }
}

/// The sending time of a FIX message: tag 52, in UTC.
fn fix(line: &[u8], start: usize) -> Option<Raw<'_>> {
    let head = &line[start..line.len().min(start + HEAD)];
    let at = memmem::find_iter(head, b"52=").find(|at| matches!(head[at - 1], 1 | b'|' | b' '))?;
    let end = start
        + at
        + 3
        + line[start + at + 3..]
            .iter()
            .take(40)
            .take_while(|b| b.is_ascii_digit() || matches!(b, b'-' | b':' | b'.'))
            .count();
    match date::at(&line[..end], start + at + 3, START) {
        Found::Time(stamp) => Some(Raw::Civil(Stamp { zone: Zone::Offset(0), ..stamp })),
        _ => None,
    }
}
