//! Keeps reads under way ahead of the scan. They are issued from the file's end to its start, and
//! handed out in that order.
//!
//! What is in the page cache is read when it is needed, so that it is still in the core's own cache
//! when it is matched. Once a read has to wait for the disk, more reads are kept under way, as many
//! as the plan says.

mod queue;
mod slot;

use super::admission::{Admission, DEEP_FROM, Pass, TooMany};
use super::block::Pool;
use super::block_task::BlockTask;
use super::crew::{BATCH_BLOCKS, Help, Lent};
use super::limits::{BLOCK_WAIT, CACHED_BYTES, FIRST_BLOCK_WAIT, HELPED_FROM};
use super::{BlockSource, CacheUse, InodeState, ReadAt, ReadFailure, SourceBlock};
use backscroll_shared::nuls::is_all_nul;
use backscroll_shared::scan::{ReadPlan, Span, Window};
use queue::{Finished, Queue};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

/// The blocks of one file, from the end of a window to its start.
pub struct Readahead<F: ReadAt, T: BlockTask = Infallible> {
    plan: ReadPlan,
    /// Blocks from this offset on stay in the page cache. Reads below it leave the cache as it was.
    kept_from: u64,
    pass: Pass,
    help: Option<Help<T>>,
    queue: Queue<F, T::Finding>,
    /// The most reads under way at once, whatever the plan says.
    most_reads: usize,
    /// Whether the reads under way have been given up since the last block.
    was_parked: bool,
    /// Whether the block that was handed out last had to be waited for.
    was_cold: bool,
    /// Whether that block was all NUL, as in a hole.
    was_nul: bool,
    /// A block that was read from the disk again, and is kept in the page cache for its client.
    kept: Option<Span>,
}

impl<F: ReadAt> Readahead<F> {
    /// Reads `file` as `plan` says, into blocks of `pool`.
    pub fn new(file: F, plan: ReadPlan, pool: Arc<Pool>, admission: Arc<Admission>) -> Readahead<F> {
        let queue = Queue::new(file, pool, FIRST_BLOCK_WAIT);
        let kept_from = plan.next_end().saturating_sub(CACHED_BYTES);
        Readahead::with_queue(queue, plan, kept_from, admission, None)
    }

    /// Lets other threads help. `help` says what they do with the blocks that they read.
    #[must_use]
    pub fn with_help<T: BlockTask>(self, help: Option<Help<T>>) -> Readahead<F, T> {
        let Queue { file, pool, .. } = self.queue;
        let queue = Queue::new(file, pool, FIRST_BLOCK_WAIT);
        Readahead::with_queue(queue, self.plan, self.kept_from, self.pass.admission(), help)
    }
}

impl<F: ReadAt, T: BlockTask> Readahead<F, T> {
    fn with_queue(
        queue: Queue<F, T::Finding>,
        plan: ReadPlan,
        kept_from: u64,
        admission: Arc<Admission>,
        help: Option<Help<T>>,
    ) -> Readahead<F, T> {
        Readahead {
            plan,
            kept_from,
            pass: Pass::new(admission),
            help,
            queue,
            most_reads: usize::MAX,
            was_parked: false,
            was_cold: false,
            was_nul: false,
            kept: None,
        }
    }

    /// The file that is read.
    pub fn file(&self) -> &F {
        &self.queue.file
    }

    /// How many reads may be under way at once.
    fn depth(&self) -> usize {
        self.plan.depth().min(self.most_reads)
    }

    /// Puts the next span into the queue, if there is one and the scan's pass allows it.
    fn plan_one(&mut self) -> Option<Span> {
        let planned = self.plan.planned();
        let span = self.plan.peek()?;
        if !self.pass.spend(planned, span.len) {
            return None;
        }
        self.plan.advance(span);
        let cache = self.cache_use(span);
        self.queue.push(span, cache);
        Some(span)
    }

    fn cache_use(&self, span: Span) -> CacheUse {
        // A slow client gives its block back, which is then read again.
        let is_kept = span.offset >= self.kept_from || self.most_reads == 1;
        if is_kept { CacheUse::Keep } else { CacheUse::LeaveAsFound }
    }

    /// Keeps as many reads under way as the plan says, if the disk is the limit.
    fn top_up(&mut self, depth: usize) {
        if !self.queue.is_cold() {
            return;
        }
        if self.plan.planned() >= DEEP_FROM {
            self.pass.renew_at_once();
        }
        while self.queue.pool.has_room() {
            let at = match self.queue.first_planned() {
                Some(at) if at < depth => at,
                None if self.queue.len() < depth && self.plan_one().is_some() => self.queue.len() - 1,
                _ => return,
            };
            if !self.queue.begin_ahead(at) {
                return;
            }
        }
    }

    /// Hands batches of blocks to helpers, so that they read the next batches while this thread
    /// reads its own.
    fn lend(&mut self) {
        let Some(help) = &mut self.help else { return };
        // Nothing is read ahead for a slow client, by helpers neither.
        let is_slow = self.most_reads < self.plan.depth();
        if self.queue.is_cold() || is_slow || self.plan.planned() < HELPED_FROM {
            return;
        }
        let most = help.batches_ahead();
        let mut lent = self.queue.lent();
        // If no helper takes a batch (a helper that has left does not), its blocks stay here as
        // planned reads. Without a bound, the queue would then grow with every block that is taken
        // out.
        let bound = 2 * BATCH_BLOCKS * most;
        while lent < most && self.queue.len() <= bound && self.queue.pool.has_room() {
            if !(0..BATCH_BLOCKS).all(|_| self.plan_one().is_some()) || !self.lend_batch() {
                return;
            }
            lent += 1;
        }
    }

