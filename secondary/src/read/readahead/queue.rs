//! The queue of reads of one file: the reads ahead of the scan, and one read that is done again.
//! [`Readahead`](super::Readahead) decides how many reads there are.

use super::slot::{Slot, State};
use crate::read::admission::{Pass, SLICE_TIME};
use crate::read::block::{Block, Pool};
use crate::read::crew::Helped;
use crate::read::limits::{BLOCK_WAIT, READ_TIME, RETRIES};
use crate::read::meter::Wait;
use crate::read::{CacheUse, ReadAt, ReadFailure, ReadResult, SourceBlock};
use backscroll_shared::scan::Span;
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub(super) struct Queue<F: ReadAt, D> {
    pub(super) file: F,
    pub(super) pool: Arc<Pool>,
    /// Reads of blocks that the scan has not had yet, newest first.
    ahead: VecDeque<Slot<F::Read, D>>,
    /// A block that the scan has had and needs again before it goes on.
    again: Option<Slot<F::Read, D>>,
    /// Whether the last read had to wait for the disk.
    is_cold: bool,
    /// Whether a block since the last `take_torn` took more than one read, or a read that waited.
    is_torn: bool,
    /// Whether this queue has waited for anything since the last `take_waited`.
    waited: bool,
    /// How long to wait for a free block. Shorter before the first block than afterwards.
    block_wait: Duration,
}

/// A read that is complete.
#[derive(Debug)]
pub(super) struct Finished<D> {
    pub(super) block: SourceBlock<D>,
    pub(super) cache: CacheUse,
    /// Whether the read had to wait for the disk.
    pub(super) was_cold: bool,
}

impl<F: ReadAt, D> Queue<F, D> {
    /// An empty queue for `file`, with blocks from `pool`. `block_wait` is the time to wait for the
    /// first one.
    pub(super) fn new(file: F, pool: Arc<Pool>, block_wait: Duration) -> Queue<F, D> {
        Queue {
            file,
            pool,
            ahead: VecDeque::new(),
            again: None,
            is_cold: false,
            is_torn: false,
            waited: false,
            block_wait,
        }
    }

    pub(super) fn push(&mut self, span: Span, cache: CacheUse) {
        self.ahead.push_back(Slot::planned(span, cache));
    }

    pub(super) fn len(&self) -> usize {
        self.ahead.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty()
    }

    /// The next bytes that the scan has not had yet.
    pub(super) fn next_span(&self) -> Option<Span> {
        self.ahead.front().map(|slot| slot.span)
    }

    /// Gives up all reads ahead of the scan.
    pub(super) fn clear(&mut self) {
        self.ahead.clear();
    }

    /// Makes this block the next one again, unless its read is already under way.
    pub(super) fn repeat(&mut self, span: Span, cache: impl FnOnce() -> CacheUse) {
        if self.again.as_ref().is_none_or(|slot| slot.span != span) {
            self.again = Some(Slot::planned(span, cache()));
        }
    }

    /// Makes the next block ahead of the scan the next one.
    pub(super) fn go_on(&mut self) {
        self.again = None;
    }

    pub(super) fn is_cold(&self) -> bool {
        self.is_cold
    }

    pub(super) fn take_torn(&mut self) -> bool {
        std::mem::take(&mut self.is_torn)
    }

    pub(super) fn take_waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    pub(super) fn has_waited(&mut self) {
        self.waited = true;
    }

    /// Batches that other threads have now.
    pub(super) fn lent(&self) -> usize {
        self.ahead.iter().filter(|slot| matches!(slot.state, State::Lent(_))).count()
    }

    /// Hands the slots from `first` on to another thread, as one batch.
    pub(super) fn lend_from(&mut self, first: usize, replied: oneshot::Receiver<Vec<Helped<D>>>) {
        let mut state = State::Lent(replied);
        for slot in self.ahead.iter_mut().skip(first) {
            slot.state = std::mem::replace(&mut state, State::LentToo);
        }
    }

