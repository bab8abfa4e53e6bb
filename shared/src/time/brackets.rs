//! The time in brackets of an access log, which stands after the client's address and name.

use super::date::{self, Found, Place, START, Stamp};
use super::raw::HEAD;
use super::words;
use memchr::memchr_iter;

/// The time in brackets from `start` on. The time before a quoted request is the right one: a user
/// name that looks like a time has no quote after it, since quotes in names are escaped.
pub(super) fn find(line: &[u8], start: usize) -> Found<'_> {
    let head = &line[start..line.len().min(start + HEAD)];
    let mut first: Option<(usize, Stamp<'_>)> = None;
    for at in memchr_iter(b'[', head) {
        let at = start + at;
        let opens = at == start || matches!(line[at - 1], b' ' | b'\t');
        // A digit of the day or the year, or a weekday.
        if !opens || !line.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        let place = Place { at_start: false, in_brackets: true, ..START };
        let Found::Time(stamp) = date::at(line, at + 1, place) else { continue };
        let rest = &line[stamp.end..];
        if rest.starts_with(b"] \"") {
            return Found::Time(stamp);
        }
        if first.is_none() && rest.starts_with(b"]") {
            first = Some((at, stamp));
        }
    }
    match first {
        Some((at, stamp)) if at == start || is_client(&line[start..at]) => Found::Time(stamp),
        _ => Found::Nothing,
    }
}

/// Whether these bytes may stand before the time of an access log: an address, an empty field
/// (`-`), the owner of an S3 bucket, or what uWSGI writes.
fn is_client(before: &[u8]) -> bool {
    let first = before.split(|b| *b == b' ').next().unwrap_or_default();
    before.ends_with(b" - ")
        || words::is_address(first)
        || first.len() == 64 && first.iter().all(u8::is_ascii_hexdigit)
        || before.starts_with(b"[pid: ")
}
