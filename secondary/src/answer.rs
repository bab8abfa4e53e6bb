//! One answer of `/logs` as a body, pulled by the client.
//!
//! ```text
//! source ──► search ──► encoding ──► chunk ──► body ──► socket
//! └────────── producer ───────────┘            paced and parked by how the client reads;
//!                                              its end says the verdict
//! ```
//!
//! - `producer`: a source and a search fill a buffer with records. `encoding` writes them,
//!   `frame_writer` for a merge, `long` in pieces; `part` is the part of the file that one is.
//! - [`look_back`]: the lines before a record that carries no time; [`second_look`]: whether what
//!   was read is still there.
//! - `turns`: who goes first on a thread. [`chunks`]: the buffers that leave.
//! - `ending`: the ways in which the verdict leaves.

pub mod chunks;
mod encoding;
mod ending;
pub mod frame_writer;
mod long;
pub mod look_back;
mod part;
mod producer;
pub mod second_look;
mod turns;

pub use encoding::Encoding;
pub use ending::{Cut, Ending};
pub use turns::Halt;

use crate::read::admission::Admission;
use crate::read::block::Block;
use crate::read::{BlockSource, Engine, InodeState, ReadFailure};
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{BlockMatches, Search};
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use bytes::Bytes;
use chunks::Chunks;
use ending::Tail;
use http_body::Frame;
use long::Sizes;
use producer::{Producer, Progress};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use turns::Turns;

/// How long a client may take over a chunk until it is taken for a slow one, whose blocks
/// are given back after each chunk and read again for the next.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// What an answer shares with the others of its thread.
#[derive(Debug, Clone)]
pub struct Context<E> {
    /// The thread's engine.
    pub engine: E,
    /// Who may go on.
    pub admission: Arc<Admission>,
    /// What the answers leave in.
    pub chunks: Chunks,
    /// Whether answers in flight are to end now, as incomplete ones: the server stops.
    pub giving_up: Rc<Cell<bool>>,
}

/// One answer.
pub struct Answer<E, S> {
    name: FileName,
    producer: Producer<E, S>,
    chunks: Chunks,
    /// The chunk that is being filled.
    out: Vec<u8>,
    ending: Ending,
    tail: Tail,
    phase: Phase,
    delivered: Delivered,
}

/// What has left so far.
#[derive(Debug, Default)]
struct Delivered {
    /// When the last chunk was handed out; None before the first.
    at: Option<Instant>,
    /// Whether the client took that one at once.
    keeps_up: bool,
    bytes: u64,
    /// Whole records' lines, and those of them that were cut.
    lines: u64,
    truncated_lines: u64,
    /// It ends within a record.
    is_within: bool,
}

#[derive(Debug)]
enum Phase {
    Searching,
    /// The records are out; what follows them in the body is next.
    Ended(Verdict),
    /// Trailers, or the cut, are next.
    Closing(Verdict),
    Over,
}

impl<E: Engine, S: BlockSource<Finding: Into<BlockMatches>>> Answer<E, S> {
    /// An answer about `name`, a file of which `opened` was said when it was opened.
    pub fn new(
        context: Context<E>,
        name: FileName,
        opened: InodeState,
        search: Search<Block>,
        source: S,
        encoding: Encoding,
        ending: Ending,
    ) -> Answer<E, S> {
        let Context { engine, admission, chunks, giving_up } = context;
        let turns = Turns::new(engine, ending.deadline, giving_up);
        Answer {
            name,
            producer: Producer::new(turns, admission, chunks.clone(), opened, search, source, encoding),
            chunks,
            out: Vec::new(),
            ending,
            tail: Tail::Written,
            phase: Phase::Searching,
            delivered: Delivered::default(),
        }
    }