    /// The first read ahead that has not begun. Reads begin in their order, so that the first one
    /// that is needed does not wait for blocks that later ones hold.
    pub(super) fn first_planned(&self) -> Option<usize> {
        self.ahead.iter().position(Slot::is_planned)
    }

    /// Begins a read ahead, if a block is free, and a cold permit if the disk has to be waited for.
    /// False if not, or if memory is short: the scan then goes on with fewer reads.
    pub(super) fn begin_ahead(&mut self, at: usize) -> bool {
        let Some(Ok(block)) = self.pool.try_acquire() else { return false };
        let slot = &mut self.ahead[at];
        if let Err(mut block) = slot.read_cached(&self.file, block) {
            if !block.take_cold_permit() {
                return false;
            }
            slot.read(&self.file, block);
        }
        true
    }

    /// Begins the next read if the disk has to be waited for, so that reads after it do not take
    /// the blocks first.
    pub(super) async fn begin_next_if_cold(&mut self) -> Result<(), ReadFailure> {
        if self.is_cold && self.ahead.front().is_some_and(Slot::is_planned) {
            self.begin_front().await?;
        }
        Ok(())
    }

    /// Completes the next read and takes it out of the queue. May be dropped and called again: the
    /// slot stays in the queue until its block is whole.
    pub(super) async fn finish_front(&mut self, pass: &mut Pass) -> Result<Finished<D>, ReadFailure> {
        let finished = self.finished_front(pass).await;
        match &finished {
            Ok(finished) => self.pool.meter().block(finished.block.span.len),
            Err(failure) => self.pool.meter().failed(failure),
        }
        finished
    }

    async fn finished_front(&mut self, pass: &mut Pass) -> Result<Finished<D>, ReadFailure> {
        loop {
            if self.front().is_planned() {
                self.begin_front().await?;
            }
            self.wait_for_front(pass).await?;
            let is_cold = self.is_cold;
            let slot = front(&mut self.again, &mut self.ahead);
            let (span, cache) = (slot.span, slot.cache);
            match std::mem::replace(&mut slot.state, State::Planned) {
                State::Helped(block, finding) => {
                    self.take_front();
                    let block = SourceBlock { span, block, finding: Some(finding) };
                    return Ok(Finished { block, cache, was_cold: false });
                }
                State::Read(Ok((0, _))) => {
                    return Err(ReadFailure::Shrunk { offset: span.offset + slot.done as u64 });
                }
                State::Read(Ok((len, mut block))) => {
                    slot.done += len;
                    // The file may change between two reads, or while one waits.
                    self.is_torn |= slot.done != len || is_cold;
                    if slot.done >= span.len {
                        block.set_len(span.len);
                        block.leave_cold_permit();
                        self.take_front();
                        self.block_wait = BLOCK_WAIT;
                        let block = SourceBlock { span, block, finding: None };
                        return Ok(Finished { block, cache, was_cold: is_cold });
                    }
                    // The block already holds bytes, so the read goes on even without a cold
                    // permit.
                    if let Err(block) = slot.read_cached(&self.file, block) {
                        self.is_cold = true;
                        slot.read(&self.file, block);
                    }
                }
                State::Read(Err(error)) if is_transient(&error) && slot.retries < RETRIES => {
                    // The failed read has given its block back, with the bytes that an earlier,
                    // short read had brought. So all of it is read again.
                    *slot = Slot { retries: slot.retries + 1, ..Slot::planned(span, cache) };
                }
                State::Read(Err(source)) => return Err(ReadFailure::Io { offset: span.offset, source }),
                // A helper could not read it without waiting, so it is read here.
                State::Planned | State::Reading(_) | State::Lent(_) | State::LentToo => {}
            }
        }
    }

    fn front(&mut self) -> &mut Slot<F::Read, D> {
        front(&mut self.again, &mut self.ahead)
    }

