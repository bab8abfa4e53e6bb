//! One answer of `/logs` as a body: readahead, scan and encoding, pulled by the client.

use crate::frame::{self, Frames};
use crate::framing::Framing;
use crate::lookback::look_back;
use crate::read::admission::{self, Admission};
use crate::read::block::Block;
use crate::read::readahead::BLOCK_WAIT;
use crate::read::{Engine, Fed, ReadAt, ReadFailure, Readahead};
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Search, Step};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use backscroll_shared::wire::{Encoder, Format, ndjson};
use bytes::Bytes;
use http_body::Frame;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long one answer may work before everybody else on the thread gets a turn.
const TURN: Duration = Duration::from_micros(100);

/// How long a client may take over a frame until it is taken for a slow one, whose blocks
/// are given back after each frame and read again for the next.
const PATIENCE: Duration = Duration::from_millis(20);

/// How the answer ends, for a client of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Text or NDJSON.
    pub format: Format,
    /// The client reads trailers.
    pub trailers: bool,
    /// The client is a primary, which writes the last NDJSON object itself.
    pub relay: bool,
    /// When it ends as an incomplete one, if it has not ended by then.
    pub deadline: Option<Instant>,
}

/// How the records are written.
#[derive(Debug)]
pub enum Encoding {
    /// For the one who asks.
    Plain(Encoder),
    /// For a primary that merges them.
    Framed(Box<Framing>),
}

/// The answer is incomplete, and is cut so that nobody takes it for complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer is incomplete: {0}")]
pub struct Incomplete(pub String);

/// What an answer shares with the others of its thread.
#[derive(Debug, Clone)]
pub struct Context<E> {
    /// The thread's engine.
    pub engine: E,
    /// Who may go on.
    pub admission: Arc<Admission>,
    /// What the answers leave in.
    pub frames: Frames,
    /// Whether answers in flight are to end now, as incomplete ones: the server stops.
    pub giving_up: Rc<Cell<bool>>,
}

/// One answer.
pub struct LogStream<E: Engine> {
    context: Context<E>,
    name: FileName,
    size: u64,
    search: Search<Block>,
    readahead: Readahead<E::File>,
    encoding: Encoding,
    ending: Ending,
    is_overdue: bool,
    frame: Vec<u8>,
    phase: Phase,
    worked_since: Instant,
    /// When the last frame was handed out; None before the first.
    handed_out: Option<Instant>,
    /// Bytes handed out.
    delivered: u64,
    /// Blocks read, those that were read again included.
    blocks: u64,
    /// Held from the first large line or record on until the client has it.
    large: Option<OwnedSemaphorePermit>,
}

#[derive(Debug)]
enum Phase {
    Searching,
    /// The records are out; the last object is next.
    Ended(Verdict),
    /// Trailers, or the cut, are next.
    Closing(Verdict),
    Over,
}

impl<E: Engine> LogStream<E> {
    /// An answer about `name`, which had `size` bytes when it was opened.
    pub fn new(
        context: Context<E>,
        name: FileName,
        size: u64,
        search: Search<Block>,
        readahead: Readahead<E::File>,
        encoding: Encoding,
        ending: Ending,
    ) -> LogStream<E> {
        LogStream {
            context,
            name,
            size,
            search,
            readahead,
            encoding,
            ending,
            is_overdue: false,
            frame: Vec::new(),
            phase: Phase::Searching,
            worked_since: Instant::now(),
            handed_out: None,
            delivered: 0,
            blocks: 0,
            large: None,
        }
    }