    /// Goes on until there is something to send. A failure before that is a problem with a
    /// status of its own, and so is one after which what was found may be no line of the file.
    /// May be dropped and called again.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        self.fill().await;
        match &self.phase {
            Phase::Ended(Verdict { lines, error: Some(failure), .. })
                if *lines == 0 || failure.code == Code::FileShrunk =>
            {
                // `file_shrunk` is a code of verdicts alone: before the first byte it is an `io_error`.
                let code = failure.code.for_problem().unwrap_or(Code::IoError);
                Err(Problem::new(code, failure.detail.clone()))
            }
            _ => Ok(()),
        }
    }

    /// All of the answer, where it is complete, lies in its first chunk, and its client reads
    /// no trailers: then its length is known, and no stream is needed.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match &self.phase {
            Phase::Ended(verdict) if verdict.error.is_none() && !self.ending.trailers => {
                let mut whole = std::mem::take(&mut self.out);
                whole.extend(self.ending.last_bytes(verdict, self.tail).unwrap_or_default());
                self.phase = Phase::Over;
                Some(self.chunks.seal(whole))
            }
            _ => None,
        }
    }

    /// The next frame of the body. May be dropped and called again.
    pub async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Cut>> {
        self.delivered.keeps_up = self.delivered.at.is_some_and(|at| at.elapsed() < PATIENCE);
        if self.delivered.at.is_some() && !self.delivered.keeps_up {
            // What was read before may be another file's by now.
            self.producer.slow_down();
        }
        self.fill().await;
        if !self.out.is_empty() {
            self.note_delivery();
            // It may be long until a slow client takes the next one. A fast one may turn slow, so it
            // keeps no permit that others wait for.
            if !self.delivered.keeps_up || self.producer.is_large_waited_for() {
                self.producer.park();
            }
            return Some(Ok(Frame::data(self.chunks.seal(std::mem::take(&mut self.out)))));
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ended(verdict) => match self.ending.last_bytes(&verdict, self.tail) {
                Some(bytes) => {
                    self.phase = Phase::Closing(verdict);
                    Some(Ok(Frame::data(Bytes::from(bytes))))
                }
                None => self.ending.close(&verdict, self.tail),
            },
            Phase::Closing(verdict) => self.ending.close(&verdict, self.tail),
            Phase::Searching | Phase::Over => None,
        }
    }

    /// The file that it is about.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Gives back every block, and what is held of long lines and records, because the client
    /// does not read. They are read again once it does.
    pub fn park(&mut self) {
        self.producer.park();
    }

    /// Fills the chunk. In a merge, nothing leaves that may be another file's.
    async fn fill(&mut self) {
        if matches!(self.phase, Phase::Searching) {
            let chunk = self.chunks.target(self.delivered.bytes, self.delivered.keeps_up);
            let sizes = Sizes { chunk, piece: chunks::longest(chunk) };
            match self.producer.fill(&mut self.out, sizes).await {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => self.end(self.producer.tally(Status::Complete)),
                Err(halt) => self.halt(&halt),
            }
        }
        if self.producer.frames().is_none() {
            return;
        }
        if !self.out.is_empty()
            && let Err(failure) = self.producer.look_before_leaving().await
        {
            self.take_back(failure);
        }
        if !self.out.is_empty() && matches!(self.phase, Phase::Searching) {
            self.producer.write_progress(&mut self.out);
        }
        self.write_end();
    }

    /// Ends it before all records are out.
    fn halt(&mut self, halt: &Halt) {
        if let Halt::Failed(failure) = halt {
            tracing::warn!(file = %self.name, %failure, "an answer is incomplete");
        }
        let detail = format!("{}: {halt}: ask again", self.name);
        let error = Some(Failure { code: halt.code(), detail });
        self.end(Verdict { error, ..self.producer.tally(Status::Failed) });
    }

    /// The records are out; what is left of the answer needs no block.
    fn end(&mut self, verdict: Verdict) {
        self.producer.park();
        // What is left of the record that is on its way does not come any more.
        self.tail = if self.producer.is_within_record() {
            self.out.extend_from_slice(self.ending.end_of_cut_record());
            Tail::BrokenOff
        } else {
            Tail::Due
        };
        self.producer.drop_record();
        self.phase = Phase::Ended(verdict);
    }

    /// A chunk is about to leave: what has been delivered with it.
    fn note_delivery(&mut self) {
        let tally = self.producer.tally(Status::Complete);
        self.delivered.at = Some(Instant::now());
        self.delivered.bytes += self.out.len() as u64;
        self.delivered.lines = tally.lines;
        self.delivered.truncated_lines = tally.truncated_lines;
        self.delivered.is_within = self.producer.is_within_record();
    }

    /// What waits in the chunk is another file's, and does not leave.
    fn take_back(&mut self, failure: ReadFailure) {
        self.out.clear();
        self.producer.drop_record();
        self.halt(&Halt::Failed(failure));
        if self.delivered.is_within {
            self.tail = Tail::BrokenOff;
        }
        if let Phase::Ended(verdict) = &mut self.phase {
            verdict.lines = self.delivered.lines;
            verdict.truncated_lines = self.delivered.truncated_lines;
        }
    }

    /// Writes the last frame of an answer to a merge, once that is known.
    fn write_end(&mut self) {
        if let (Some(frames), Phase::Ended(verdict), Tail::Due) =
            (self.producer.frames(), &mut self.phase, self.tail)
        {
            *verdict = frames.end(verdict.clone(), &mut self.out);
            self.tail = Tail::Written;
        }
    }
}