    /// Takes the read that is complete out of the queue.
    fn take_front(&mut self) {
        if self.again.take().is_none() {
            self.ahead.pop_front();
        }
    }

    async fn wait_for_block(&mut self) -> Result<Block, ReadFailure> {
        let block = if let Some(block) = self.pool.try_acquire() {
            block
        } else {
            self.waited = true;
            self.pool.meter().waits(Wait::Block);
            timeout(self.block_wait, self.pool.acquire()).await.map_err(|_| ReadFailure::Starved)?
        };
        block.map_err(|source| ReadFailure::Io { offset: 0, source })
    }

    /// Begins the next read. Waits for a block, and for a cold permit if the disk has to be waited
    /// for.
    async fn begin_front(&mut self) -> Result<(), ReadFailure> {
        let block = self.wait_for_block().await?;
        let slot = front(&mut self.again, &mut self.ahead);
        let Err(mut block) = slot.read_cached(&self.file, block) else {
            self.is_cold = false;
            return Ok(());
        };
        self.is_cold = true;
        if !block.take_cold_permit() {
            drop(block);
            self.waited = true;
            self.pool.meter().waits(Wait::Disk);
            let permit = timeout(self.block_wait, self.pool.cold_permit()).await;
            let permit = permit.map_err(|_| ReadFailure::Starved)?;
            block = self.wait_for_block().await?;
            block.put_cold_permit(permit);
        }
        let slot = front(&mut self.again, &mut self.ahead);
        slot.read(&self.file, block);
        Ok(())
    }

    /// Waits until no other thread and no read holds the front slot.
    async fn wait_for_front(&mut self, pass: &mut Pass) -> Result<(), ReadFailure> {
        let slot = front(&mut self.again, &mut self.ahead);
        let offset = slot.span.offset;
        let began = matches!(slot.state, State::Reading(_)).then(Instant::now);
        let mut waited = false;
        let mut ready = pin!(poll_fn(|cx| {
            let polled = match &mut slot.state {
                State::Reading(read) => Pin::new(read).poll(cx).map(Waited::Read),
                State::Lent(replied) => {
                    Pin::new(replied).poll(cx).map(|helped| Waited::Batch(helped.unwrap_or_default()))
                }
                _ => std::task::Poll::Ready(Waited::Nothing),
            };
            waited |= polled.is_pending();
            polled
        }));
        let ready = if let Ok(ready) = timeout(SLICE_TIME, ready.as_mut()).await {
            ready
        } else {
            // The disk may hang, so let other scans have the pass.
            pass.give_up();
            timeout(READ_TIME, ready).await.map_err(|_| ReadFailure::Hung { offset })?
        };
        self.waited |= waited;
        if let Some(began) = began.filter(|_| waited) {
            self.pool.meter().took(began.elapsed());
        }
        match ready {
            Waited::Nothing => {}
            Waited::Read(result) => self.front().state = State::Read(result),
            Waited::Batch(helped) => {
                let mut helped = helped.into_iter();
                let batch = self.ahead.iter_mut().enumerate();
                for (_, slot) in batch.take_while(|(i, slot)| *i == 0 || matches!(slot.state, State::LentToo))
                {
                    slot.state = match helped.next().flatten() {
                        Some((block, finding)) => State::Helped(block, finding),
                        None => State::Planned,
                    };
                }
            }
        }
        Ok(())
    }
}

/// The slot that is needed next.
fn front<'a, R, D>(
    again: &'a mut Option<Slot<R, D>>,
    ahead: &'a mut VecDeque<Slot<R, D>>,
) -> &'a mut Slot<R, D> {
    again.as_mut().or_else(|| ahead.front_mut()).expect("the callers have put it there")
}

enum Waited<D> {
    Nothing,
    Read(ReadResult),
    Batch(Vec<Helped<D>>),
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
