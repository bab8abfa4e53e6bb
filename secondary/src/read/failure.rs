//! Why the bytes of a file did not come.

use super::limits::READ_TIME;
use backscroll_shared::wire::problem::Code;
use std::io;

/// Why the bytes of a file did not come.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// The disk, or the file system, failed.
    #[error("reading at offset {offset} failed: {source}")]
    Io {
        /// Offset of the block in the file.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The file has become shorter than it was when it was opened.
    #[error("the file was truncated while it was read, below offset {offset}")]
    Shrunk {
        /// The lowest offset known to be missing.
        offset: u64,
    },
    /// What was read has become something else: it was truncated, and has grown again.
    #[error(
        "the file was truncated while it was read, and has grown again: offset {offset} holds something else"
    )]
    Overwritten {
        /// Offset of some bytes that are others now.
        offset: u64,
    },
    /// The disk did not answer within [`READ_TIME`].
    #[error("the disk has not answered for {READ_TIME:?} at offset {offset}")]
    Hung {
        /// Offset of the block in the file.
        offset: u64,
    },
    /// All blocks of this thread were in use for too long.
    #[error("too many requests are reading at once")]
    Starved,
}

impl ReadFailure {
    /// The code that a verdict has for it.
    pub fn code(&self) -> Code {
        match self {
            ReadFailure::Io { .. } | ReadFailure::Hung { .. } => Code::IoError,
            ReadFailure::Shrunk { .. } | ReadFailure::Overwritten { .. } => Code::FileShrunk,
            ReadFailure::Starved => Code::Overloaded,
        }
    }
}
