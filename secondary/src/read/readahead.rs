//! Reads kept under way ahead of the scan: issued from the file's end to its start, handed
//! out in that order.

use super::ReadAt;
use super::block::{Block, Pool};
use backscroll_shared::scan::{ReadPlan, Span};
use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How long a stream waits for its first block while others hold them all: then its client
/// is asked to come back.
pub const FIRST_BLOCK_WAIT: Duration = Duration::from_millis(800);

/// How long it waits for a later one. Clients that do not read have theirs taken back within
/// two sweeps, and what is under way is not to be lost before that.
pub const BLOCK_WAIT: Duration = Duration::from_secs(5);

/// Times that one read is begun again after `EINTR` or `EAGAIN`.
const RETRIES: u32 = 16;

/// Why the bytes of a file did not come.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailure {
    /// The disk, or the file system, failed.
    #[error("reading at offset {offset} failed: {source}")]
    Io {
        /// Offset of the block in the file.
        offset: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The file has become shorter than it was when it was opened.
    #[error("the file was truncated while it was read, below offset {offset}")]
    Shrunk {
        /// The lowest offset known to be missing.
        offset: u64,
    },
    /// All blocks of this thread were in use for too long.
    #[error("too many requests are reading at once")]
    Starved,
}

/// The blocks of one file, from its end to its start.
#[derive(Debug)]
pub struct Readahead<F: ReadAt> {
    file: F,
    plan: ReadPlan,
    pool: Arc<Pool>,
    /// Newest first.
    queue: VecDeque<Slot<F::Read>>,
    waited: bool,
    block_wait: Duration,
}

#[derive(Debug)]
struct Slot<R> {
    span: Span,
    /// None where it has to be begun again.
    read: Option<R>,
    /// Bytes that earlier, short reads have brought.
    done: usize,
    retries: u32,
}

impl<F: ReadAt> Readahead<F> {
    /// Reads `file` as `plan` says, into blocks of `pool`.
    pub fn new(file: F, plan: ReadPlan, pool: Arc<Pool>) -> Readahead<F> {
        Readahead { file, plan, pool, queue: VecDeque::new(), waited: false, block_wait: FIRST_BLOCK_WAIT }
    }

    /// The file that is read.
    pub fn file(&self) -> &F {
        &self.file
    }

    /// The next block, or nothing after the file's start. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Option<(Span, Block)>, ReadFailure> {
        if self.queue.is_empty() {
            if self.plan.is_over() {
                return Ok(None);
            }
            // The block first: a span that was planned and then given up would be lost.
            let block = self.wait_for_block().await?;
            let Some(span) = self.plan.next_span() else { return Ok(None) };
            self.queue.push_back(begin(&self.file, block, span));
        }
        self.top_up(self.plan.depth());
        let next = self.finish_front().await?;
        // With one in hand and at a depth of one nothing is read ahead: a tail request is
        // done with its first block, more often than not.
        self.top_up(self.plan.depth() - 1);
        Ok(Some(next))
    }

    /// Reads a block again that the scan gave back. Follows [`Readahead::park`].
    pub async fn again(&mut self, span: Span) -> Result<(Span, Block), ReadFailure> {
        if self.queue.front().is_none_or(|slot| slot.span != span) {
            let block = self.wait_for_block().await?;
            self.queue.push_front(begin(&self.file, block, span));
        }
        self.finish_front().await
    }

    /// Gives up what has been read ahead; it is read again when it is asked for.
    pub fn park(&mut self) {
        if let Some(slot) = self.queue.front() {
            self.plan.rewind_to(slot.span);
            self.queue.clear();
        }
    }

    /// Whether a block had to be waited for since this was last asked: others had a turn.
    pub fn take_waited(&mut self) -> bool {
        std::mem::take(&mut self.waited)
    }

    async fn wait_for_block(&mut self) -> Result<Block, ReadFailure> {
        let block = match self.pool.try_acquire() {
            Some(block) => block,
            None => tokio::time::timeout(self.block_wait, self.pool.acquire())
                .await
                .map_err(|_| ReadFailure::Starved)?,
        };
        block.map_err(|source| ReadFailure::Io { offset: 0, source })
    }

    fn top_up(&mut self, depth: usize) {
        while self.queue.len() < depth && !self.plan.is_over() {
            // Out of blocks, or of memory, it goes on with less.
            let Some(Ok(block)) = self.pool.try_acquire() else { return };
            let Some(span) = self.plan.next_span() else { return };
            self.queue.push_back(begin(&self.file, block, span));
        }
    }

    /// Drives the newest read to its end, and takes it out of the queue. May be dropped and
    /// called again: the slot stays in the queue until its block is whole.
    async fn finish_front(&mut self) -> Result<(Span, Block), ReadFailure> {
        loop {
            let slot = self.queue.front().expect("the callers have filled the queue");
            if slot.read.is_none() {
                let block = self.wait_for_block().await?;
                let slot = self.queue.front_mut().expect("it stays in the queue");
                slot.read = Some(self.file.read_at(block, slot.span, 0));
            }
            let slot = self.queue.front_mut().expect("it stays in the queue");
            let span = slot.span;
            let read = slot.read.as_mut().expect("begun above");
            let mut waited = false;
            let result = poll_fn(|cx| {
                let polled = Pin::new(&mut *read).poll(cx);
                waited |= polled.is_pending();
                polled
            })
            .await;
            self.waited |= waited;
            match result {
                Ok((0, _)) => return Err(ReadFailure::Shrunk { offset: span.offset + slot.done as u64 }),
                Ok((len, mut block)) => {
                    slot.done += len;
                    if slot.done >= span.len {
                        block.set_len(span.len);
                        self.queue.pop_front();
                        self.block_wait = BLOCK_WAIT;
                        return Ok((span, block));
                    }
                    slot.read = Some(self.file.read_at(block, span, slot.done));
                }
                Err(error) if is_transient(&error) && slot.retries < RETRIES => {
                    // The failed read has given its block back, and with it what an earlier,
                    // short read had brought: all of it is read again.
                    *slot = Slot { span, read: None, done: 0, retries: slot.retries + 1 };
                }
                Err(source) => return Err(ReadFailure::Io { offset: span.offset, source }),
            }
        }
    }
}

fn begin<F: ReadAt>(file: &F, block: Block, span: Span) -> Slot<F::Read> {
    Slot { span, read: Some(file.read_at(block, span, 0)), done: 0, retries: 0 }
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
