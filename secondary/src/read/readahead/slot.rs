//! One read of the queue: which bytes, and how far it is.

use super::super::block::Block;
use super::super::crew::Examined;
use super::super::{CacheUse, ReadAt, ReadResult};
use backscroll_shared::scan::{BlockMatches, Span};
use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) struct Slot<R> {
    pub(super) span: Span,
    pub(super) cache: CacheUse,
    pub(super) state: State<R>,
    /// Bytes that earlier, short reads have brought.
    pub(super) done: usize,
    pub(super) retries: u32,
}

#[derive(Debug)]
pub(super) enum State<R> {
    /// Not begun, or to be begun again.
    Planned,
    Reading(R),
    Read(ReadResult),
    /// The first block of a run that another thread has.
    Lent(oneshot::Receiver<Vec<Examined>>),
    /// A later one.
    LentToo,
    Examined(Block, BlockMatches),
}

impl<R> Slot<R> {
    pub(super) fn planned(span: Span, cache: CacheUse) -> Slot<R> {
        Slot { span, cache, state: State::Planned, done: 0, retries: 0 }
    }

    /// Reads, or goes on, as far as it need not wait. Gives the block back where it must.
    pub(super) fn read_cached<F: ReadAt<Read = R>>(
        &mut self,
        file: &F,
        mut block: Block,
    ) -> Result<(), Block> {
        match file.read_cached(&mut block, self.span, self.done, self.cache) {
            Some(len) => {
                self.state = State::Read(Ok((len, block)));
                Ok(())
            }
            None => Err(block),
        }
    }

    /// Begins to read, or to go on, however long it takes.
    pub(super) fn read<F: ReadAt<Read = R>>(&mut self, file: &F, block: Block) {
        self.state = State::Reading(file.read_at(block, self.span, self.done, self.cache));
    }
}
