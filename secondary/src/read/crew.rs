//! Ring threads that help each other. A deep scan of a file in the page cache is limited by one
//! core, which copies and matches. Threads without a deep scan of their own take batches of its
//! blocks.
//!
//! A helper never waits for a disk: it reads with `RWF_NOWAIT`, and leaves bytes that are not in the
//! cache to the scan. The scan's [`BlockTask`] says what else a helper does with a block. The scan
//! lends the blocks that a helper fills, so they count for the scan's own thread.

use super::admission::Admission;
use super::block::Block;
use super::block_task::BlockTask;
use super::open_file::OpenFile;
use super::{CacheUse, Engine, TURN};
use backscroll_shared::scan::Span;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Blocks of a batch. With this many, the cost of handing a batch over does not matter.
pub const BATCH_BLOCKS: usize = 2;

/// Batches that one helper has at once: it works on one, and the other is next.
pub const BATCHES_AHEAD: usize = 2;

/// The most helpers of one scan.
const MOST_HELPERS: usize = 3;

/// All ring threads of a server, as helpers.
#[derive(Debug)]
pub struct Crew<T: BlockTask> {
    members: Vec<Member<T>>,
}

/// One thread, as a helper.
#[derive(Debug)]
struct Member<T: BlockTask> {
    batches: mpsc::Sender<Batch<T>>,
    admission: Arc<Admission>,
    is_leased: AtomicBool,
}

/// Blocks that a helper reads and looks at, in the order in which the scan needs them.
#[derive(Debug)]
pub struct Batch<T: BlockTask> {
    file: Arc<OpenFile>,
    task: T,
    blocks: Vec<Lent>,
    reply: oneshot::Sender<Vec<Helped<T::Finding>>>,
}

/// A block that a helper fills.
#[derive(Debug)]
pub struct Lent {
    /// The bytes of the file to read.
    pub span: Span,
    /// What the read does to the page cache.
    pub cache: CacheUse,
    /// The block to fill.
    pub block: Block,
}

/// A block and what was found in it; `None` if it could not be read without waiting.
pub type Helped<D> = Option<(Block, D)>;

/// Where the blocks of a batch come back.
pub type Reply<D> = oneshot::Receiver<Vec<Helped<D>>>;

impl<T: BlockTask> Crew<T> {
    /// A crew with one member for each admission, and the queue from which each member takes its
    /// batches.
    pub fn new(admissions: &[Arc<Admission>]) -> (Crew<T>, Vec<mpsc::Receiver<Batch<T>>>) {
        let mut members = Vec::new();
        let mut queues = Vec::new();
        for admission in admissions {
            let (batches, queue) = mpsc::channel(BATCHES_AHEAD);
            let admission = Arc::clone(admission);
            members.push(Member { batches, admission, is_leased: AtomicBool::new(false) });
            queues.push(queue);
        }
        (Crew { members }, queues)
    }

    /// Leases helpers for a scan of thread `own`: threads that have no deep scan and help no other
    /// scan.
    fn lease(self: &Arc<Crew<T>>, own: usize) -> Vec<Lease<T>> {
        let others = self.members.iter().enumerate().filter(|(index, _)| *index != own);
        others
            .filter(|(_, member)| member.admission.is_free_of_scans() && !member.is_leased.swap(true, AcqRel))
            .take(MOST_HELPERS)
            .map(|(index, _)| Lease { crew: Arc::clone(self), index })
            .collect()
    }
}

/// The right to one thread's help. Given back when dropped.
#[derive(Debug)]
struct Lease<T: BlockTask> {
    crew: Arc<Crew<T>>,
    index: usize,
}

impl<T: BlockTask> Lease<T> {
    fn member(&self) -> &Member<T> {
        &self.crew.members[self.index]
    }
}

impl<T: BlockTask> Drop for Lease<T> {
    fn drop(&mut self) {
        self.member().is_leased.store(false, Release);
    }
}

/// The help for one scan.
#[derive(Debug)]
pub struct Help<T: BlockTask> {
    crew: Arc<Crew<T>>,
    own: usize,
    file: Arc<OpenFile>,
    task: T,
    leases: Vec<Lease<T>>,
    next: usize,
}

impl<T: BlockTask> Help<T> {
    /// Help for a scan of `file` on thread `own`. No thread helps yet.
    pub fn new(crew: Arc<Crew<T>>, own: usize, file: Arc<OpenFile>, task: T) -> Help<T> {
        Help { crew, own, file, task, leases: Vec::new(), next: 0 }
    }

    /// Looks for helpers if there are none. Returns how many batches they may have at once.
    pub fn batches_ahead(&mut self) -> usize {
        // A helper leaves as soon as it has a deep scan of its own.
        self.leases.retain(|lease| lease.member().admission.is_free_of_scans());
        if self.leases.is_empty() {
            self.leases = self.crew.lease(self.own);
        }
        self.leases.len() * BATCHES_AHEAD
    }

    /// Hands a batch to a helper. Returns the blocks if no helper takes them.
    pub fn hand_over(&mut self, blocks: Vec<Lent>) -> Result<Reply<T::Finding>, Vec<Lent>> {
        self.next += 1;
        let Some(lease) = self.leases.get(self.next % self.leases.len().max(1)) else { return Err(blocks) };
        let (reply, replied) = oneshot::channel();
        let batch = Batch { file: Arc::clone(&self.file), task: self.task.clone(), blocks, reply };
        match lease.member().batches.try_send(batch) {
            Ok(()) => Ok(replied),
            Err(error) => Err(error.into_inner().blocks),
        }
    }

    /// Gives all helpers back.
    pub fn dismiss(&mut self) {
        self.leases.clear();
    }
}

/// Works on the batches that other threads hand over, until no thread can send one any more.
pub async fn help_others<E: Engine, T: BlockTask>(engine: E, mut batches: mpsc::Receiver<Batch<T>>) {
    let mut since = Instant::now();
    while let Some(batch) = batches.recv().await {
        let Batch { file, task, blocks, reply } = batch;
        let mut helped = Vec::with_capacity(blocks.len());
        for Lent { span, cache, mut block } in blocks {
            // The scan has been given up, so nobody needs the rest of its blocks.
            if reply.is_closed() {
                break;
            }
            if !fill(&file, &mut block, span, cache) {
                helped.push(None);
                continue;
            }
            let mut looking = T::Looking::default();
            let finding = loop {
                if let Some(finding) = task.look_at(span, block.as_ref(), &mut looking) {
                    break Some(finding);
                }
                if reply.is_closed() {
                    break None;
                }
                take_turn(engine, &mut since).await;
            };
            helped.push(finding.map(|finding| (block, finding)));
        }
        // The scan may have been given up meanwhile. Its blocks then return to their pool.
        let _ = reply.send(helped);
        take_turn(engine, &mut since).await;
    }
}

/// Lets the other tasks run if this one has worked for a whole turn.
async fn take_turn<E: Engine>(engine: E, since: &mut Instant) {
    if since.elapsed() >= TURN {
        engine.pause().await;
        *since = Instant::now();
    }
}

/// Reads all of `span` from the page cache. False if some of it is not there.
fn fill(file: &OpenFile, block: &mut Block, span: Span, cache: CacheUse) -> bool {
    let mut done = 0;
    while done < span.len {
        let memory = &mut block.memory()[done..span.len];
        match file.read_cached(memory, span.offset + done as u64, cache) {
            Some(len) => done += len,
            None => return false,
        }
    }
    block.set_len(span.len);
    true
}
