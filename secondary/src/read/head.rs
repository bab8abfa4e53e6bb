//! The first bytes of a file: whether it is compressed. A search through compressed bytes
//! would look complete and find nothing.

use super::limits::CACHED_BYTES;
use super::{BlockSource, CacheUse, ReadAt, ReadFailure};
use backscroll_shared::scan::Span;

/// Bytes that tell: those of bzip2 take the most.
const HEAD_BYTES: usize = 10;

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// What it is called.
    pub name: &'static str,
    /// The command that makes a plain file of it and keeps it.
    pub unpack: &'static str,
}

/// Looks at the first bytes of a file of `size` bytes where they are in the page cache. None
/// where they would have to be waited for.
pub fn cached<F: ReadAt>(file: &F, size: u64) -> Option<Option<Compression>> {
    if size == 0 {
        return Some(None);
    }
    let file = file.open_file()?;
    if size > CACHED_BYTES {
        // Otherwise the kernel would read ahead from there, by megabytes that nobody wants.
        file.advise_random();
    }
    let mut head = [0; HEAD_BYTES];
    let len = file.read_cached(&mut head, 0, CacheUse::Keep)?;
    Some(compression(&head[..len]))
}

/// Looks at the first bytes of a file of `size` bytes, however long that takes. Where they
/// cannot be read it is taken for a plain one, whose end may be all that is wanted.
pub async fn read(mut source: impl BlockSource, size: u64) -> Result<Option<Compression>, ReadFailure> {
    let len = usize::try_from(size).map_or(HEAD_BYTES, |size| size.min(HEAD_BYTES));
    if len == 0 {
        return Ok(None);
    }
    match source.again(Span { offset: 0, len }).await {
        Ok(head) => Ok(compression(head.block.as_ref())),
        Err(failure @ ReadFailure::Starved) => Err(failure),
        Err(_) => Ok(None),
    }
}

/// How a file that begins with `head` is compressed, if it is. Sources: RFC 1952, RFC 8878
/// (a frame, or a skippable one before it), bzip2's format (its magic number is text, so the
/// number of a block or of the end has to follow), and the .xz file format.
fn compression(head: &[u8]) -> Option<Compression> {
    let of = |name, unpack| Some(Compression { name, unpack });
    match head {
        [0x1f, 0x8b, ..] => of("gzip", "gunzip -k"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => of("zstd", "unzstd -k"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
        | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => {
            of("bzip2", "bunzip2 -k")
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => of("xz", "unxz -k"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressed_files_are_told_by_their_first_bytes_and_nothing_else_is() {
        let name = |head: &[u8]| compression(head).map(|compression| compression.name);
        assert_eq!(name(b"\x1f\x8b\x08\0\0\0\0\0\0\x03"), Some("gzip"));
        assert_eq!(name(b"\x28\xb5\x2f\xfd\x04\x58\x19\0\0a"), Some("zstd"));
        assert_eq!(name(b"\x50\x2a\x4d\x18\x04\0\0\0\0\0"), Some("zstd"));
        assert_eq!(name(b"BZh91AY&SY"), Some("bzip2"));
        assert_eq!(name(b"BZh1\x17\x72\x45\x38\x50\x90"), Some("bzip2"));
        assert_eq!(name(b"\xfd7zXZ\0\0\x04\xe6\xd6"), Some("xz"));
        for plain in
            [&b""[..], b"\x1f", b"BZh9", b"BZh91AY&S", b"BZh0\x31AY&SY", b"BZhello wor", b"\xfd7zXZ", b"P*M"]
        {
            assert_eq!(name(plain), None, "{plain:?}");
        }
    }
}
