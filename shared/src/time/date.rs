//! Reads a date and a time of day at one place in a line.

use super::clock::Commas;
use super::forms::{self, Form, Only};
use super::offset::{self, Zone};
use super::order::{self, Known};
use super::pattern::{self, Parts};
use super::text::{four, month, weekday};

/// A date. A year that is `None` has to be worked out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Date {
    pub(super) year: Option<i64>,
    pub(super) month: i64,
    pub(super) day: i64,
}

/// A date, a time of day and their zone, as written in a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp<'a> {
    pub(super) date: Date,
    pub(super) second_of_day: i64,
    pub(super) nanos: i64,
    pub(super) zone: Zone<'a>,
    pub(super) has_fraction: bool,
    /// Where it ends, with its zone.
    pub(super) end: usize,
}

/// What was found at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found<'a> {
    Time(Stamp<'a>),
    /// A date that is not understood. Then no other date in the line is taken as its time.
    Unclear,
    Nothing,
}

/// What is known about the place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// No words stand before it.
    pub(super) at_start: bool,
    /// A bracket stands directly before it.
    pub(super) in_brackets: bool,
    pub(super) commas: Commas,
    pub(super) order: Known,
}

/// The beginning of a line.
pub(super) const START: Place =
    Place { at_start: true, in_brackets: false, commas: Commas::Fraction, order: Known::Nothing };

/// The value of a field.
pub(super) const VALUE: Place = Place { commas: Commas::AnyFraction, ..START };

/// Reads one of the forms at `at`, with or without a weekday before it.
#[inline]
pub(super) fn at(line: &[u8], at: usize, place: Place) -> Found<'_> {
    let Some(first) = line.get(at) else { return Found::Nothing };
    let mut named_day = false;
    let mut from = at;
    if first.is_ascii_alphabetic() {
        if let Some(after) = after_weekday(line, at) {
            (named_day, from) = (true, after);
        } else if !line.get(at + 1).is_some_and(u8::is_ascii_digit) && month(&line[at..]).is_none() {
            return Found::Nothing;
        }
    } else if !first.is_ascii_digit() || is_address(&line[at..]) {
        return Found::Nothing;
    }
    let mut found = Found::Nothing;
    for form in forms::candidates(&line[from..]) {
        if let Some(parts) = form.pattern.parts(line, from, place.commas) {
            match stamp(line, form, &parts, place, named_day) {
                Some(stamp) => return Found::Time(stamp),
                None => found = Found::Unclear,
            }
        }
    }
    if matches!(found, Found::Nothing) && pattern::looks_like_a_date(line, from) {
        return Found::Unclear;
    }
    found
}

/// Whether `text` begins with an IPv4 address, as many access logs do: four numbers of up to three
/// digits, with dots between.
#[inline]
fn is_address(text: &[u8]) -> bool {
    let mut rest = text;
    for _ in 0..3 {
        rest = match rest {
            [b'0'..=b'9', b'.', rest @ ..]
            | [b'0'..=b'9', b'0'..=b'9', b'.', rest @ ..]
            | [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9', b'.', rest @ ..] => rest,
            _ => return false,
        };
    }
    rest.first().is_some_and(u8::is_ascii_digit)
}

/// The end of the weekday at `at`, with what follows it: `Tue `, `Tue, `, `Tuesday, `.
fn after_weekday(line: &[u8], at: usize) -> Option<usize> {
    let end = at + weekday(&line[at..])?;
    let end = end + usize::from(matches!(line.get(end), Some(b',' | b'.')));
    (line.get(end) == Some(&b' ')).then_some(end + 1)
}

/// Makes a stamp of the parts of a form. `None` if there is no such date, or if the text around it
/// does not fit the form.
#[inline]
fn stamp<'a>(line: &'a [u8], form: &Form, parts: &Parts, place: Place, named_day: bool) -> Option<Stamp<'a>> {
    let clock = &parts.clock;
    let (zone, mut end) = match form.only {
        Only::Db2 => offset::of_db2(line, clock.end)?,
        _ => offset::at(line, clock.end)?,
    };
    let (mut zone, mut year) = (zone, parts.year);
    if year.is_none() && parts.count == 0 {
        if let Some((number, after)) = year_after(line, end) {
            (year, end) = (Some(number), after);
            if zone == Zone::Host {
                (zone, end) = offset::at(line, end)?;
            }
        } else if end > clock.end
            && !named_day
            && line[clock.end] == b' '
            && !is_syslog_zone(line, clock.end, end)
        {
            // It is not a zone, but the host's name or the message.
            (zone, end) = (Zone::Host, clock.end);
        }
    }
    if !is_allowed(line, form.only, (parts, year), place, end) || !ends(line, end, zone) {
        return None;
    }
    let known = match form.only {
        // The short date of the locale. The Japanese one begins with the year, and the American one
        // does not pad its numbers.
        Only::WebSphere if is_named(line, clock.end, b"JST") => Known::YearFirst,
        Only::WebSphere if parts.numbers[1].1 == 1 => Known::MonthFirst,
        Only::WebSphere => Known::YearLast,
        _ => place.order,
    };
    let numbers = parts.numbers;
    let (year, month, day) = match (parts.count, year) {
        (2, Some(year)) => some_year(order::of_two([numbers[0].0, numbers[1].0], year, known)?),
        (3, _) => some_year(order::of_three(numbers, known)?),
        _ => (year, parts.month, parts.day),
    };
    order::is_possible(year, month, day).then_some(Stamp {
        date: Date { year, month, day },
        second_of_day: clock.second_of_day,
        nanos: clock.nanos,
        zone,
        has_fraction: clock.has_fraction,
        end,
    })
}

