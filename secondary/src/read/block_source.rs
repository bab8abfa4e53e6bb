//! Where a search gets its blocks from.

use super::block::Block;
use super::{InodeState, ReadFailure};
use backscroll_shared::scan::{Span, Window};
use std::io;

/// A block that has been read for a search.
#[derive(Debug)]
pub struct SourceBlock<T> {
    /// Where its bytes lie in the source.
    pub span: Span,
    /// The block itself.
    pub block: Block,
    /// What another thread found in the block, if another thread has looked at it.
    pub finding: Option<T>,
}

/// Gives the blocks of a window of a log, from its end to its start.
/// [`Readahead`](super::Readahead) does this for a plain file.
#[expect(async_fn_in_trait, reason = "a ring thread's futures are not sent elsewhere")]
pub trait BlockSource {
    /// What another thread finds in a block that it reads for this search. `Infallible` if no other
    /// thread reads.
    type Finding;
    /// What [`BlockSource::beside`] makes.
    type Beside: BlockSource;

    /// The window that is read.
    fn window(&self) -> Window;

    /// The next block, or `None` after the window's start. May be dropped and called again.
    async fn next(&mut self) -> Result<Option<SourceBlock<Self::Finding>>, ReadFailure>;

    /// Reads the bytes at `span` before the next block: bytes that were given back, or any others.
    /// May be dropped and called again.
    async fn again(&mut self, span: Span) -> Result<SourceBlock<Self::Finding>, ReadFailure>;

    /// Skips the hole that ends where the last block began, and returns where it lies. The hole
    /// takes the place of the next block. `None` if the last block was not all NUL or there is no
    /// hole.
    fn skip_hole(&mut self) -> Option<Span>;

    /// Begins anew, at the end of another window of the same bytes.
    fn restart(&mut self, window: Window);

    /// Where the hole begins that ends at `end`, if there is one and it can be found quickly.
    fn hole_before(&self, end: u64) -> Option<u64>;

    /// Gives up the blocks that have been read ahead, because the client does not read. They are
    /// read again when they are asked for.
    fn park(&mut self);

    /// Stops reading ahead of the client, because it reads slowly.
    fn slow_down(&mut self);

    /// Gives up this scan's pass, so that other scans can read while this one does not.
    fn give_up_pass(&mut self);

    /// From now on the scan is not refused, however many others wait: some of its records are on
    /// their way to the client.
    fn keep_place(&mut self);

    /// A second source of the same bytes, independent of this search. It reads `window`; without a
    /// window it reads only single spans, by [`BlockSource::again`].
    fn beside(&self, window: Option<Window>) -> Self::Beside;

    /// The state of the inode now.
    fn inode_state(&self) -> io::Result<InodeState>;

    /// Whether enough blocks are free for a second one of the same answer.
    fn has_room(&self) -> bool;

    /// Whether a block since the last call took more than one read, or a read that waited for the
    /// disk. The file may have changed meanwhile.
    fn take_torn(&mut self) -> bool;

    /// Whether the source has waited for something since the last call. Other tasks had a turn
    /// then.
    fn take_waited(&mut self) -> bool;
}
