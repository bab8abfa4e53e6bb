//! Ring threads that help each other: a deep scan of a file that lies in the page cache is
//! limited by one core, which copies and matches. Threads that have no deep scan of their
//! own take runs of its blocks.
//!
//! A helper never waits for a disk: it reads with `RWF_NOWAIT`, and gives back what is not
//! in the cache. The blocks that it fills are lent by the scan, so what is in memory is
//! counted where it is asked for.

use super::admission::Admission;
use super::block::Block;
use super::open_file::OpenFile;
use super::{CacheUse, Engine};
use backscroll_shared::scan::{BlockMatcher, BlockMatches, Span};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// Blocks of a run: long enough that handing it over does not count.
pub const RUN_BLOCKS: usize = 2;

/// Runs that a helper has waiting: one that it works on, one that is next.
pub const RUNS_AHEAD: usize = 2;

/// Helpers of one scan.
const MOST_HELPERS: usize = 3;

/// How long a helper works before everybody else on its thread gets a turn.
const TURN: Duration = Duration::from_micros(100);

/// All ring threads of a server.
#[derive(Debug, Default)]
pub struct Crew {
    mates: Vec<Mate>,
}

/// One thread, as a helper.
#[derive(Debug)]
struct Mate {
    runs: mpsc::Sender<Run>,
    admission: Arc<Admission>,
    is_leased: AtomicBool,
}

/// Blocks to be read and looked through, in the order in which they are wanted.
#[derive(Debug)]
pub struct Run {
    file: Arc<OpenFile>,
    matcher: BlockMatcher,
    blocks: Vec<Lent>,
    reply: oneshot::Sender<Vec<Examined>>,
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

/// A block with its matching lines; nothing where it could not be read without waiting.
pub type Examined = Option<(Block, BlockMatches)>;

impl Crew {
    /// A crew of threads, and where each gets its runs from.
    pub fn new(admissions: &[Arc<Admission>]) -> (Crew, Vec<mpsc::Receiver<Run>>) {
        let mut crew = Crew::default();
        let mut queues = Vec::new();
        for admission in admissions {
            let (runs, queue) = mpsc::channel(RUNS_AHEAD);
            let admission = Arc::clone(admission);
            crew.mates.push(Mate { runs, admission, is_leased: AtomicBool::new(false) });
            queues.push(queue);
        }
        (crew, queues)
    }

    /// The threads that help a scan of thread `own` from now on: those that have nothing
    /// deep of their own to do, and help nobody else.
    fn lease(self: &Arc<Crew>, own: usize) -> Vec<Lease> {
        let others = self.mates.iter().enumerate().filter(|(index, _)| *index != own);
        others
            .filter(|(_, mate)| mate.admission.is_free_of_scans() && !mate.is_leased.swap(true, AcqRel))
            .take(MOST_HELPERS)
            .map(|(index, _)| Lease { crew: Arc::clone(self), index })
            .collect()
    }
}

/// The right to one thread's help; given back when dropped.
#[derive(Debug)]
struct Lease {
    crew: Arc<Crew>,
    index: usize,
}

impl Lease {
    fn mate(&self) -> &Mate {
        &self.crew.mates[self.index]
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.mate().is_leased.store(false, Release);
    }
}

/// The help that one scan has.
#[derive(Debug)]
pub struct Help {
    crew: Arc<Crew>,
    own: usize,
    file: Arc<OpenFile>,
    matcher: BlockMatcher,
    leases: Vec<Lease>,
    next: usize,
}

impl Help {
    /// The help that a scan of `file` on thread `own` may get.
    pub fn new(crew: Arc<Crew>, own: usize, file: Arc<OpenFile>, matcher: BlockMatcher) -> Help {
        Help { crew, own, file, matcher, leases: Vec::new(), next: 0 }
    }

    /// Looks for helpers, where there are none yet, and says how many runs may be with them.
    pub fn runs_ahead(&mut self) -> usize {
        // One that has got something deep of its own to do goes.
        self.leases.retain(|lease| lease.mate().admission.is_free_of_scans());
        if self.leases.is_empty() {
            self.leases = self.crew.lease(self.own);
        }
        self.leases.len() * RUNS_AHEAD
    }

    /// Hands a run to a helper. It comes back where none takes it.
    pub fn hand_over(&mut self, blocks: Vec<Lent>) -> Result<oneshot::Receiver<Vec<Examined>>, Vec<Lent>> {
        self.next += 1;
        let Some(lease) = self.leases.get(self.next % self.leases.len().max(1)) else { return Err(blocks) };
        let (reply, replied) = oneshot::channel();
        let run = Run { file: Arc::clone(&self.file), matcher: self.matcher.clone(), blocks, reply };
        match lease.mate().runs.try_send(run) {
            Ok(()) => Ok(replied),
            Err(error) => Err(error.into_inner().blocks),
        }
    }

    /// Lets the helpers go.
    pub fn dismiss(&mut self) {
        self.leases.clear();
    }
}

/// Works on the runs that other threads hand over, until nobody can any more.
pub async fn help_others<E: Engine>(engine: E, mut runs: mpsc::Receiver<Run>) {
    let mut since = Instant::now();
    while let Some(run) = runs.recv().await {
        let Run { file, matcher, blocks, reply } = run;
        let mut examined = Vec::with_capacity(blocks.len());
        for Lent { span, cache, mut block } in blocks {
            // The scan was given up: so are its blocks.
            if reply.is_closed() {
                break;
            }
            examined.push(fill(&file, &mut block, span, cache).then(|| {
                let matches = matcher.matches(span.offset, block.as_ref());
                (block, matches)
            }));
        }
        // Nobody may be left to take them.
        let _ = reply.send(examined);
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
