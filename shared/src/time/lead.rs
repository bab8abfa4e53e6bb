//! What may stand before the time of a line. A time after anything else belongs to the message.
//!
//! Brackets, a level, a number, an address, a thread or a program's name may stand before it. Words
//! may not, as in `expires 2031-01-01 00:00:00`. If something stands before a time, a message has
//! to follow; without one, the time is a value. After a date in no known form, later dates belong
//! to the message.

use super::date::{self, Found, Place, START, Stamp};
use super::offset::Zone;
use super::order::Known;
use super::raw::Raw;
use super::words::{self, Kind};
use super::{brackets, fields, prefix, utc};

/// The most bytes before a time.
const LENGTH: usize = 136;

/// The most words and brackets before a time: a level, a process, a thread, a separator.
const WORDS: usize = 5;

/// The time of a line that begins with it.
#[inline]
pub(super) fn alone<'a>(line: &'a [u8], at: usize, stamp: Stamp<'a>) -> Option<Raw<'a>> {
    (!is_range(line, stamp.end)).then(|| Raw::Civil(utc::settled(line, at, stamp)))
}

/// What was found before a time.
#[derive(Debug, Clone, Copy)]
struct Seen {
    words: usize,
    /// Some words are not in brackets and do not number the line.
    bare: bool,
    /// They could also begin a sentence, so the time has to be in a form that only machines write.
    doubtful: bool,
    by: Option<By>,
    /// One word is a number.
    number: bool,
}

/// The program that wrote the line, if the words tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    /// A tool that puts a pod and its container before it.
    Pods,
    Nest,
}

const NONE: Seen = Seen { words: 0, bare: false, doubtful: false, by: None, number: false };

/// The time at `at` after an opening bracket or quote.
#[inline]
pub(super) fn opened_at_start(line: &[u8], at: usize) -> Found<'_> {
    match line[at] {
        b'[' | b'<' | b'(' | b'"' | b'\'' | b'*' | b'.' => opened(line, at, &NONE),
        _ => Found::Nothing,
    }
}

/// The time of an access log, if its first word is an address and its second a hyphen.
#[inline]
pub(super) fn of_client(line: &[u8], start: usize, word: usize) -> Option<Found<'_>> {
    if !line[start + word..].starts_with(b" - ") || !words::is_address(&line[start..start + word]) {
        return None;
    }
    Some(brackets::find(line, start)).filter(|found| !matches!(found, Found::Nothing))
}

/// The time after the words that may stand before one. They begin at `start`, and the first has
/// `word` bytes.
pub(super) fn find(line: &[u8], start: usize, word: usize) -> Found<'_> {
    if let Some(found) = of_client(line, start, word) {
        return found;
    }
    if let Some((at, known)) = words::literal(line, start) {
        return literal(line, at, known);
    }
    let found = fields::find(line, start);
    if !matches!(found, Found::Nothing) {
        return found;
    }
    match walk(line, start) {
        Found::Nothing => brackets::find(line, start),
        found => found,
    }
}

fn literal<'a>(line: &'a [u8], at: usize, known: &words::Literal) -> Found<'a> {
    let place = Place { order: known.order, ..START };
    match date::at(line, at, place) {
        Found::Time(stamp) if (known.suits)(line, at, &stamp) => Found::Time(match stamp.zone {
            Zone::Host if known.is_utc => Stamp { zone: Zone::Offset(0), ..stamp },
            _ => stamp,
        }),
        Found::Nothing | Found::Time(_) => Found::Nothing,
        Found::Unclear => Found::Unclear,
    }
}

fn walk(line: &[u8], start: usize) -> Found<'_> {
    let mut seen = NONE;
    let mut at = start;
    loop {
        // This was tried at the beginning of the line.
        if at > start {
            let found = opened(line, at, &seen);
            if !matches!(found, Found::Nothing) {
                return found;
            }
        }
        let Some(word) = words::at(line, at, seen.words == 0) else { return Found::Nothing };
        match word.kind {
            // A column of numbers belongs to a table.
            Kind::Separator if seen.words == 0 || seen.number && line[at] == b'|' => return Found::Nothing,
            Kind::Separator | Kind::Colour => {}
            Kind::Bracket => {
                seen.words += 1;
                if &line[at..word.end] == b"[Nest]" {
                    seen.by = Some(By::Nest);
                }
            }
            Kind::Numbered => seen.words += 1,
            Kind::Level { doubtful } => {
                seen.words += 1;
                seen.bare = true;
                seen.doubtful |= doubtful;
            }
            Kind::Name => {
                seen.words += 1;
                seen.number |= line[at..word.end].iter().all(u8::is_ascii_digit);
                seen.bare = true;
            }
            Kind::Pod => {
                seen.words += 1;
                (seen.bare, seen.doubtful, seen.by) = (true, true, Some(By::Pods));
            }
            Kind::Plain if seen.by == Some(By::Pods) && seen.words == 1 => {
                seen.words += 1;
                seen.doubtful = true;
            }
            Kind::Plain => return Found::Nothing,
        }
        // The Java Service Wrapper: `INFO   | jvm 1    | 2026/11/25 14:00:00 | up`.
        let word_end = match word.kind {
            Kind::Separator if seen.words == 1 => past_column(line, word.end).unwrap_or(word.end),
            _ => word.end,
        };
        at =
            word_end + line[word_end..].iter().take(LENGTH).take_while(|b| matches!(b, b' ' | b'\t')).count();
        if seen.words > WORDS || at - start > LENGTH {
            return Found::Nothing;
        }
    }
}

