//! Reading: one positional read into an owned block, and its two engines.
//!
//! - [`ReadAt`], [`Engine`]: the traits that both engines stand behind.
//! - [`uring`]: one ring a thread, no thread pool.
//! - [`threads`]: `pread` on a pool of threads, for hosts that refuse io_uring.
//! - [`BlockSource`]: what a search gets its blocks from; [`readahead`]: a plain file as one.
//! - [`block`]: pooled, page-aligned blocks, and the bound on them.
//! - [`admission`]: how much at once, and who waits.
//! - [`crew`]: ring threads that help each other with deep scans; [`block_task`]: what they do
//!   with a block.
//! - [`limits`]: times and bytes; [`failure`]: why the bytes of a file did not come.
//! - [`head`]: whether a file is compressed; `holes`: what nobody has to read.
//! - [`inode_state`]: what an inode says of its file.
//! - [`open_file`]: a file, and the read flags that its file system knows.
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

/// How long a task of a ring thread may work before everybody else on the thread gets a turn.
pub const TURN: Duration = Duration::from_micros(100);

/// A read's end: how many bytes came, and the block. A failed read gives the block back to
/// its pool.
pub type ReadResult = io::Result<(usize, Block)>;

/// What becomes of the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    /// What is read stays there, as usual.
    Keep,
    /// What was not there before does not stay, where the kernel can do that.
    LeaveAsFound,
}

/// A file that is read at positions, into blocks that the read owns while it lasts.
pub trait ReadAt: Clone + 'static {
    /// A read under way. Dropping it gives up the result, never the memory: the block and
    /// the descriptor live until the kernel is done with both.
    type Read: Future<Output = ReadResult> + Unpin + 'static;

    /// Fills the block from `done` on, up to `span.len`, with the file's bytes from
    /// `span.offset + done` on, as far as they are there at once. Says how many came; nothing
    /// where they have to be waited for.
    fn read_cached(&self, block: &mut Block, span: Span, done: usize, cache: CacheUse) -> Option<usize>;

    /// Starts to do the same, however long it takes.
    fn read_at(&self, block: Block, span: Span, done: usize, cache: CacheUse) -> Self::Read;

    /// Lets what was read of a span leave the page cache.
    fn forget(&self, span: Span);

    /// What its inode says now.
    fn inode_state(&self) -> io::Result<InodeState>;

    /// The open file, where there is one: a test's file may be none.
    fn open_file(&self) -> Option<&OpenFile> {
        None
    }

    /// The same, where other ring threads may read from it on the spot.
    fn shared(&self) -> Option<Arc<OpenFile>>;
}

/// A pause: everybody else on the thread gets a turn, and reads under way get submitted.
pub type Pause = Pin<Box<dyn Future<Output = ()>>>;

/// How a ring thread ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing is under way.
    Clean,
    /// The kernel still holds blocks of so many reads.
    ReadsPending(usize),
    /// Its work panicked.
    Panicked,
}

/// One way to read files, with the runtime that it needs on each thread.
pub trait Engine: Copy + 'static {
    /// A file opened for reading.
    type File: ReadAt;

    /// The word that `/readyz` says.
    const NAME: &'static str;

    /// Adopts an open file.
    fn adopt(self, file: OwnedFd) -> Self::File;

    /// Lets everything else on this thread go first.
    fn pause(self) -> Pause;

    /// Runs one thread's work to its end, on a runtime of its own. Where reads are still
    /// pending then, or where it panics, the runtime is leaked with their memory rather than
    /// freed under the kernel.
    fn block_on<F: Future<Output = Ended>>(self, root: F) -> io::Result<Ended>;
}
