//! Ring threads that help each other: a deep scan of a file that lies in the page cache is
//! limited by one core, which copies and matches. Threads that have no deep scan of their
//! own take batches of its blocks.
//!
//! A helper never waits for a disk: it reads with `RWF_NOWAIT`, and gives back what is not
//! in the cache. What else it does with a block is the [`BlockTask`] of the scan. The blocks that
//! it fills are lent by the scan, so what is in memory is counted where it is asked for.

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

/// Blocks of a batch: enough that the cost of handing it over does not count.
pub const BATCH_BLOCKS: usize = 2;

/// Batches that a helper has waiting: one that it works on, one that is next.
pub const BATCHES_AHEAD: usize = 2;

/// Helpers of one scan.
const MOST_HELPERS: usize = 3;

/// All ring threads of a server.
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

/// Blocks to be read and looked at, in the order in which they are wanted.
#[derive(Debug)]
pub struct Batch<T: BlockTask> {
    file: Arc<OpenFile>,
    task: T,
    blocks: Vec<Lent>,
    reply: oneshot::Sender<Vec<Helped<T::Finding>>>,
}

/// A block that a helper is to fill.
#[derive(Debug)]
pub struct Lent {
    /// What is wanted of the file.
    pub span: Span,
    /// What becomes of the page cache.
    pub cache: CacheUse,
    /// Where it goes.
    pub block: Block,
}

/// A block with what was found in it; nothing where it could not be read without waiting.
pub type Helped<D> = Option<(Block, D)>;

impl<T: BlockTask> Crew<T> {
    /// A crew of threads, and where each gets its batches from.
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

    /// The threads that help a scan of thread `own` from now on: those that have nothing
    /// deep of their own to do, and help nobody else.
    fn lease(self: &Arc<Crew<T>>, own: usize) -> Vec<Lease<T>> {
        let others = self.members.iter().enumerate().filter(|(index, _)| *index != own);
        others
            .filter(|(_, member)| member.admission.is_free_of_scans() && !member.is_leased.swap(true, AcqRel))
            .take(MOST_HELPERS)
            .map(|(index, _)| Lease { crew: Arc::clone(self), index })
            .collect()
    }
}

/// The right to one thread's help; given back when dropped.
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

/// The help that one scan has.
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
    /// The help that a scan of `file` on thread `own` may get.
    pub fn new(crew: Arc<Crew<T>>, own: usize, file: Arc<OpenFile>, task: T) -> Help<T> {
        Help { crew, own, file, task, leases: Vec::new(), next: 0 }
    }

    /// Looks for helpers, where there are none yet, and says how many batches may be with them.
    pub fn batches_ahead(&mut self) -> usize {
        // One that has got something deep of its own to do goes.
        self.leases.retain(|lease| lease.member().admission.is_free_of_scans());
        if self.leases.is_empty() {
            self.leases = self.crew.lease(self.own);
        }
        self.leases.len() * BATCHES_AHEAD
    }

    /// Hands a batch to a helper. It comes back where none takes it.
    pub fn hand_over(
        &mut self,
        blocks: Vec<Lent>,
    ) -> Result<oneshot::Receiver<Vec<Helped<T::Finding>>>, Vec<Lent>> {
        self.next += 1;
        let Some(lease) = self.leases.get(self.next % self.leases.len().max(1)) else { return Err(blocks) };
        let (reply, replied) = oneshot::channel();
        let batch = Batch { file: Arc::clone(&self.file), task: self.task.clone(), blocks, reply };
        match lease.member().batches.try_send(batch) {
            Ok(()) => Ok(replied),
            Err(error) => Err(error.into_inner().blocks),
        }
    }

    /// Lets the helpers go.
    pub fn dismiss(&mut self) {
        self.leases.clear();
    }
}

/// Works on the batches that other threads hand over, until nobody can any more.
pub async fn help_others<E: Engine, T: BlockTask>(engine: E, mut batches: mpsc::Receiver<Batch<T>>) {
    let mut since = Instant::now();
    while let Some(batch) = batches.recv().await {
        let Batch { file, task, blocks, reply } = batch;
        let mut helped = Vec::with_capacity(blocks.len());
        for Lent { span, cache, mut block } in blocks {
            // The scan was given up: so are its blocks.
            if reply.is_closed() {
                break;
            }
            helped.push(fill(&file, &mut block, span, cache).then(|| {
                let finding = task.look_at(span, block.as_ref());
                (block, finding)
            }));
        }
        // Nobody may be left to take them.
        let _ = reply.send(helped);
        if since.elapsed() >= TURN {
            engine.pause().await;
            since = Instant::now();
        }
    }
}

/// Reads all of `span` from the page cache. False where that has not all of it.
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
