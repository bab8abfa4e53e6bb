//! One answer of `/logs` as a body: readahead, scan and encoding, pulled by the client.

mod ending;
pub(crate) mod long;

use crate::frame::{self, Frames};
use crate::framing::Framing;
use crate::lookback::look_back;
use crate::read::admission::{self, Admission};
use crate::read::block::Block;
use crate::read::{Engine, Fed, InodeState, ReadFailure, Readahead, SecondLook};
use backscroll_shared::query::FileName;
use backscroll_shared::scan::{Search, Step};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Encoder, Format, ndjson};
use bytes::Bytes;
use http_body::Frame;
use long::{Long, Looked, Part, Room};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

pub use ending::{Ending, Incomplete};

/// How long one answer may work before everybody else on the thread gets a turn.
pub(crate) const TURN: Duration = Duration::from_micros(100);

/// How long a client may take over a frame until it is taken for a slow one, whose blocks
/// are given back after each frame and read again for the next.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

/// How long a line that is long waits for its place. Places are not held while a client is
/// waited for, so it takes no longer than others need to read.
const LARGE_WAIT: Duration = Duration::from_mins(1);

/// How the records are written.
#[derive(Debug)]
pub enum Encoding {
    /// For the one who asks.
    Plain(Encoder),
    /// For a primary that merges them.
    Framed(Box<Framing>),
}

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
    look: SecondLook,
    /// Whether the client was given time since the last look at the file.
    is_look_due: bool,
    tail: Tail,
    search: Search<Block>,
    readahead: Readahead<E::File>,
    encoding: Encoding,
    ending: Ending,
    is_overdue: bool,
    frame: Vec<u8>,
    /// The record that leaves in pieces, if one does.
    long: Option<Long>,
    phase: Phase,
    worked_since: Instant,
    delivered: Delivered,
    /// Held while much is held of a line or a record, and never while the client is waited for.
    large: Option<OwnedSemaphorePermit>,
}

/// What ends the frames of an answer to a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tail {
    /// Nothing that is still to be written.
    Written,
    /// The last frame is.
    Due,
    /// They end within a record, so that nothing can follow.
    BrokenOff,
}

/// What has left so far.
#[derive(Debug, Default)]
struct Delivered {
    /// When the last frame was handed out; None before the first.
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
    /// The records are out; the last object is next.
    Ended(Verdict),
    /// Trailers, or the cut, are next.
    Closing(Verdict),
    Over,
}

impl<E: Engine> LogStream<E> {
    /// An answer about `name`, a file of which `opened` was said when it was opened.
    pub fn new(
        context: Context<E>,
        name: FileName,
        opened: InodeState,
        search: Search<Block>,
        readahead: Readahead<E::File>,
        encoding: Encoding,
        ending: Ending,
    ) -> LogStream<E> {
        LogStream {
            context,
            name,
            look: SecondLook::new(opened),
            is_look_due: false,
            tail: Tail::Written,
            search,
            readahead,
            encoding,
            ending,
            is_overdue: false,
            frame: Vec::new(),
            long: None,
            phase: Phase::Searching,
            worked_since: Instant::now(),
            delivered: Delivered::default(),
            large: None,
        }
    }

