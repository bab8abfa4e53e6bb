//! What most requests begin with: it is recognised at one glance.

use super::TARGET_BYTES;
use memchr::memchr;

/// A whole request line in which everything is as it should be.
pub(super) struct PlainLine {
    /// Its end included.
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
            && (1..=TARGET_BYTES).contains(&target.len())
            && !has_odd(target);
        is_plain.then(|| PlainLine { len: feed + 1, is_head: method == b"HEAD", is_http_1_0 })
    }
}

/// Whether a target holds a byte that needs a closer look. All of it is looked at, without a
/// branch: that is faster than to stop at the first.
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
