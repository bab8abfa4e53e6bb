//! One read of the queue: which bytes, and how far it is.

use crate::read::block::Block;
use crate::read::crew::Helped;
use crate::read::{CacheUse, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) struct Slot<R, D> {
    pub(super) span: Span,
    pub(super) cache: CacheUse,
    pub(super) state: State<R, D>,
    /// Bytes that earlier, short reads have brought.
    pub(super) done: usize,
    pub(super) retries: u32,
}

#[derive(Debug)]
pub(super) enum State<R, D> {
    /// Not begun, or to be begun again.
    Planned,
    Reading(R),
    Read(ReadResult),
    /// The first block of a batch that another thread has.
    Lent(oneshot::Receiver<Vec<Helped<D>>>),
    /// A later one.
    LentToo,
    /// Another thread has read it, and looked at it.
    Helped(Block, D),
}

impl<R, D> Slot<R, D> {
    pub(super) fn planned(span: Span, cache: CacheUse) -> Slot<R, D> {
        Slot { span, cache, state: State::Planned, done: 0, retries: 0 }
    }

    pub(super) fn is_planned(&self) -> bool {
        matches!(self.state, State::Planned)
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
