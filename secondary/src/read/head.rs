//! Tells from the first bytes of a file whether it is compressed, and which file it is. A search
//! through compressed bytes would look complete and find nothing.

use super::limits::CACHED_BYTES;
use super::{BlockSource, CacheUse, ReadAt, ReadFailure};
use backscroll_shared::scan::Span;
use backscroll_shared::wire::cursor::{self, Digest, FileId};

/// Bytes that tell the format. bzip2 needs the most.
const FORMAT_BYTES: usize = 10;

/// What the first bytes are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The format alone.
    Format,
    /// The format, and which file it is.
    Identity,
}

impl Wanted {
    /// How many bytes that takes.
    fn bytes(self) -> usize {
        match self {
            Wanted::Format => FORMAT_BYTES,
            Wanted::Identity => cursor::HEAD_BYTES,
        }
    }
}

/// The first bytes of a file.
#[derive(Debug, Clone)]
pub struct Head(Bytes);

/// Those that tell only the format need no memory of their own.
#[derive(Debug, Clone)]
enum Bytes {
    Few([u8; FORMAT_BYTES], usize),
    Many(Vec<u8>),
}

impl Default for Head {
    fn default() -> Head {
        Head::of(&[])
    }
}

impl Head {
    fn of(head: &[u8]) -> Head {
        let mut few = [0; FORMAT_BYTES];
        Head(match few.get_mut(..head.len()) {
            Some(start) => {
                start.copy_from_slice(head);
                Bytes::Few(few, head.len())
            }
            None => Bytes::Many(head.to_vec()),
        })
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Few(few, len) => &few[..*len],
            Bytes::Many(many) => many,
        }
    }

    /// How the file is compressed, if it is.
    pub fn compression(&self) -> Option<Compression> {
        compression(self.bytes())
    }

    /// What tells the file from others. The bytes must have been read for that.
    pub fn identity(&self, device: u64, inode: u64) -> FileId {
        let head_len = u16::try_from(self.bytes().len()).expect("no more bytes are read");
        FileId { device, inode, head_len, head: Digest::of(self.bytes()) }
    }

    /// Whether the file begins as this one did.
    pub fn is_of(&self, file: &FileId) -> bool {
        file.has_head(self.bytes())
    }
}

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The name of the format.
    pub name: &'static str,
    /// The command that writes an unpacked copy and keeps the file.
    pub unpack: &'static str,
}

/// Looks at the first bytes of a file of `size` bytes if they are in the page cache. `None` if they
/// would have to be waited for.
pub fn cached<F: ReadAt>(file: &F, size: u64, wanted: Wanted) -> Option<Head> {
    if size == 0 {
        return Some(Head::default());
    }
    let file = file.open_file()?;
    if size > CACHED_BYTES {
        // Otherwise the kernel reads megabytes ahead from there, which nobody needs.
        file.advise_random();
    }
    // Bytes past the size at opening are not there.
    let most = usize::try_from(size).map_or(wanted.bytes(), |size| size.min(wanted.bytes()));
    let (mut few, mut many);
    let head = match wanted {
        Wanted::Format => {
            few = [0; FORMAT_BYTES];
            &mut few[..most]
        }
        Wanted::Identity => {
            many = [0; cursor::HEAD_BYTES];
            &mut many[..most]
        }
    };
    let len = file.read_cached(head, 0, CacheUse::Keep)?;
    Some(Head::of(&head[..len]))
}

/// Looks at the first bytes of a file of `size` bytes, and waits for them if necessary. None where
/// they cannot be read: such a file counts as plain, because the client may want only its end.
pub async fn read(
    mut source: impl BlockSource,
    size: u64,
    wanted: Wanted,
) -> Result<Option<Head>, ReadFailure> {
    let len = usize::try_from(size).map_or(wanted.bytes(), |size| size.min(wanted.bytes()));
    if len == 0 {
        return Ok(Some(Head::default()));
    }
    match source.again(Span { offset: 0, len }).await {
        Ok(head) => Ok(Some(Head::of(head.block.as_ref()))),
        Err(failure @ ReadFailure::Starved) => Err(failure),
        Err(_) => Ok(None),
    }
}

/// How a file that begins with `head` is compressed, if it is. Sources: RFC 1952 (gzip), RFC 8878
/// (zstd: a frame, or a skippable frame before it), the bzip2 format, and the .xz file format. The
/// magic number of bzip2 is plain text, so the number of a block, or of the end of the stream, must
/// follow it.
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