fn some_year((year, month, day): (i64, i64, i64)) -> (Option<i64>, i64, i64) {
    (Some(year), month, day)
}

/// The year after a time of day, as ctime writes it, and where it ends.
#[inline]
fn year_after(line: &[u8], end: usize) -> Option<(i64, usize)> {
    if line.get(end) != Some(&b' ') {
        return None;
    }
    let year = four(line, end + 1).filter(|year| order::YEARS.contains(year))?;
    let ends = line
        .get(end + 5)
        .is_none_or(|b| matches!(b, b' ' | b']' | b'>' | b',' | b':' | b'"' | b'\r' | b'\t' | b')' | b';'));
    ends.then_some((year, end + 5))
}

/// Whether what follows a syslog time is a zone: an offset, `UTC`, or any name before a colon, as
/// Cisco's devices write it.
fn is_syslog_zone(line: &[u8], from: usize, end: usize) -> bool {
    let name = &line[from + 1..end];
    !name[0].is_ascii_alphabetic()
        || name.starts_with(b"UTC")
        || name.starts_with(b"GMT")
        || line.get(end) == Some(&b':')
}

fn is_named(line: &[u8], end: usize, name: &[u8]) -> bool {
    line[end..].strip_prefix(b" ").is_some_and(|rest| rest.starts_with(name))
}

/// Whether the form is allowed at this place.
#[inline]
fn is_allowed(
    line: &[u8],
    only: Only,
    (parts, year): (&Parts, Option<i64>),
    place: Place,
    end: usize,
) -> bool {
    let clock = &parts.clock;
    let closes = || place.in_brackets && line.get(end) == Some(&b']');
    match only {
        Only::Anywhere | Only::Db2 => true,
        Only::AtStart => place.at_start,
        Only::AtStartOrWithYear => place.at_start || year.is_some(),
        Only::WithFraction => place.at_start && clock.has_fraction,
        Only::Bracketed => closes(),
        Only::Spark => place.at_start && parts.year > Some(2012) && is_class(&line[end..]),
        Only::WebSphere => {
            clock.colon_fraction && place.in_brackets && (closes() || line.get(clock.end) == Some(&b' '))
        }
    }
}

/// Whether a level and a class name with a colon follow.
fn is_class(rest: &[u8]) -> bool {
    let Some(rest) = rest.strip_prefix(b" ") else { return false };
    let level = rest.iter().take(6).take_while(|b| b.is_ascii_uppercase()).count();
    let Some(class) = rest[level..].strip_prefix(b" ").filter(|_| (4..=5).contains(&level)) else {
        return false;
    };
    memchr::memchr(b' ', class)
        .is_some_and(|end| class[..end].ends_with(b":") && class[..end].iter().any(u8::is_ascii_uppercase))
}

/// Whether a time may end here, by what follows it.
#[inline]
pub(super) fn ends(line: &[u8], end: usize, zone: Zone<'_>) -> bool {
    let after = &line[end..];
    match after {
        []
        | [
            b' ' | b'\t' | b'\r' | b']' | b')' | b'>' | b'}' | b';' | b',' | b'|' | b'"' | b'\'' | b'['
            | b'#' | 0x1b,
            ..,
        ] => true,
        [b':', next @ ..] => zone != Zone::Host || !next.first().is_some_and(u8::is_ascii_digit),
        // The number or the name of a process follows.
        [b'-' | b'+', ..] => zone == Zone::Host,
        _ => false,
    }
}
