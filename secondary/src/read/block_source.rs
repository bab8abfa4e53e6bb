//! What a search gets its blocks from.

use super::block::Block;
use super::{InodeState, ReadFailure};
use backscroll_shared::scan::{Span, Window};
use std::io;

/// Bytes of a source, read for a search.
#[derive(Debug)]
pub struct SourceBlock<T> {
    /// Where they lie in the source.
    pub span: Span,
    /// They themselves.
    pub block: Block,
    /// What was found in them by whoever read them, where somebody has looked.
    pub finding: Option<T>,
}

/// The blocks of a window of a log, from its end to its start. A plain file is one
/// ([`Readahead`](super::Readahead)).
#[expect(async_fn_in_trait, reason = "a ring thread's futures are not sent elsewhere")]
pub trait BlockSource {
    /// What is found in a block while it is read. Nothing where it cannot be made.
    type Finding;
    /// What [`BlockSource::beside`] makes.
    type Beside: BlockSource;

    /// The window that is read.
    fn window(&self) -> Window;

    /// The next block, or nothing after the window's start. May be dropped and called again.
    async fn next(&mut self) -> Result<Option<SourceBlock<Self::Finding>>, ReadFailure>;

    /// Reads these bytes before the next block: some that were given back, or any others. May be
    /// dropped and called again.
    async fn again(&mut self, span: Span) -> Result<SourceBlock<Self::Finding>, ReadFailure>;

    /// Passes over the hole that ends where the last block began, if that was all NUL and there is
    /// one. A hole takes the place of the next block.
    fn skip_hole(&mut self) -> Option<Span>;

    /// Gives up what has been read ahead, because the client does not read. It is read again when
    /// it is asked for.
    fn park(&mut self);

    /// Reads no more ahead than the client takes, because it reads slowly.
    fn slow_down(&mut self);

    /// Lets other searches go on while nothing is read here.
    fn give_up_pass(&mut self);

    /// The same bytes, apart from this search: by a plan of its own for a window, or without one
    /// for single spans, which [`BlockSource::again`] reads.
    fn beside(&self, window: Option<Window>) -> Self::Beside;

    /// What the inode says now.
    fn inode_state(&self) -> io::Result<InodeState>;

    /// Whether there are blocks enough for a second one of the same answer.
    fn has_room(&self) -> bool;

    /// Whether a block has come that was not read at one go, since this was last asked: what it
    /// holds may have changed in between.
    fn take_torn(&mut self) -> bool;

    /// Whether something had to be waited for since this was last asked: others had a turn.
    fn take_waited(&mut self) -> bool;
}