    fn lend_batch(&mut self) -> bool {
        let first = self.queue.len();
        let mut blocks = Vec::with_capacity(BATCH_BLOCKS);
        while blocks.len() < BATCH_BLOCKS {
            let Some(Ok(block)) = self.queue.pool.try_acquire() else { break };
            let Some(span) = self.plan_one() else { break };
            blocks.push(Lent { span, cache: self.cache_use(span), block });
        }
        let Some(help) = self.help.as_mut().filter(|_| !blocks.is_empty()) else { return false };
        // If no helper takes the batch, its slots stay planned and are read here.
        let Ok(replied) = help.hand_over(blocks) else { return false };
        self.queue.lend_from(first, replied);
        true
    }

    /// Completes the next read.
    async fn finish(&mut self) -> Result<SourceBlock<T::Finding>, ReadFailure> {
        let Finished { block, cache, was_cold } = self.queue.finish_front(&mut self.pass).await?;
        if cache == CacheUse::Keep && was_cold && block.span.offset < self.kept_from {
            self.kept = Some(block.span);
        }
        self.was_cold = was_cold;
        Ok(block)
    }
}

impl<F: ReadAt, T: BlockTask> BlockSource for Readahead<F, T> {
    type Finding = T::Finding;
    type Beside = Readahead<F>;

    fn window(&self) -> Window {
        self.plan.window()
    }

    async fn next(&mut self) -> Result<Option<SourceBlock<T::Finding>>, ReadFailure> {
        if let Some(span) = self.kept.take() {
            self.queue.file.forget(span);
        }
        self.queue.go_on();
        if !std::mem::take(&mut self.was_parked) {
            // The client took a whole block without a pause.
            self.most_reads = self.most_reads.saturating_mul(2);
        }
        if self.queue.is_empty() && self.plan.is_over() {
            return Ok(None);
        }
        while self.queue.is_empty() && self.plan_one().is_none() {
            self.queue.has_waited();
            self.pass.renew().await.map_err(|TooMany| ReadFailure::Starved)?;
        }
        self.lend();
        self.queue.begin_next_if_cold().await?;
        self.top_up(self.depth());
        let next = self.finish().await?;
        self.was_nul = is_all_nul(next.block.as_ref());
        // Issue the next reads before the caller searches this block.
        self.top_up(self.depth() - 1);
        Ok(Some(next))
    }

    /// A slow client takes a small part of a block at a time. A block from the disk stays in the
    /// page cache until the client has all of it. Otherwise it would come from the disk again for
    /// each part.
    async fn again(&mut self, span: Span) -> Result<SourceBlock<T::Finding>, ReadFailure> {
        let mut cache = self.cache_use(span);
        let (was_cold, kept) = (self.was_cold, &mut self.kept);
        self.queue.repeat(span, || {
            if cache == CacheUse::LeaveAsFound && (was_cold || *kept == Some(span)) {
                cache = CacheUse::Keep;
                *kept = Some(span);
            }
            cache
        });
        self.finish().await
    }

    fn skip_hole(&mut self) -> Option<Span> {
        // A hole is looked for only after a block that was all NUL.
        if !std::mem::take(&mut self.was_nul) {
            return None;
        }
        let planned = self.queue.next_span();
        let end = planned.map_or(self.plan.next_end(), Span::end);
        let offset = self.queue.file.open_file()?.hole_before(end)?.max(self.plan.window().start);
        let len = usize::try_from(end - offset).ok().filter(|len| *len > 0)?;
        // Reads ahead of the scan lie in the hole, or are planned again.
        if let Some(span) = planned {
            self.plan.rewind_to(span);
            self.queue.clear();
        }
        self.plan.skip_to(offset);
        Some(Span { offset, len })
    }

    fn restart(&mut self, window: Window) {
        self.park();
        self.queue.clear();
        self.plan = ReadPlan::new(window);
        self.kept_from = window.end.saturating_sub(CACHED_BYTES);
        self.was_nul = false;
    }

    fn hole_before(&self, end: u64) -> Option<u64> {
        self.queue.file.open_file()?.hole_before(end)
    }

    fn park(&mut self) {
        self.queue.go_on();
        if let Some(span) = self.queue.next_span() {
            self.plan.rewind_to(span);
            self.queue.clear();
        }
        self.was_parked = true;
        self.pass.give_up();
        if let Some(help) = &mut self.help {
            help.dismiss();
        }
    }

    /// Allows one read at a time. More reads would be given up after each chunk of a slow client,
    /// and repeated for the next one. The number grows again for each whole block that the client
    /// takes at once.
    fn slow_down(&mut self) {
        self.most_reads = 1;
    }

    fn give_up_pass(&mut self) {
        self.pass.give_up();
    }

    fn keep_place(&mut self) {
        self.pass.keep_place();
    }

    /// The second source gets no help. It keeps the same part of the file in the page cache,
    /// because a second look is part of the scan.
    fn beside(&self, window: Option<Window>) -> Readahead<F> {
        let plan = window.map_or_else(ReadPlan::empty, ReadPlan::new);
        let queue = Queue::new(self.queue.file.clone(), Arc::clone(&self.queue.pool), BLOCK_WAIT);
        let mut beside = Readahead::with_queue(queue, plan, self.kept_from, self.pass.admission(), None);
        beside.keep_place();
        beside
    }

    fn inode_state(&self) -> io::Result<InodeState> {
        self.queue.file.inode_state()
    }

    fn has_room(&self) -> bool {
        self.queue.pool.has_room()
    }

    fn take_torn(&mut self) -> bool {
        self.queue.take_torn()
    }

    fn take_waited(&mut self) -> bool {
        self.queue.take_waited()
    }
}

const _: () = assert!(DEEP_FROM <= HELPED_FROM, "help is for scans that hold a pass");

#[cfg(test)]
mod tests;
