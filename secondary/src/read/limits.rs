//! The limits of reading: times and sizes.

use std::time::Duration;

/// How long an answer waits for its first block while others hold all of them. After that its
/// client is told to ask again.
pub const FIRST_BLOCK_WAIT: Duration = Duration::from_millis(800);

/// How long an answer waits for a later block. Blocks of clients that do not read are taken back
/// within a second, and an answer that has begun should survive until then.
pub const BLOCK_WAIT: Duration = Duration::from_secs(10);

/// How long the disk may take over one block. A disk that is slower is broken, and the client is
/// told so.
pub const READ_TIME: Duration = Duration::from_secs(30);

/// Bytes of one scan that stay in the page cache: the tail of the file, which is often asked for
/// again. For older bytes the cache is left as it was found, if the kernel and the file system
/// support that. A search must not evict what the host's own programs use.
pub const CACHED_BYTES: u64 = 8 << 20;

/// Bytes after which other threads may help. A shorter scan is not worth waking another thread.
pub const HELPED_FROM: u64 = 4 << 20;

/// How often one read is repeated after `EINTR` or `EAGAIN`.
pub(super) const RETRIES: u32 = 16;
