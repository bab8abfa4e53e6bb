//! One read of the queue: its bytes and its state.

use crate::read::block::Block;
use crate::read::crew::Helped;
use crate::read::{CacheUse, ReadAt, ReadResult};
use backscroll_shared::scan::Span;
use std::time::Instant;
use tokio::sync::oneshot;

#[derive(Debug)]
pub(super) struct Slot<R, D> {
    pub(super) span: Span,
    pub(super) cache: CacheUse,
    pub(super) state: State<R, D>,
    /// Bytes that earlier, short reads brought.
    pub(super) done: usize,
    pub(super) retries: u32,
}

#[derive(Debug)]
pub(super) enum State<R, D> {
    /// Not begun, or has to begin again.
    Planned,
    Reading(R),
    Read(ReadResult),
    /// The first slot of a batch that another thread has.
    Lent(oneshot::Receiver<Vec<Helped<D>>>),
    /// A later slot of such a batch.
    LentToo,
    /// Another thread has read the block and looked at it.
    Helped(Block, D),
}

impl<R, D> Slot<R, D> {
    pub(super) fn planned(span: Span, cache: CacheUse) -> Slot<R, D> {
        Slot { span, cache, state: State::Planned, done: 0, retries: 0 }
    }

    pub(super) fn is_planned(&self) -> bool {
        matches!(self.state, State::Planned)
    }

    /// Begins or continues the read, without waiting. Returns the block if it would have to wait.
    pub(super) fn read_cached<F: ReadAt<Read = R>>(
        &mut self,
        file: &F,
        mut block: Block,
    ) -> Result<(), Block> {
        let began = Instant::now();
        match file.read_cached(&mut block, self.span, self.done, self.cache) {
            Some(len) => {
                block.meter().took(began.elapsed());
                self.state = State::Read(Ok((len, block)));
                Ok(())
            }
            None => Err(block),
        }
    }

    /// Begins or continues the read, and waits for the disk if necessary.
    pub(super) fn read<F: ReadAt<Read = R>>(&mut self, file: &F, block: Block) {
        self.state = State::Reading(file.read_at(block, self.span, self.done, self.cache));
    }
}
