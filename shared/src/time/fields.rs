//! A time among separated values: `x,2026-11-25 14:00:00,y`.

use super::clock::Commas;
use super::date::{self, Found, Place, START};

/// The most values before the time.
const FIELDS: usize = 3;

/// The most bytes of such a value.
const LONGEST: usize = 64;

/// The time in one of the first fields, with the same separator before and after it.
pub(super) fn find(line: &[u8], start: usize) -> Found<'_> {
    let mut at = start;
    let mut separator = None;
    for _ in 0..FIELDS {
        let Some(end) = field(line, at) else { return Found::Nothing };
        let Some(found @ (b',' | b';' | b'\t' | b'|')) = line.get(end) else { return Found::Nothing };
        if separator.is_some_and(|own| own != found) {
            return Found::Nothing;
        }
        separator = Some(found);
        at = end + 1;
        let quote = line.get(at).filter(|b| matches!(b, b'"' | b'\''));
        let from = at + usize::from(quote.is_some());
        let commas = if *found == b',' { Commas::Field } else { Commas::Fraction };
        match date::at(line, from, Place { at_start: false, commas, ..START }) {
            Found::Time(stamp) => {
                let rest = &line[stamp.end..];
                let rest = quote.map_or(Some(rest), |quote| rest.strip_prefix(std::slice::from_ref(quote)));
                return match rest.and_then(<[u8]>::first) {
                    Some(after) if after == found => Found::Time(stamp),
                    _ => Found::Unclear,
                };
            }
            Found::Unclear => return Found::Unclear,
            Found::Nothing => {}
        }
    }
    Found::Nothing
}

/// The end of the value at `at`, which has no spaces or is in quotes.
fn field(line: &[u8], at: usize) -> Option<usize> {
    let rest = &line[at..line.len().min(at + LONGEST)];
    if let Some(quote @ (b'"' | b'\'')) = rest.first() {
        return rest[1..].iter().position(|b| b == quote).map(|length| at + length + 2);
    }
    // Values in brackets, as in an SQL statement, do not count.
    if matches!(rest.first()?, b'(' | b'[' | b'<' | b'{') {
        return None;
    }
    let end =
        rest.iter().position(|b| matches!(b, b',' | b';' | b'\t' | b'|' | b' ' | b'"' | b'=' | 0x1b))?;
    Some(at + end)
}
