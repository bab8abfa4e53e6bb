//! Reads files, at positions and into blocks that a read owns, with one of two engines.
//!
//! - [`ReadAt`], [`Engine`]: the traits that both engines implement.
//! - [`uring`]: one ring for each thread, and no thread pool.
//! - [`threads`]: `pread` on a pool of threads, for hosts that refuse io_uring.
//! - [`BlockSource`]: gives a search its blocks. [`readahead`] is the one for a plain file.
//! - [`block`]: page-aligned blocks from a pool, and the bound on their number.
//! - [`admission`]: limits how many requests of a thread read at once.
//! - [`crew`]: ring threads that help each other with deep scans. [`block_task`] says what a helper
//!   does with a block.
//! - [`meter`]: counts what is read.
//! - [`limits`]: times and sizes. [`failure`]: why a read failed.
//! - [`head`]: whether a file is compressed. `holes`: finds holes, which need not be read.
//! - [`inode_state`]: the size and the times of an inode.
//! - [`open_file`]: a file, and the read flags that its file system supports.
//! - [`probe`]: why io_uring is not available.

pub mod admission;
pub mod block;
pub mod block_source;
pub mod block_task;
pub mod crew;
pub mod failure;
pub mod head;
mod holes;
pub mod inode_state;
pub mod limits;
pub mod meter;
pub mod open_file;
pub mod probe;
pub mod readahead;
pub mod threads;
pub mod uring;

use backscroll_shared::scan::Span;
use block::Block;
use open_file::OpenFile;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use block_source::{BlockSource, SourceBlock};
pub use block_task::BlockTask;
pub use failure::ReadFailure;
pub use inode_state::InodeState;
pub use readahead::Readahead;

/// How long a task of a ring thread may work before the other tasks of the thread get a turn.
pub const TURN: Duration = Duration::from_micros(100);

/// The outcome of a read: how many bytes came, and the block. A failed read returns the block to
/// its pool.
pub type ReadResult = io::Result<(usize, Block)>;

/// What a read does to the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// Pages that are read stay in the page cache, as usual.
    Keep,
    /// Pages that the read brought in do not stay, if the kernel supports that.
    LeaveAsFound,
}

/// A file that can be read at any position, into a block that the read owns meanwhile.
pub trait ReadAt: Clone + 'static {
    /// A read under way. Dropping it gives up the result, but not the memory: the block and the
    /// descriptor live until the kernel is done with both.
    type Read: Future<Output = ReadResult> + Unpin + 'static;

    /// Reads what the page cache has, without waiting: fills the block from `done` on, up to
    /// `span.len`, with the file's bytes from `span.offset + done` on. Returns how many bytes came,
    /// or `None` if the disk would have to be waited for.
    fn read_cached(&self, block: &mut Block, span: Span, done: usize, cache: CacheUse) -> Option<usize>;

    /// Starts the same read, and waits for the disk if necessary.
    fn read_at(&self, block: Block, span: Span, done: usize, cache: CacheUse) -> Self::Read;

    /// Asks the kernel to drop the pages of a span from the page cache.
    fn forget(&self, span: Span);

    /// The state of the file's inode now.
    fn inode_state(&self) -> io::Result<InodeState>;

    /// The open file, if there is one. A file in a test may have none.
    fn open_file(&self) -> Option<&OpenFile> {
        None
    }

    /// The open file, if other ring threads may read from it without waiting.
    fn shared(&self) -> Option<Arc<OpenFile>>;
}

/// Lets the other tasks of the thread run, and submits the reads that are queued.
pub type Pause = Pin<Box<dyn Future<Output = ()>>>;

/// How the work of a ring thread ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// No read is under way.
    Clean,
    /// The kernel still holds the blocks of this many reads.
    ReadsPending(usize),
    /// The work panicked.
    Panicked,
}

/// One way to read files, and the runtime that each thread needs for it.
pub trait Engine: Copy + 'static {
    /// A file opened for reading.
    type File: ReadAt;

    /// The engine's name in `/readyz`.
    const NAME: &'static str;

    /// Adopts an open file.
    fn adopt(self, file: OwnedFd) -> Self::File;

    /// Lets all other tasks of this thread run first.
    fn pause(self) -> Pause;

    /// Runs one thread's work to its end, on a runtime of its own. If reads are still pending then,
    /// or if the work panics, the runtime is leaked with the memory of those reads: the kernel may
    /// still write to it.
    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended>;
}
