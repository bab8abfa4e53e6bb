//! Reads kept under way ahead of the scan: issued from the file's end to its start, handed
//! out in that order.
//!
//! What lies in the page cache is read when it is wanted, into memory that is still in the
//! core's cache when it is matched. Once a read has to wait for the disk, more of them are
//! kept under way, as many as the plan says.

mod slot;

use super::admission::{Admission, DEEP_FROM, Pass, SLICE_TIME};
use super::block::{Block, Pool};
use super::crew::{Examined, Help, Lent, RUN_BLOCKS};
use super::{CacheUse, ReadAt, ReadFailure, ReadResult};
use backscroll_shared::nuls::is_all_nul;
use backscroll_shared::scan::{BlockMatches, ReadPlan, Span};
use slot::{Slot, State};
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a stream waits for its first block while others hold them all: then its client
/// is asked to come back.
pub const FIRST_BLOCK_WAIT: Duration = Duration::from_millis(800);

/// How long it waits for a later one. Clients that do not read have theirs taken back within
/// a second, and what is under way is not to be lost before that.
pub const BLOCK_WAIT: Duration = Duration::from_secs(10);

/// How long the disk may take over one block. A disk that is as slow as that is broken, and
/// the client is told so.
pub const READ_TIME: Duration = Duration::from_secs(30);

/// Bytes of one scan that stay in the page cache, as those of a tail that is looked at again
/// and again should. Past them the cache is left as it was found, where the kernel and the
/// file system can: what the host's own programs use is not to be evicted by a search.
pub const CACHED_BYTES: u64 = 8 << 20;

/// Bytes after which other threads may help: what is over sooner is not worth waking one.
pub const HELPED_FROM: u64 = 4 << 20;

/// Times that one read is begun again after `EINTR` or `EAGAIN`.
const RETRIES: u32 = 16;

/// A block, and its matching lines where another thread has looked through it.
pub type Fed = (Span, Block, Option<BlockMatches>);

/// The blocks of one file, from its end to its start.
#[derive(Debug)]
pub struct Readahead<F: ReadAt> {
    file: F,
    plan: ReadPlan,
    /// What lies below this offset leaves the page cache as it was.
    kept_from: u64,
    pool: Arc<Pool>,
    pass: Pass,
    help: Option<Help>,
    /// Newest first. The scan has had none of them.
    queue: VecDeque<Slot<F::Read>>,
    /// What the scan has had, and is read again before the queue goes on.
    again: Option<Slot<F::Read>>,
    /// Reads that may be under way at once, whatever the plan says.
    most_reads: usize,
    /// Whether what was under way has been given up since the last block.
    was_parked: bool,
    /// Whether the last read had to wait for the disk.
    is_cold: bool,
    last: LastBlock,
    /// A block of the disk that is in the page cache because it was read again.
    kept: Option<Span>,
    waited: bool,
    block_wait: Duration,
}

/// The block that was handed out last.
#[derive(Debug, Default)]
struct LastBlock {
    /// It was not read at one go.
    is_torn: bool,
    /// It had to be waited for.
    was_cold: bool,
    /// It was all NUL, as in a hole.
    was_nul: bool,
}

impl<F: ReadAt> Readahead<F> {
    /// Reads `file` as `plan` says, into blocks of `pool`.
    pub fn new(file: F, plan: ReadPlan, pool: Arc<Pool>, admission: Arc<Admission>) -> Readahead<F> {
        Readahead {
            file,
            kept_from: plan.next_end().saturating_sub(CACHED_BYTES),
            plan,
            pool,
            pass: Pass::new(admission),
            help: None,
            queue: VecDeque::new(),
            again: None,
            most_reads: usize::MAX,
            was_parked: false,
            is_cold: false,
            last: LastBlock::default(),
            kept: None,
            waited: false,
            block_wait: FIRST_BLOCK_WAIT,
        }
    }

