//! Finds the time in a line: the places in which it is searched, in their order.

use super::date::{self, Found};
use super::raw::{HEAD, Raw};
use super::{epoch, json, lead, pairs, prefix, words};
use std::ops::Range;

/// The time of a line. A number without a name is a time only within `epochs`.
#[inline]
pub(super) fn find<'a>(line: &'a [u8], epochs: &Range<i64>) -> Option<Raw<'a>> {
    let at = prefix::skip(line, 0);
    match line.get(at)? {
        b'{' => return json::find(line, at),
        b' ' | b'\t' => return indented(line, at),
        b'[' => match lead::opened_at_start(line, at) {
            Found::Nothing => {}
            found => return civil(found),
        },
        _ => match date::at(line, at, date::START) {
            Found::Time(stamp) => return lead::alone(line, at, stamp),
            Found::Unclear => return None,
            Found::Nothing => {}
        },
    }
    after_words(line, at, epochs)
}

/// The time of a line that does not begin with it.
#[inline(never)]
fn after_words<'a>(line: &'a [u8], at: usize, epochs: &Range<i64>) -> Option<Raw<'a>> {
    // A record of several lines has the time of its first line.
    let head = &line[..line.len().min(at + 2 * HEAD)];
    let line = memchr::memchr(b'\n', head).map_or(line, |feed| &line[..feed]);
    if at >= line.len() {
        return None;
    }
    if line[at] != b'[' {
        match lead::opened_at_start(line, at) {
            Found::Nothing => {}
            found => return civil(found),
        }
    }
    let word = words::length(line, at);
    if let Some(found) = lead::of_client(line, at, word) {
        return civil(found);
    }
    match line.get(at + word) {
        // The line consists of pairs.
        Some(b'=') if word > 0 => return pairs::find(line, at),
        Some(b' ' | b'|' | b'[') | None if word > 0 || line[at] == b'[' => {
            if let Some(inner) = prefix::container(line, at, word) {
                return inside(line, prefix::skip(line, inner), epochs);
            }
        }
        _ => {}
    }
    from(line, at, word, epochs)
}

/// The time of a line after the name of its container.
fn inside<'a>(line: &'a [u8], at: usize, epochs: &Range<i64>) -> Option<Raw<'a>> {
    match line.get(at)? {
        b'{' => return json::find(line, at),
        b' ' | b'\t' => return None,
        _ => {}
    }
    match date::at(line, at, date::START) {
        Found::Time(stamp) => return lead::alone(line, at, stamp),
        Found::Unclear => return None,
        Found::Nothing => {}
    }
    match lead::opened_at_start(line, at) {
        Found::Nothing => {}
        found => return civil(found),
    }
    from(line, at, words::length(line, at), epochs)
}

fn civil(found: Found<'_>) -> Option<Raw<'_>> {
    match found {
        Found::Time(stamp) => Some(Raw::Civil(stamp)),
        _ => None,
    }
}

/// The time of a line whose first word, of `word` bytes, and whose first brackets are no time.
fn from<'a>(line: &'a [u8], at: usize, word: usize, epochs: &Range<i64>) -> Option<Raw<'a>> {
    if line.get(at + word) == Some(&b'=') && word > 0 {
        return pairs::find(line, at);
    }
    let number = epoch::at_start(line, at, epochs);
    // A number with a fraction is a time. One without may be an identifier, and then a date after
    // it is the time.
    if let Some(time) = number.filter(|_| line[at..at + word].contains(&b'.')) {
        return Some(Raw::Epoch(time));
    }
    match lead::find(line, at, word) {
        Found::Nothing => number.map(Raw::Epoch).or_else(|| pairs::find(line, at)),
        found => civil(found),
    }
}

/// An indented line continues the line before it, and a date in it belongs to a table or a dump. A
/// complete JSON object, and a date after a single tab, are lines of their own.
fn indented(line: &[u8], at: usize) -> Option<Raw<'_>> {
    let blanks = line[at..].iter().take(HEAD).take_while(|b| matches!(b, b' ' | b'\t')).count();
    let first = at + blanks;
    match line.get(first)? {
        b'{' if line[..json::text_end(line)].last() == Some(&b'}') => json::find(line, first),
        b'0'..=b'9' if line[at] == b'\t' && blanks == 1 => match date::at(line, first, date::START) {
            Found::Time(stamp) if stamp.zone != super::offset::Zone::Host => Some(Raw::Civil(stamp)),
            _ => None,
        },
        _ => None,
    }
}
