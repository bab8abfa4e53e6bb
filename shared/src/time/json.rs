//! The time of a line that is a JSON object: that of a field of the outermost object, never one
//! inside another or inside a text.
//!
//! An object is walked from its start, and one that is longer from its end as well: many
//! libraries write the time last, and a long message before it. Neither walk guesses where a
//! text begins: from the end too, a quote without a backslash before it is one's edge.

use super::date::{self, Found, VALUE};
use super::epoch;
use super::find::Raw;
use super::keys::{self, Rank};
use super::text::{leading_digits, number};
use memchr::{memchr, memchr2};

/// Bytes of an object that are walked from its start, and from its end. A field that begins
/// within the first is read to its end.
const WALK: usize = 4096;

/// Bytes of the longest name of a field that is looked past.
const NAME: usize = 128;

/// Blanks that may stand between names and values.
const BLANKS: usize = 64;

/// Fields that are looked at in one walk: numbers and commas could be thousands.
const FIELDS: usize = 256;

/// The best time seen so far.
#[derive(Default)]
struct Best<'a>(Option<(Rank, Raw<'a>)>);

impl<'a> Best<'a> {
    /// Takes a field; true once no other can be better.
    fn take(&mut self, line: &'a [u8], name: &[u8], value: usize) -> bool {
        let Some(rank) = keys::rank(name) else { return false };
        if self.0.is_none_or(|(best, _)| rank < best)
            && let Some(time) = time(line, value)
        {
            self.0 = Some((rank, time));
        }
        matches!(self.0, Some((Rank::Sure, _)))
    }
}

/// The time of the object that begins at `at`.
pub(super) fn find(line: &[u8], at: usize) -> Option<Raw<'_>> {
    let mut best = Best::default();
    // Docker's own field stands after a text that may be long.
    let docker = line[at..].starts_with(b"{\"log\":");
    let done = docker && from_end(line, at, &mut best);
    if !done {
        let whole = from_start(line, at, &mut best);
        if best.0.is_none() && whole == Walk::CutOff && !docker && line.len() > at + WALK {
            from_end(line, at, &mut best);
        }
    }
    best.0.map(|(_, time)| time)
}

#[derive(PartialEq, Eq)]
enum Walk {
    /// A sure time was found, or the object ended, or is none.
    Done,
    /// There is more.
    CutOff,
}

fn from_start<'a>(line: &'a [u8], start: usize, best: &mut Best<'a>) -> Walk {
    let mut at = start + 1;
    for _ in 0..FIELDS {
        let Some((name, value)) = field(line, at) else { return Walk::Done };
        if best.take(line, name, value) {
            return Walk::Done;
        }
        let Some(end) = past_value(line, value, start + WALK) else { return Walk::CutOff };
        at = past_blanks(line, end);
        if line.get(at) != Some(&b',') {
            return Walk::Done;
        }
        at += 1;
        if at > start + WALK {
            return Walk::CutOff;
        }
    }
    Walk::CutOff
}

/// The name of the field at `at`, and where its value begins.
fn field(line: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let at = past_blanks(line, at);
    let name = line.get(at..)?.strip_prefix(b"\"")?;
    let length = memchr(b'"', &name[..name.len().min(NAME)])?;
    let colon = past_blanks(line, at + length + 2);
    (line.get(colon) == Some(&b':')).then(|| (&name[..length], past_blanks(line, colon + 1)))
}

#[inline]
fn past_blanks(line: &[u8], at: usize) -> usize {
    let blanks = line.get(at..).unwrap_or_default().iter().take(BLANKS);
    at + blanks.take_while(|b| matches!(b, b' ' | b'\t')).count()
}

/// Past the text whose first quote is at `at`; None where `limit` comes first.
fn past_text(line: &[u8], at: usize, limit: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        let rest = line.get(at..line.len().min(limit))?;
        at += memchr2(b'"', b'\\', rest)?;
        if line[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Past the value at `at`; None where `limit` comes first.
fn past_value(line: &[u8], mut at: usize, limit: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match line[..line.len().min(limit)].get(at)? {
            b'"' => at = past_text(line, at, limit)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                // The outermost object's own.
                if depth == 0 {
                    return Some(at);
                }
                depth -= 1;
                at += 1;
            }
            b',' if depth == 0 => return Some(at),
            _ => at += 1,
        }
        if depth == 0 && matches!(line[at - 1], b'"' | b'}' | b']') {
            return Some(at);
        }
    }
}

/// Walks the fields from the last one back. True once a sure time is found.
fn from_end<'a>(line: &'a [u8], start: usize, best: &mut Best<'a>) -> bool {
    let mut end = text_end(line);
    let floor = end.saturating_sub(WALK).max(start + 1);
    if line[..end].last() != Some(&b'}') || end <= floor {
        return false;
    }
    end -= 1;
    for _ in 0..FIELDS {
        let Some(value) = before_value(line, end, floor) else { return false };
        let Some((name, name_at)) = name_before(line, value, floor) else { return false };
        if best.take(line, name, value) {
            return true;
        }
        let before = blanks_before(line, name_at, floor);
        if before <= floor || line[before - 1] != b',' {
            return false;
        }
        end = before - 1;
    }
    false
}