/// The end of the column with a program's name that begins at `at`, after its bar.
fn past_column(line: &[u8], at: usize) -> Option<usize> {
    const COLUMN: usize = 24;
    let column = line.get(at..)?.iter().take(COLUMN).position(|b| *b == b'|')?;
    let plain = line[at..at + column].iter().all(|b| b.is_ascii_alphanumeric() || *b == b' ');
    (plain && line[at - 1] == b'|').then_some(at + column + 1)
}

/// The time at `at`, with or without an opening bracket or quote.
fn opened<'a>(line: &'a [u8], at: usize, seen: &Seen) -> Found<'a> {
    let Some(first) = line.get(at) else { return Found::Nothing };
    let from = match first {
        // The letter of a level, as Tornado writes it: `[I 261125 14:00:00 web:1]`.
        b'[' if matches!(line.get(at + 1..at + 3), Some([b'A'..=b'Z', b' '])) => at + 3,
        b'[' | b'<' => at + 1 + usize::from(line.get(at + 1) == Some(&b' ')),
        // Not the arguments of a function, nor a remark in parentheses.
        b'(' | b'"' | b'\'' if seen.words == 0 => at + 1,
        // Cisco's devices mark the time of a clock that is not synchronised.
        b'*' | b'.' if !seen.bare => at + 1,
        _ => at,
    };
    let opener = (from > at).then_some(*first);
    let from = prefix::colour(line, from).unwrap_or(from);
    let place = Place {
        at_start: !seen.bare && !matches!(opener, Some(b'(' | b'"' | b'\'')),
        in_brackets: opener == Some(b'['),
        ..START
    };
    let mut found = date::at(line, from, place);
    if seen.by == Some(By::Nest) && matches!(found, Found::Unclear) {
        found = nest(line, from, place);
    }
    let Found::Time(stamp) = found else { return found };
    if opener == Some(b'[') && matches!(line.get(from + 2..from + 4), Some([b'/', b'A'..=b'Z' | b'a'..=b'z']))
    {
        // The time of an access log. A user name may look like one too: `brackets` tells them
        // apart.
        return brackets::find(line, at);
    }
    let closed = match opener {
        Some(b'(') => line.get(stamp.end) == Some(&b')'),
        // The first of several values.
        Some(quote @ (b'"' | b'\'')) => {
            line.get(stamp.end) == Some(&quote)
                && matches!(line.get(stamp.end + 1), Some(b',' | b';' | b'\t' | b'|'))
        }
        _ => true,
    };
    if !closed {
        return Found::Nothing;
    }
    if is_range(line, stamp.end) || seen.words > 0 && !is_followed(line, stamp.end) {
        return Found::Unclear;
    }
    let by_machine = stamp.has_fraction
        || line.get(from + 4) == Some(&b'/')
        || seen.by == Some(By::Pods) && line.get(from + 10) == Some(&b'T');
    if seen.doubtful && !by_machine {
        return Found::Unclear;
    }
    Found::Time(if seen.words == 0 { utc::settled(line, from, stamp) } else { stamp })
}

/// Nest writes the date of its host's locale, and only the American one has AM or PM in
/// capitals.
fn nest(line: &[u8], from: usize, place: Place) -> Found<'_> {
    match date::at(line, from, Place { order: Known::MonthFirst, ..place }) {
        Found::Time(stamp) if line[..stamp.end].ends_with(b"M") => Found::Time(stamp),
        _ => Found::Unclear,
    }
}

/// Whether a message follows.
fn is_followed(line: &[u8], end: usize) -> bool {
    let mut at = end;
    while let Some(byte) = line.get(at).filter(|_| at < end + LENGTH) {
        match byte {
            b' ' | b'\t' | b'\r' | b']' | b'>' | b')' | b'"' | b'\'' => at += 1,
            0x1b => match prefix::colour(line, at) {
                Some(after) => at = after,
                None => return true,
            },
            _ => return true,
        }
    }
    false
}

/// Whether another time follows as the end of a range: `[2020-01-01 00:00:00, 2020-02-01
/// 00:00:00)`. A time after only a space belongs to the message.
#[inline]
fn is_range(line: &[u8], end: usize) -> bool {
    match line.get(end..) {
        Some([b',', ..] | [b' ', b'-' | b't' | b'a' | b'u' | b'.', ..]) => is_to_another(line, end),
        _ => false,
    }
}

#[cold]
fn is_to_another(line: &[u8], end: usize) -> bool {
    [&b", "[..], b" - ", b" -- ", b" to ", b" and ", b" until ", b" .. "].iter().any(|between| {
        let at = end + between.len();
        line[end..].starts_with(between) && matches!(date::at(line, at, START), Found::Time(_))
    })
}
