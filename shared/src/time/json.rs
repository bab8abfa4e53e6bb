//! The time of a line that is a JSON object: the value of a field of the outermost object, not of
//! an inner object or inside a text.
//!
//! An object is read from its beginning, and a long one from its end as well: many libraries write
//! the time last, after a long message. Both ways find the quotes of each text exactly. From the
//! end, too, a quote without a backslash before it begins or ends a text.

use super::date::{self, Found, VALUE};
use super::epoch;
use super::keys::{self, Rank};
use super::raw::Raw;
use super::text::{leading_digits, number};
use memchr::{memchr, memchr2};

/// The bytes of an object that are read from its beginning, and from its end. A field that begins
/// within them is read to its end.
const WALK: usize = 4096;

/// The most bytes of a field's name.
const NAME: usize = 128;

/// The most blanks between names and values.
const BLANKS: usize = 64;

/// The most fields that are read from one side: a line of numbers and commas could have thousands.
const FIELDS: usize = 256;

/// The best time seen so far.
#[derive(Default)]
struct Best<'a>(Option<(Rank, Raw<'a>)>);

impl<'a> Best<'a> {
    /// Takes a field. True once no other field can be better.
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
    // In Docker's format the time stands after a text that may be long.
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
    /// A sure time was found, or the object has ended, or it is not valid.
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

/// The end of the text whose first quote is at `at`. `None` if `limit` comes first.
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

/// The end of the value at `at`. `None` if `limit` comes first.
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
                // The end of the outermost object.
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

/// Reads the fields from the last one back. True once a sure time is found.
///
/// A line that was cut off can end with the `}` of an inner object, whose time does not count.
fn from_end<'a>(line: &'a [u8], start: usize, best: &mut Best<'a>) -> bool {
    let mut end = text_end(line);
    let floor = end.saturating_sub(WALK).max(start + 1);
    if line[..end].last() != Some(&b'}') || end <= floor {
        return false;
    }
    end -= 1;
    let done = fields_back(line, &mut end, floor, best);
    if best.0.is_some() && is_inner(line, end, floor) {
        *best = Best::default();
        return false;
    }
    done
}

/// Reads the fields before `end`, and moves `end` to the beginning of the first one that was read.
fn fields_back<'a>(line: &'a [u8], end: &mut usize, floor: usize, best: &mut Best<'a>) -> bool {
    let mut at = *end;
    for _ in 0..FIELDS {
        let Some(value) = before_value(line, at, floor) else { return false };
        let Some((name, name_at)) = name_before(line, value, floor) else { return false };
        *end = name_at;
        if best.take(line, name, value) {
            return true;
        }
        let before = blanks_before(line, name_at, floor);
        if before <= floor || line[before - 1] != b',' {
            return false;
        }
        at = before - 1;
    }
    false
}

/// Whether the object or the list that `at` is in begins at or after `floor`.
fn is_inner(line: &[u8], mut at: usize, floor: usize) -> bool {
    let mut depth = 0usize;
    while at > floor {
        match line[at - 1] {
            b'"' => match before_text(line, at, floor) {
                Some(begin) => at = begin,
                None => return false,
            },
            b'}' | b']' => {
                depth += 1;
                at -= 1;
            }
            b'{' | b'[' => {
                let Some(outer) = depth.checked_sub(1) else { return true };
                depth = outer;
                at -= 1;
            }
            _ => at -= 1,
        }
    }
    false
}

/// Where the text of a line ends, before trailing blanks and a carriage return.
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

/// The beginning of the value that ends before `end`.
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
            // There is no comma between a name and its value, so this is not valid.
            b',' if depth == 0 => return None,
            _ => at -= 1,
        }
    }
}

/// The beginning of the text whose last quote is directly before `end`.
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

/// The name of the field whose value begins at `value`, and where the name begins.
fn name_before(line: &[u8], value: usize, floor: usize) -> Option<(&[u8], usize)> {
    let colon = blanks_before(line, value, floor);
    let end = blanks_before(line, colon.checked_sub(1)?, floor);
    if line[colon - 1] != b':' || end <= floor || line[end - 1] != b'"' {
        return None;
    }
    let at = before_text(line, end, floor)?;
    Some((&line[at + 1..end - 1], at))
}

/// The time that a value holds: a text, a number that counts from the epoch, or an object with one
/// of these.
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
    // After four digits and a dash it is a date, not a number.
    if line.get(at + 4) != Some(&b'-')
        && let Some((nanos, rest)) = epoch::value(&line[at..])
    {
        return (rest.first() == Some(&b'"')).then_some(Raw::Epoch(nanos));
    }
    let Found::Time(stamp) = date::at(line, at, VALUE) else { return None };
    let mut end = stamp.end;
    // After an offset, its region or its name may follow.
    if matches!(line.get(end..), Some([b'[', ..] | [b' ', b'(' | b'A'..=b'Z', ..])) {
        end += line[end..].iter().take(40).position(|b| *b == b'"')?;
    }
    (line.get(end) == Some(&b'"')).then_some(Raw::Civil(stamp))
}

/// `{"$date":…}` of `MongoDB`, or the seconds and nanoseconds of a protocol buffer or of Log4j.
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
