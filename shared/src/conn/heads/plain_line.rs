//! The request line of most requests, which is checked at once instead of byte by byte.

use super::TARGET_BYTES;
use memchr::memchr;

/// A complete request line that needs no change.
pub(super) struct PlainLine {
    /// Its length, with the line's end.
    pub(super) len: usize,
    pub(super) is_head: bool,
    pub(super) is_http_1_0: bool,
}

impl PlainLine {
    pub(super) fn at(bytes: &[u8]) -> Option<PlainLine> {
        let feed = memchr(b'\n', bytes)?;
        let line = bytes[..feed].strip_suffix(b"\r")?;
        let is_http_1_0 = line.ends_with(b"HTTP/1.0");
        let line = line.strip_suffix(b" HTTP/1.1").or_else(|| line.strip_suffix(b" HTTP/1.0"))?;
        let (method, target) = line.split_at(memchr(b' ', line)?);
        let target = &target[1..];
        let is_plain = !method.is_empty()
            && method.iter().all(u8::is_ascii_uppercase)
            // The beginning of HTTP/2 is refused, also with another version.
            && method != b"PRI"
            && (1..=TARGET_BYTES).contains(&target.len())
            && !has_odd(target);
        is_plain.then(|| PlainLine { len: feed + 1, is_head: method == b"HEAD", is_http_1_0 })
    }
}

/// Whether a target contains a byte that has to be checked. The loop has no branch and always runs
/// to the end: that is faster than to stop at the first such byte.
#[expect(clippy::needless_bitwise_bool, reason = "no branch is what makes it fast")]
fn has_odd(target: &[u8]) -> bool {
    target.iter().fold(false, |has, byte| {
        let odd = (*byte <= b' ')
            | (*byte >= 0x7f)
            | (*byte == b'"')
            | (*byte == b'#')
            | (*byte == b'<')
            | (*byte == b'>')
            | (*byte == b'`');
        has | odd
    })
}