    /// Reads the same file as another plan says, without help. What stays in the page cache
    /// is the same: a second look is part of the scan.
    #[must_use]
    pub fn of_same_file(&self, plan: ReadPlan) -> Readahead<F> {
        let admission = self.pass.admission();
        Readahead {
            kept_from: self.kept_from,
            block_wait: BLOCK_WAIT,
            ..Readahead::new(self.file.clone(), plan, self.pool.clone(), admission)
        }
    }

    /// Lets other threads help.
    #[must_use]
    pub fn with_help(self, help: Option<Help>) -> Readahead<F> {
        Readahead { help, ..self }
    }

    /// The file that is read.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// The next block, or nothing after the file's start. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<Fed>, ReadFailure> {
        if let Some(span) = self.kept.take() {
            self.file.forget(span);
        }
        self.again = None;
        if !std::mem::take(&mut self.was_parked) {
            // The client has had a whole block without being waited for.
            self.most_reads = self.most_reads.saturating_mul(2);
        }
        if self.queue.is_empty() && self.plan.is_over() {
            return Ok(None);
        }
        while self.queue.is_empty() && !self.plan_one() {
            self.waited = true;
            self.pass.renew().await;
        }
        self.lend();
        // Before what comes after it takes the blocks.
        if self.is_cold && self.queue.front().is_some_and(|slot| matches!(slot.state, State::Planned)) {
            self.begin_front().await?;
        }
        self.top_up(self.depth());
        let next = self.finish_front().await?;
        self.last.was_nul = is_all_nul(next.1.as_ref());
        // Reads are issued before the block in hand is scanned.
        self.top_up(self.depth() - 1);
        Ok(Some(next))
    }

    /// Passes over the hole that ends where the last block began, if there is one and that block
    /// was all NUL itself: nobody else is asked for holes.
    pub fn skip_hole(&mut self) -> Option<Span> {
        if !std::mem::take(&mut self.last.was_nul) {
            return None;
        }
        let planned = self.queue.front().map(|slot| slot.span);
        let end = planned.map_or(self.plan.next_end(), Span::end);
        let offset = self.file.open_file()?.hole_before(end)?.max(self.plan.window().start);
        let len = usize::try_from(end - offset).ok()?;
        // What is on its way comes from the hole, or is planned again.
        if let Some(span) = planned {
            self.plan.rewind_to(span);
            self.queue.clear();
        }
        self.plan.skip_to(offset);
        Some(Span { offset, len })
    }

    fn depth(&self) -> usize {
        self.plan.depth().min(self.most_reads)
    }

    /// Reads a block again that the scan gave back. Follows [`Readahead::park`].
    ///
    /// A slow client takes a small part of a block at a time. What came from the disk stays in
    /// the page cache until it has all of it, and is not read from the disk for each part.
    pub async fn again(&mut self, span: Span) -> Result<Fed, ReadFailure> {
        if self.again.as_ref().is_none_or(|slot| slot.span != span) {
            let mut slot = self.slot(span);
            if slot.cache == CacheUse::LeaveAsFound && (self.last.was_cold || self.kept == Some(span)) {
                slot.cache = CacheUse::Keep;
                self.kept = Some(span);
            }
            self.again = Some(slot);
        }
        self.finish_front().await
    }

    /// Reads no more ahead than the client takes: it is a slow one. What was under way for it
    /// would be given up with each frame, and read again for the next. Once it takes whole
    /// blocks at once, more is read ahead from block to block.
    pub fn slow_down(&mut self) {
        self.most_reads = 1;
    }

    /// Lets other deep scans go on while nothing is read here.
    pub fn give_up_pass(&mut self) {
        self.pass.give_up();
    }

    /// Gives up what has been read ahead; it is read again when it is asked for.
    pub fn park(&mut self) {
        self.again = None;
        if let Some(slot) = self.queue.front() {
            self.plan.rewind_to(slot.span);
            self.queue.clear();
        }
        self.was_parked = true;
        self.pass.give_up();
        if let Some(help) = &mut self.help {
            help.dismiss();
        }
    }

    /// Whether there are blocks enough for a second one of the same answer.
    pub fn has_room(&self) -> bool {
        self.pool.has_room()
    }

    /// Whether a block has come that was not read at one go, since this was last asked.
    pub fn take_torn(&mut self) -> bool {
        std::mem::take(&mut self.last.is_torn)
    }

    /// Something else had to be waited for.
    pub fn has_waited(&mut self) {
        self.waited = true;
    }

    /// Whether something had to be waited for since this was last asked: others had a turn.
    pub fn take_waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    /// Puts the next span into the queue, if there is one and the scan may go on.
    fn plan_one(&mut self) -> bool {
        let planned = self.plan.planned();
        let Some(span) = self.plan.peek() else { return false };
        if !self.pass.spend(planned, span.len) {
            return false;
        }
        self.plan.advance(span);
        self.queue.push_back(self.slot(span));
        true
    }

    fn slot(&self, span: Span) -> Slot<F::Read> {
        // A slow client gives its block back and has it read again.
        let is_kept = span.offset >= self.kept_from || self.most_reads == 1;
        Slot::planned(span, if is_kept { CacheUse::Keep } else { CacheUse::LeaveAsFound })
    }

    /// Keeps as many reads under way as the plan says, where the disk is what limits.
    fn top_up(&mut self, depth: usize) {
        if !self.is_cold {
            return;
        }
        if self.plan.planned() >= DEEP_FROM {
            self.pass.renew_at_once();
        }
        while self.pool.has_room() {
            // In their order: what is wanted first is not to wait for what the later ones hold.
            let planned = self.queue.iter().position(|slot| matches!(slot.state, State::Planned));
            let at = match planned {
                Some(at) if at < depth => at,
                None if self.queue.len() < depth && self.plan_one() => self.queue.len() - 1,
                _ => return,
            };
            // Out of blocks, or of memory, it goes on with less.
            let Some(Ok(block)) = self.pool.try_acquire() else { return };
            let slot = &mut self.queue[at];
            if let Err(mut block) = slot.read_cached(&self.file, block) {
                if !block.take_cold_place() {
                    return;
                }
                slot.read(&self.file, block);
            }
        }
    }

    /// Hands runs of blocks to other threads: this one reads a run, they read the next.
    fn lend(&mut self) {
        let Some(help) = &mut self.help else { return };
        // For a client that reads slowly nothing is read ahead, by others neither.
        let is_slow = self.most_reads < self.plan.depth();
        if self.is_cold || is_slow || self.plan.planned() < HELPED_FROM {
            return;
        }
        let most = help.runs_ahead();
        let mut lent = self.queue.iter().filter(|slot| matches!(slot.state, State::Lent(_))).count();
        // Where a helper takes none, as one that has left does, what was planned for it stays
        // here: without a bound the queue would grow with every block that is taken out.
        let bound = 2 * RUN_BLOCKS * most;
        while lent < most && self.queue.len() <= bound && self.pool.has_room() {
            if !(0..RUN_BLOCKS).all(|_| self.plan_one()) || !self.lend_run() {
                return;
            }
            lent += 1;
        }
    }

    fn lend_run(&mut self) -> bool {
        let first = self.queue.len();
        let mut blocks = Vec::with_capacity(RUN_BLOCKS);
        while blocks.len() < RUN_BLOCKS {
            let Some(Ok(block)) = self.pool.try_acquire() else { break };
            if !self.plan_one() {
                break;
            }
            let slot = self.queue.back().expect("planned above");
            blocks.push(Lent { span: slot.span, cache: slot.cache, block });
        }
        let Some(help) = self.help.as_mut().filter(|_| !blocks.is_empty()) else { return false };
        // Where nobody takes them the slots stay planned, and are read here.
        let Ok(replied) = help.hand_over(blocks) else { return false };
        let mut state = State::Lent(replied);
        for slot in self.queue.iter_mut().skip(first) {
            slot.state = std::mem::replace(&mut state, State::LentToo);
        }
        true
    }

    async fn wait_for_block(&mut self) -> Result<Block, ReadFailure> {
        let block = if let Some(block) = self.pool.try_acquire() {
            block
        } else {
            self.waited = true;
            timeout(self.block_wait, self.pool.acquire()).await.map_err(|_| ReadFailure::Starved)?
        };
        block.map_err(|source| ReadFailure::Io { offset: 0, source })
    }

    /// Drives the newest read to its end, and takes it out of the queue. May be dropped and
    /// called again: the slot stays in the queue until its block is whole.
    async fn finish_front(&mut self) -> Result<Fed, ReadFailure> {
        loop {
            let slot = front(&mut self.again, &mut self.queue);
            if matches!(slot.state, State::Planned) {
                self.begin_front().await?;
            }
            self.wait_for_front().await?;
            let slot = front(&mut self.again, &mut self.queue);
            let span = slot.span;
            match std::mem::replace(&mut slot.state, State::Planned) {
                State::Examined(block, hits) => {
                    self.last.was_cold = false;
                    self.take_front();
                    return Ok((span, block, Some(hits)));
                }
                State::Read(Ok((0, _))) => {
                    return Err(ReadFailure::Shrunk { offset: span.offset + slot.done as u64 });
                }
                State::Read(Ok((len, mut block))) => {
                    slot.done += len;
                    // The file may change between two reads, and under one that waits.
                    self.last.is_torn |= slot.done != len || self.is_cold;
                    if slot.done >= span.len {
                        block.set_len(span.len);
                        block.leave_cold_place();
                        if slot.cache == CacheUse::Keep && self.is_cold && span.offset < self.kept_from {
                            self.kept = Some(span);
                        }
                        self.take_front();
                        self.last.was_cold = self.is_cold;
                        self.block_wait = BLOCK_WAIT;
                        return Ok((span, block, None));
                    }
                    // It holds bytes, so it goes on whether there is a cold place or not.
                    if let Err(block) = slot.read_cached(&self.file, block) {
                        self.is_cold = true;
                        slot.read(&self.file, block);
                    }
                }
                State::Read(Err(error)) if is_transient(&error) && slot.retries < RETRIES => {
                    // The failed read has given its block back, and with it what an earlier,
                    // short read had brought: all of it is read again.
                    *slot = Slot { retries: slot.retries + 1, ..Slot::planned(span, slot.cache) };
                }
                State::Read(Err(source)) => return Err(ReadFailure::Io { offset: span.offset, source }),
                // Its helper could not read it without waiting: it is read here.
                State::Planned | State::Reading(_) | State::Lent(_) | State::LentToo => {}
            }
        }
    }

    /// Begins to read what is wanted next, once there is a block for it, and a place where it
    /// has to wait for the disk.
    async fn begin_front(&mut self) -> Result<(), ReadFailure> {
        let block = self.wait_for_block().await?;
        let slot = front(&mut self.again, &mut self.queue);
        let Err(mut block) = slot.read_cached(&self.file, block) else {
            self.is_cold = false;
            return Ok(());
        };
        self.is_cold = true;
        if !block.take_cold_place() {
            drop(block);
            self.waited = true;
            let place = timeout(self.block_wait, self.pool.cold_place()).await;
            let place = place.map_err(|_| ReadFailure::Starved)?;
            block = self.wait_for_block().await?;
            block.put_in_cold_place(place);
        }
        let slot = front(&mut self.again, &mut self.queue);
        slot.read(&self.file, block);
        Ok(())
    }

    /// Takes out what has been read to its end.
    fn take_front(&mut self) {
        if self.again.take().is_none() {
            self.queue.pop_front();
        }
    }

    /// Waits until the front slot is no longer somebody else's business.
    async fn wait_for_front(&mut self) -> Result<(), ReadFailure> {
        let slot = front(&mut self.again, &mut self.queue);
        let offset = slot.span.offset;
        let mut waited = false;
        let mut ready = pin!(poll_fn(|cx| {
            let polled = match &mut slot.state {
                State::Reading(read) => Pin::new(read).poll(cx).map(Waited::Read),
                State::Lent(replied) => {
                    Pin::new(replied).poll(cx).map(|examined| Waited::Run(examined.unwrap_or_default()))
                }
                _ => std::task::Poll::Ready(Waited::Nothing),
            };
            waited |= polled.is_pending();
            polled
        }));
        let ready = if let Ok(ready) = timeout(SLICE_TIME, ready.as_mut()).await {
            ready
        } else {
            // The disk may hang: others are not to wait for it as well.
            self.pass.give_up();
            timeout(READ_TIME, ready).await.map_err(|_| ReadFailure::Hung { offset })?
        };
        self.waited |= waited;
        match ready {
            Waited::Nothing => {}
            Waited::Read(result) => front(&mut self.again, &mut self.queue).state = State::Read(result),
            Waited::Run(examined) => {
                let mut examined = examined.into_iter();
                let run = self.queue.iter_mut().enumerate();
                for (_, slot) in run.take_while(|(i, slot)| *i == 0 || matches!(slot.state, State::LentToo)) {
                    slot.state = match examined.next().flatten() {
                        Some((block, hits)) => State::Examined(block, hits),
                        None => State::Planned,
                    };
                }
            }
        }
        Ok(())
    }
}

