//! Times that a key names: JSON, logfmt, and the audit log.

use super::epoch;
use super::search::{Raw, stamp_at};
use memchr::{memchr, memchr_iter};

/// Bytes before a colon or an equals sign in which a key for the time and its quote lie: one
/// more than the longest, `@timestamp`, has.
const KEY_LENGTH: usize = 12;

/// Bytes at the end of a line of Docker's json-file in which its time stands: after the
/// message, which may be long.
const TAIL: usize = 64;

/// Whether this is the name of the field that holds a line's time, in what common libraries
/// write.
fn is_key(key: &[u8]) -> bool {
    matches!(key, b"time" | b"timestamp" | b"@timestamp" | b"ts" | b"t" | b"datetime" | b"asctime")
}

/// The time of a line that is an object, of its first [`super::search::HEAD`] bytes `head`.
pub(super) fn json(line: &[u8], head: &[u8]) -> Option<Raw> {
    object(head).or_else(|| {
        let docker = line.len() > head.len() && line.starts_with(b"{\"log\":");
        docker.then(|| object(&line[line.len() - TAIL..])).flatten()
    })
}

fn object(text: &[u8]) -> Option<Raw> {
    memchr_iter(b':', text).find_map(|colon| {
        let before = text[..colon].strip_suffix(b"\"")?;
        named(before).then(|| value(text, colon + 1)).flatten()
    })
}

/// Whether `before` ends with a key for the time: of the outermost object as far as can be
/// seen, or that of `MongoDB`.
fn named(before: &[u8]) -> bool {
    let near = before.len().saturating_sub(KEY_LENGTH);
    let Some(quote) = before[near..].iter().rposition(|b| *b == b'"').map(|at| near + at) else {
        return false;
    };
    let top = match before[..quote].last() {
        Some(b'{') => quote == 1,
        Some(b',' | b' ') => true,
        _ => false,
    };
    top && is_key(&before[quote + 1..]) || before == b"{\"t\":{\"$date"
}

/// A value of JSON that begins at `from`: a time as text, or one that counts from the epoch.
fn value(text: &[u8], from: usize) -> Option<Raw> {
    let from = from + text[from..].iter().take_while(|b| **b == b' ').count();
    let from = from + usize::from(text.get(from) == Some(&b'"'));
    let value = &text[from..];
    if let Some(nanos) = epoch::value(value) {
        return Some(Raw::Epoch(nanos));
    }
    // The date's own colon comes first where an access log's form is the value.
    memchr_iter(b':', value)
        .take(2)
        .find_map(|colon| stamp_at(text, from + colon).filter(|stamp| stamp.date.at == from).map(Raw::Civil))
}

/// Whether `before`, which an equals sign follows, ends with a key for the time.
pub(super) fn is_logfmt_time(before: &[u8]) -> bool {
    let near = before.len().saturating_sub(KEY_LENGTH);
    let space = before[near..].iter().rposition(|b| *b == b' ').map(|at| near + at + 1);
    match space {
        Some(start) => is_key(&before[start..]),
        None => near == 0 && is_key(before),
    }
}

/// The time that counts from the epoch in a line of pairs, `ts=1730801472.123`, or in one
/// of the audit log, `msg=audit(1730801472.123:45)`.
pub(super) fn logfmt_epoch(head: &[u8]) -> Option<Raw> {
    let first = memchr(b'=', head)?;
    memchr_iter(b'=', &head[first..]).find_map(|equals| {
        let (before, value) = (&head[..first + equals], &head[first + equals + 1..]);
        let value = match value {
            [b'a', b'u', b'd', b'i', b't', b'(', value @ ..] if before.ends_with(b"msg") => value,
            [b'"', value @ ..] | value if value.first()?.is_ascii_digit() && is_logfmt_time(before) => value,
            _ => return None,
        };
        epoch::value(value).map(Raw::Epoch)
    })
}
