//! The bounds of reading: times, and bytes.

use std::time::Duration;

/// How long an answer waits for its first block while others hold them all: then its client
/// is asked to come back.
pub const FIRST_BLOCK_WAIT: Duration = Duration::from_millis(800);

/// How long it waits for a later one. Clients that do not read have theirs taken back within
/// a second, and an answer that has begun is not to be lost before that.
pub const BLOCK_WAIT: Duration = Duration::from_secs(10);

/// How long the disk may take over one block. A disk that is as slow as that is broken, and
/// the client is told so.
pub const READ_TIME: Duration = Duration::from_secs(30);

/// Bytes of one scan that stay in the page cache: those of a tail, which is often asked for again.
/// Past them the cache is left as it was found, where the kernel and the file system can: a search
/// is not to evict what the host's own programs use.
pub const CACHED_BYTES: u64 = 8 << 20;

/// Bytes after which other threads may help: what is over sooner is not worth waking one.
pub const HELPED_FROM: u64 = 4 << 20;

/// Times that one read is begun again after `EINTR` or `EAGAIN`.
pub(super) const RETRIES: u32 = 16;