    /// Goes on until there is something to send. A failure before that is a problem with a
    /// status of its own, and so is one after which what was found may be no line of the file.
    /// May be dropped and called again.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        self.fill_checked().await;
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
        self.delivered.keeps_up = self.delivered.at.is_some_and(|at| at.elapsed() < PATIENCE);
        if self.delivered.at.is_some() && !self.delivered.keeps_up {
            // What was read before may be another file's by now.
            self.readahead.slow_down();
            self.park();
        }
        self.fill_checked().await;
        if !self.frame.is_empty() {
            self.note_delivery();
            // It may be long until a slow client takes the next one. A fast one may turn slow, so it
            // keeps no large place that others wait for.
            let is_waited_for = self.large.is_some() && self.context.admission.is_large_waited_for();
            if !self.delivered.keeps_up || is_waited_for {
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
            Phase::Ended(verdict) if self.ending.browser && verdict.status != Status::Complete => {
                // Its own line, also after half of one.
                let mut line = if matches!(self.tail, Tail::BrokenOff) { b"\n".to_vec() } else { Vec::new() };
                line.extend_from_slice(&verdict.last_line());
                self.phase = Phase::Closing(verdict);
                Some(Ok(Frame::data(Bytes::from(line))))
            }
            Phase::Ended(verdict) | Phase::Closing(verdict) => self.close(&verdict),
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
        self.readahead.park();
        self.search.release();
        self.is_look_due = true;
        self.leave_large_place();
    }

    fn leave_large_place(&mut self) {
        if self.search.held() <= admission::LARGE_BYTES {
            self.large = None;
        }
    }

    /// Fills the frame. In a merge, nothing leaves that may be another file's: the primary may
    /// have all that it wants before this answer comes to its end.
    async fn fill_checked(&mut self) {
        self.fill().await;
        let Encoding::Framed(_) = self.encoding else { return };
        if !self.frame.is_empty() {
            self.make_room_for_another_block();
            if let Err(failure) = self.look.before_leaving(&self.readahead).await {
                self.take_back(&failure);
            }
        }
        self.write_progress();
        self.write_end();
    }

    /// Works until a frame is to be sent, or the records are out. Records leave as they are
    /// found: what a block has yielded is not held back for the next one.
    async fn fill(&mut self) {
        self.leave_large_place();
        self.take_turns().await;
        if let Err(failure) = self.look_again().await {
            return self.fail(&failure);
        }
        let full = self.context.frames.target(self.delivered.bytes, self.delivered.keeps_up);
        let room = Room { full, piece: frame::longest(full) };
        while matches!(self.phase, Phase::Searching) && self.frame.len() < full {
            if self.context.giving_up.get() {
                return self.end(self.cut_short(Code::Draining, "this secondary stops"));
            } else if self.is_overdue {
                return self.end(self.cut_short(Code::UpstreamTimeout, "the time for this request is over"));
            }
            self.context.frames.make_room(&mut self.frame, full);
            if let Err(failure) = self.settle(room).await {
                return self.fail(&failure);
            }
            if self.long.is_some() {
                if let Err(failure) = self.write_piece(room).await {
                    return self.fail(&failure);
                }
                continue;
            }
            if self.ending.format == Format::Text && self.search.take_lines(&mut self.frame, full, room.piece)
            {
                continue;
            }
            let is_worth_reading = self.search.has_older_lines() && self.search.remaining() != Some(1);
            match self.search.step() {
                Step::Record(record) if record.bytes.len() <= room.piece => match &mut self.encoding {
                    Encoding::Plain(encoder) => encoder.encode(&record, &mut self.frame),
                    Encoding::Framed(framing) => framing.record(&record, is_worth_reading, &mut self.frame),
                },
                Step::Record(record) => {
                    let looked = Looked::at(&mut self.encoding, &record, is_worth_reading);
                    let part = Part::of(&record);
                    self.begin_long(looked, part);
                }
                Step::Done => self.finish().await,
                Step::Working | Step::NeedBlock | Step::NeedAgain(_) if !self.frame.is_empty() => return,
                Step::Working => self.take_turns().await,
                Step::NeedBlock => {
                    self.take_turns().await;
                    if let Some(hole) = self.readahead.skip_hole() {
                        // It may be one because the file was emptied meanwhile.
                        self.look.has_read_more();
                        self.search.feed_hole(hole);
                        continue;
                    }
                    match self.find_a_large_place().await {
                        Ok(true) => {}
                        // It has given up what it held, and reads that again first.
                        Ok(false) => continue,
                        Err(failure) => return self.fail(&failure),
                    }
                    match self.readahead.next().await {
                        Ok(Some(fed)) => {
                            if let Encoding::Framed(framing) = &mut self.encoding {
                                framing.next_block(fed.1.as_ref(), &mut self.frame);
                            }
                            self.feed(fed);
                        }
                        Ok(None) => self.finish().await,
                        Err(failure) => self.fail(&failure),
                    }
                }
                Step::NeedAgain(span) => {
                    self.take_turns().await;
                    match self.readahead.again(span).await {
                        Ok(fed) => self.feed(fed),
                        Err(failure) => self.fail(&failure),
                    }
                }
            }
        }
    }

    /// Sees whether the file is still what it was, where it was left alone for some time: no
    /// line is to be made of two files.
    async fn look_again(&mut self) -> Result<(), ReadFailure> {
        if self.is_look_due && matches!(self.phase, Phase::Searching) {
            self.look.before_more(&self.readahead).await?;
        }
        self.is_look_due = false;
        Ok(())
    }

    /// Writes the record whose time had to be looked for in the lines before it, if there is
    /// one.
    async fn settle(&mut self, room: Room) -> Result<(), ReadFailure> {
        let Encoding::Framed(framing) = &mut self.encoding else { return Ok(()) };
        let Some(&Part { offset, .. }) = framing.pending() else { return Ok(()) };
        self.take_turns().await;
        self.make_room_for_another_block();
        let Encoding::Framed(framing) = &mut self.encoding else { return Ok(()) };
        self.look.has_read_more();
        // The look back may need a pass of its own. Who held one while waiting for another could
        // wait for ever: everybody else may do the same.
        self.readahead.give_up_pass();
        look_back(self.context.engine, &self.readahead, framing.stamps(), offset).await?;
        self.long = framing.settle(&mut self.frame).map(Long::framed);
        self.context.frames.make_room(&mut self.frame, room.full);
        Ok(())
    }

    /// Gives back the blocks of this answer before another one is read, where few are left:
    /// two blocks for one answer could be waited for by everybody at once.
    fn make_room_for_another_block(&mut self) {
        if !self.readahead.has_room() {
            self.park();
        }
    }

    fn feed(&mut self, (span, block, hits): Fed) {
        if self.readahead.take_torn() {
            self.look.has_read_more();
        }
        self.look.take(span, block.as_ref());
        match hits {
            Some(hits) => self.search.feed_matched(span, block, hits),
            None => self.search.feed(span, block),
        }
    }

    /// A line that grows past what everybody may hold needs a place among few. Where there is
    /// none it waits for one, and holds nothing meanwhile: false then.
    async fn find_a_large_place(&mut self) -> Result<bool, ReadFailure> {
        if self.search.held() <= admission::LARGE_BYTES || self.large.is_some() {
            return Ok(true);
        }
        self.large = self.context.admission.try_large();
        if self.large.is_some() {
            return Ok(true);
        }
        self.park();
        self.readahead.has_waited();
        let place = timeout(LARGE_WAIT, self.context.admission.large());
        self.large = Some(place.await.map_err(|_| ReadFailure::Starved)?);
        Ok(false)
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
}