/// Where a line ends, without the blanks and the carriage return after it.
pub(super) fn text_end(line: &[u8]) -> usize {
    let blanks = line.iter().rev().take(BLANKS).take_while(|b| b.is_ascii_whitespace()).count();
    line.len() - blanks
}

fn blanks_before(line: &[u8], mut end: usize, floor: usize) -> usize {
    while end > floor && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    end
}

/// Where the value begins that ends before `end`.
fn before_value(line: &[u8], end: usize, floor: usize) -> Option<usize> {
    let mut at = blanks_before(line, end, floor);
    let mut depth = 0usize;
    loop {
        if at <= floor {
            return None;
        }
        match line[at - 1] {
            b'"' => at = before_text(line, at, floor)?,
            b'}' | b']' => {
                depth += 1;
                at -= 1;
            }
            b'{' | b'[' => {
                depth = depth.checked_sub(1)?;
                at -= 1;
            }
            b':' if depth == 0 => return Some(past_blanks(line, at)),
            // A value of the outermost object has no comma.
            b',' if depth == 0 => return None,
            _ => at -= 1,
        }
    }
}

/// Where the text begins whose last quote is before `end`.
fn before_text(line: &[u8], end: usize, floor: usize) -> Option<usize> {
    let mut at = end - 1;
    loop {
        at = floor + memchr::memrchr(b'"', &line[floor..at])?;
        let backslashes = line[floor..at].iter().rev().take_while(|b| **b == b'\\').count();
        if backslashes % 2 == 0 {
            return (at - backslashes > floor).then_some(at);
        }
    }
}

/// The name of the field whose value begins at `value`, and where it begins.
fn name_before(line: &[u8], value: usize, floor: usize) -> Option<(&[u8], usize)> {
    let colon = blanks_before(line, value, floor);
    let end = blanks_before(line, colon.checked_sub(1)?, floor);
    if line[colon - 1] != b':' || end <= floor || line[end - 1] != b'"' {
        return None;
    }
    let at = before_text(line, end, floor)?;
    Some((&line[at + 1..end - 1], at))
}

/// A value that is a time: a text, a number that counts from the epoch, or an object of one.
fn time(line: &[u8], at: usize) -> Option<Raw<'_>> {
    match line.get(at)? {
        b'"' => text(line, at + 1),
        b'{' => object(line, at + 1),
        b'0'..=b'9' => {
            let (nanos, rest) = epoch::value(&line[at..])?;
            matches!(rest.get(past_blanks(rest, 0)), Some(b',' | b'}')).then_some(Raw::Epoch(nanos))
        }
        _ => None,
    }
}

fn text(line: &[u8], at: usize) -> Option<Raw<'_>> {
    // A year has four digits.
    if line.get(at + 4) != Some(&b'-')
        && let Some((nanos, rest)) = epoch::value(&line[at..])
    {
        return (rest.first() == Some(&b'"')).then_some(Raw::Epoch(nanos));
    }
    let Found::Time(stamp) = date::at(line, at, VALUE) else { return None };
    let mut end = stamp.end;
    // The region after an offset, or the name after it, that the offset stands for.
    if matches!(line.get(end..), Some([b'[', ..] | [b' ', b'(' | b'A'..=b'Z', ..])) {
        end += line[end..].iter().take(40).position(|b| *b == b'"')?;
    }
    (line.get(end) == Some(&b'"')).then_some(Raw::Civil(stamp))
}

/// `{"$date":…}` of `MongoDB`, or seconds and nanoseconds of a protocol buffer or of Log4j.
fn object(line: &[u8], at: usize) -> Option<Raw<'_>> {
    let (name, value) = field(line, at)?;
    match name {
        b"$date" | b"$numberLong" => time(line, value),
        b"seconds" | b"epochSecond" => {
            let digits = leading_digits(&line[value..]);
            let (seconds, rest) = epoch::value(&line[value..]).filter(|_| digits == 10)?;
            let after = past_blanks(rest, 0);
            match rest.get(after)? {
                b'}' => return Some(Raw::Epoch(seconds)),
                b',' => {}
                _ => return None,
            }
            let comma = line.len() - rest.len() + after + 1;
            let (name, value) = field(line, comma)?;
            let digits = leading_digits(&line[value..]);
            let is_nanos = matches!(name, b"nanos" | b"nanoOfSecond") && (1..=9).contains(&digits);
            let closes = matches!(line.get(value + digits)?, b',' | b'}' | b' ');
            let fine = number(&line[value..value + digits.min(9)]);
            (is_nanos && closes).then_some(Raw::Epoch(seconds + fine))
        }
        _ => None,
    }
}