/// What is to come next.
fn front<'a, R>(again: &'a mut Option<Slot<R>>, queue: &'a mut VecDeque<Slot<R>>) -> &'a mut Slot<R> {
    again.as_mut().or_else(|| queue.front_mut()).expect("the callers have put it there")
}

enum Waited {
    Nothing,
    Read(ReadResult),
    Run(Vec<Examined>),
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}

const _: () = assert!(DEEP_FROM <= HELPED_FROM, "help is for scans that hold a pass");

#[cfg(test)]
mod tests {
    use super::super::crew::{Crew, RUNS_AHEAD};
    use super::super::uring::Uring;
    use super::super::{Ended, Engine as _};
    use super::*;
    use backscroll_shared::filter::Filter;
    use backscroll_shared::scan::{Limits, Search, Window};

    #[test]
    fn helpers_that_have_left_do_not_make_the_queue_grow() {
        const SIZE: usize = 64 << 20;
        let mut file = tempfile::tempfile().unwrap();
        // Written, and so in the page cache: what is cold is handed to nobody.
        std::io::Write::write_all(&mut file, &vec![b'x'; SIZE]).unwrap();
        let ended = Uring.block_on(async {
            let admissions: Vec<Arc<Admission>> = vec![Arc::default(), Arc::default()];
            let (crew, runs) = Crew::new(&admissions);
            drop(runs);
            let search: Search<Block> = Search::new(
                &Filter::Literals(vec![b"y".to_vec()]),
                None,
                Window::whole(1),
                Limits::default(),
            );
            let file = Uring.adopt(file.into());
            let fd = file.shared().unwrap();
            let help = Help::new(Arc::new(crew), 0, fd, search.block_matcher().unwrap());
            let plan = ReadPlan::new(Window::whole(SIZE as u64));
            let pool = Pool::new(32);
            let mut readahead =
                Readahead::new(file, plan, pool, Arc::clone(&admissions[0])).with_help(Some(help));
            let mut longest = 0;
            while readahead.next().await.unwrap().is_some() {
                longest = longest.max(readahead.queue.len());
            }
            assert!(longest > RUN_BLOCKS, "runs were offered: {longest}");
            assert!(longest <= 2 * RUN_BLOCKS * (RUNS_AHEAD + 1), "{longest}");
            Ended::Clean
        });
        assert_eq!(ended.unwrap(), Ended::Clean);
    }
}