    /// Goes on until there is something to send. A failure before that is a problem with a
    /// status of its own. May be dropped and called again.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        self.fill().await;
        match &self.phase {
            Phase::Ended(Verdict { lines: 0, error: Some(failure), .. }) => {
                Err(Problem::new(code_of(&failure.code), failure.detail.clone()))
            }
            _ => Ok(()),
        }
    }

    /// All of the answer, where it is complete, lies in its first frame, and its client reads
    /// no trailers: then its length is known, and no stream is needed.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match &self.phase {
            Phase::Ended(verdict) if verdict.error.is_none() && !self.ending.trailers => {
                let mut whole = std::mem::take(&mut self.frame);
                if self.ending.format == Format::Ndjson && !self.ending.relay {
                    whole.extend_from_slice(&ndjson::end(verdict));
                }
                self.phase = Phase::Over;
                Some(self.context.frames.seal(whole))
            }
            _ => None,
        }
    }

    /// The next piece of the body. May be dropped and called again.
    pub async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Incomplete>> {
        let keeps_up = self.handed_out.is_some_and(|at| at.elapsed() < PATIENCE);
        self.fill().await;
        if !self.frame.is_empty() {
            self.handed_out = Some(Instant::now());
            self.delivered += self.frame.len() as u64;
            if !keeps_up {
                // It may be long until it takes the next one.
                self.park();
            }
            return Some(Ok(Frame::data(self.context.frames.seal(std::mem::take(&mut self.frame)))));
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ended(verdict) if self.ending.format == Format::Ndjson && !self.ending.relay => {
                let object = ndjson::end(&verdict);
                self.phase = Phase::Closing(verdict);
                Some(Ok(Frame::data(Bytes::from(object))))
            }
            Phase::Ended(verdict) | Phase::Closing(verdict) => self.close(&verdict),
            Phase::Searching | Phase::Over => None,
        }
    }

    /// Gives back every block, because the client does not read. They are read again once
    /// it does.
    pub fn park(&mut self) {
        self.readahead.park();
        self.search.release();
    }

    fn close(&self, verdict: &Verdict) -> Option<Result<Frame<Bytes>, Incomplete>> {
        if self.ending.trailers {
            return Some(Ok(Frame::trailers(verdict.to_trailers())));
        }
        if let Encoding::Framed(_) = self.encoding {
            // The last frame has said it.
            return None;
        }
        let failure = verdict.error.as_ref()?;
        Some(Err(Incomplete(failure.detail.clone())))
    }

    /// Works until a frame is to be sent, or the records are out. Records leave as they are
    /// found: what a block has yielded is not held back for the next one.
    async fn fill(&mut self) {
        if self.search.held().max(self.pending_bytes()) <= admission::LARGE_BYTES {
            self.large = None;
        }
        self.take_turns().await;
        let target = frame::target(self.delivered);
        while matches!(self.phase, Phase::Searching) && self.frame.len() < target {
            self.context.frames.make_room(&mut self.frame, target);
            if let Err(failure) = self.settle().await {
                return self.fail(&failure);
            }
            if self.ending.format == Format::Text && self.search.take_lines(&mut self.frame, target) {
                continue;
            }
            let is_worth_reading = self.search.has_older_lines() && self.search.remaining() != Some(1);
            match self.search.step() {
                Step::Record(record) => {
                    if record.bytes.len() > admission::LARGE_BYTES && self.large.is_none() {
                        self.large = self.context.admission.try_large();
                        if self.large.is_none() {
                            return self.fail(&ReadFailure::Starved);
                        }
                    }
                    match &mut self.encoding {
                        Encoding::Plain(encoder) => encoder.encode(&record, &mut self.frame),
                        Encoding::Framed(framing) => {
                            framing.record(&record, is_worth_reading, &mut self.frame);
                        }
                    }
                }
                Step::Done => self.end(self.verdict()),
                Step::Working | Step::NeedBlock | Step::NeedAgain(_) if !self.frame.is_empty() => return,
                Step::Working => self.take_turns().await,
                Step::NeedBlock => {
                    self.take_turns().await;
                    if let Err(failure) = self.find_a_large_place().await {
                        return self.fail(&failure);
                    }
                    match self.readahead.next().await {
                        Ok(Some(fed)) => {
                            if let Encoding::Framed(framing) = &mut self.encoding {
                                framing.next_block(fed.1.as_ref(), &mut self.frame);
                            }
                            self.feed(fed);
                        }
                        Ok(None) => self.end(self.verdict()),
                        Err(failure) => self.fail(&failure),
                    }
                }
                Step::NeedAgain(span) => match self.readahead.again(span).await {
                    Ok(fed) => self.feed(fed),
                    Err(failure) => self.fail(&failure),
                },
            }
            if !matches!(self.phase, Phase::Searching) {
                continue;
            }
            if self.context.giving_up.get() {
                self.end(self.cut_short(Code::Draining.as_str(), "this secondary stops"));
            } else if self.is_overdue {
                self.end(self.cut_short(DEADLINE, "the time for this request is over"));
            }
        }
    }

    /// Bytes of a record that waits for its time.
    fn pending_bytes(&self) -> usize {
        match &self.encoding {
            Encoding::Plain(_) => 0,
            Encoding::Framed(framing) => framing.held(),
        }
    }

    /// Writes the record whose time had to be looked for in the lines before it, if there is
    /// one.
    async fn settle(&mut self) -> Result<(), ReadFailure> {
        let Encoding::Framed(framing) = &mut self.encoding else { return Ok(()) };
        let Some(offset) = framing.pending() else { return Ok(()) };
        self.take_turns().await;
        let Encoding::Framed(framing) = &mut self.encoding else { return Ok(()) };
        // Two blocks for one answer could be waited for by everybody at once.
        if !self.readahead.has_room() {
            self.readahead.park();
            self.search.release();
        }
        look_back(&self.readahead, framing.stamps(), offset).await?;
        framing.settle(&mut self.frame);
        Ok(())
    }

    fn feed(&mut self, (span, block, hits): Fed) {
        self.blocks += 1;
        match hits {
            Some(hits) => self.search.feed_examined(span, block, hits),
            None => self.search.feed(span, block),
        }
    }

    /// A line that grows past what everybody may hold needs a place among few.
    async fn find_a_large_place(&mut self) -> Result<(), ReadFailure> {
        if self.search.held() > admission::LARGE_BYTES && self.large.is_none() {
            let place = timeout(BLOCK_WAIT, self.context.admission.large());
            self.large = Some(place.await.map_err(|_| ReadFailure::Starved)?);
        }
        Ok(())
    }

    /// Lets others go first, where this answer has worked for long and no read made it wait.
    async fn take_turns(&mut self) {
        if !self.readahead.take_waited() && self.worked_since.elapsed() >= TURN {
            self.context.engine.pause().await;
            self.worked_since = Instant::now();
        } else if self.worked_since.elapsed() >= TURN {
            self.worked_since = Instant::now();
        }
        self.is_overdue = self.ending.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    }

    /// The verdict once the records are out: complete, unless the file has become shorter
    /// than it was, so that some of them may have been somebody else's bytes. One block alone
    /// is that of the file's end, which was there when it was read.
    fn verdict(&self) -> Verdict {
        let verdict = self.tally(Status::Complete);
        if self.blocks <= 1 {
            return verdict;
        }
        match self.readahead.file().size() {
            Ok(now) if now < self.size => self.failed(&ReadFailure::Shrunk { offset: now }),
            _ => verdict,
        }
    }

    fn fail(&mut self, failure: &ReadFailure) {
        tracing::warn!(file = %self.name, %failure, "an answer is incomplete");
        self.end(self.failed(failure));
    }

    /// The records are out; what is left of the answer needs no block.
    fn end(&mut self, verdict: Verdict) {
        self.park();
        self.phase = Phase::Ended(match &self.encoding {
            Encoding::Framed(framing) => framing.end(verdict, &mut self.frame),
            Encoding::Plain(_) => verdict,
        });
    }

    fn failed(&self, failure: &ReadFailure) -> Verdict {
        let code = match failure {
            ReadFailure::Io { .. } | ReadFailure::Hung { .. } => Code::IoError.as_str(),
            ReadFailure::Shrunk { .. } => FILE_SHRUNK,
            ReadFailure::Starved => Code::Overloaded.as_str(),
        };
        self.cut_short(code, &failure.to_string())
    }

    fn cut_short(&self, code: &str, why: &str) -> Verdict {
        let detail = format!("{}: {why}: ask again", self.name);
        Verdict { error: Some(Failure { code: code.to_owned(), detail }), ..self.tally(Status::Failed) }
    }

    fn tally(&self, status: Status) -> Verdict {
        let summary = self.search.summary();
        Verdict {
            lines: summary.lines,
            bytes_scanned: summary.bytes_scanned,
            truncated_lines: summary.truncated_lines,
            ..Verdict::new(status)
        }
    }
}

/// The verdict's code where the time that the primary gave is over.
const DEADLINE: &str = Code::UpstreamTimeout.as_str();

/// The verdict's code for a file that was truncated while it was read.
const FILE_SHRUNK: &str = "file_shrunk";

fn code_of(code: &str) -> Code {
    [Code::Overloaded, Code::UpstreamTimeout]
        .into_iter()
        .find(|known| known.as_str() == code)
        .unwrap_or(Code::IoError)
}
