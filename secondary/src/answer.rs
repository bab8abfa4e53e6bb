//! One answer of `/logs` as an HTTP body. The client pulls it: when the client stops reading, so
//! does the answer.
//!
//! ```text
//! source ──► search ──► encoding ──► chunk ──► body ──► socket
//! The answer paces and parks its producer by how fast the client reads, and ends with the verdict.
//! ```
//!
//! - `producer` fills a buffer with records, from a source of blocks and a search. `encoding`
//!   writes each record: `frame_writer` for a primary that merges, `long` in pieces. `part` says
//!   which part of the file a record is.
//! - `range` finds where a time range lies in the file, and judges records.
//! - [`look_back`] reads the lines before a record that has no time of its own. [`second_look`]
//!   checks that the file still holds the bytes that were read.
//! - `context` is what answers share, `delivered` what one has sent. `turns` lets the other tasks of
//!   a thread run. [`chunks`] holds the buffers that are sent.
//! - [`cursors`] and `continuing` say where other answers continue.
//! - `halting` ends an answer before all its records are out.
//! - `ending` writes the verdict in the form that the client understands, `notices` what is worth
//!   knowing beside it.

pub mod chunks;
mod context;
mod continuing;
pub mod cursors;
mod delivered;
mod encoding;
mod ending;
pub mod frame_writer;
mod halting;
pub mod log_source;
mod long;
pub mod look_back;
mod notices;
mod part;
mod producer;
mod range;
pub mod second_look;
mod turns;

pub use context::Context;
pub use encoding::Encoding;
pub use ending::{Cut, Ending};
pub use range::Ranged;

use crate::read::block::Block;
use crate::read::meter::Meter;
use crate::read::{Engine, InodeState};
use crate::rotated::Rotated;
use backscroll_shared::conn::exchange::{Exchange, Steps};
use backscroll_shared::query::FileName;
use backscroll_shared::scan::Search;
use backscroll_shared::wire::Format;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::notice::Notice;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::Bytes;
use chunks::Chunks;
use cursors::Cursors;
use delivered::Delivered;
use ending::Tail;
use http_body::Frame;
use log_source::LogSource;
use long::Sizes;
use producer::{Producer, Progress, Reached};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::timeout_at;
use turns::{Halt, Turns};

/// A client that takes longer than this over a chunk counts as slow. A slow client's blocks are
/// given back after each chunk and read again for the next.
pub(crate) const PATIENCE: Duration = Duration::from_millis(20);

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
    /// When the search ended.
    scanned: Option<Instant>,
    /// Who keeps a record of the request.
    exchange: Option<Arc<Exchange>>,
    meter: Meter,
    /// What is worth knowing beside the verdict of a complete answer.
    notices: Vec<Notice>,
    /// Where rotated members of the file are looked for. None once that is done.
    rotated: Option<Rotated>,
    /// What its cursors are made of, if the client gets any, and how far its records have come.
    cursors: Option<Box<Cursors>>,
    reached: Option<Reached>,
}

#[derive(Debug)]
enum Phase {
    Searching,
    /// The search has ended with this verdict. Rotated members are looked for next.
    Looking(Verdict),
    /// All records are written. The end of the body is next.
    Ended(Verdict),
    /// The body is complete. Trailers, or the cut, are next.
    Closing(Verdict),
    Over,
}

impl<E: Engine, S: LogSource> Answer<E, S> {
    /// An answer about the file `name`. `opened` is the state of its inode when it was opened.
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
        debug_assert_eq!(matches!(encoding, Encoding::Framed(_)), ending.format == Format::Frames);
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
            scanned: None,
            exchange: None,
            meter: Meter::default(),
            notices: Vec::new(),
            rotated: None,
            cursors: None,
            reached: None,
        }
    }

    /// From now on the search is not refused, however many others wait.
    pub fn keep_place(&mut self) {
        self.producer.keep_place();
    }

    /// Sets who keeps a record of the request, and what counts the answers about truncated files.
    pub fn seen_by(&mut self, exchange: Option<Arc<Exchange>>, meter: Meter) {
        (self.exchange, self.meter) = (exchange, meter);
    }

    /// Only records in this range are wanted.
    pub fn set_range(&mut self, range: Ranged) {
        self.producer.set_range(Box::new(range));
    }

    /// Notes the verdict with which the answer ends.
    fn note(&self, verdict: &Verdict) {
        if let Some(exchange) = &self.exchange {
            exchange.note_first_record();
            exchange.note_verdict(verdict);
        }
    }

    /// Works until there is something to send. An error before that becomes a problem with its own
    /// HTTP status. So does a truncated file, even if records were found: they may not be lines of
    /// the file. May be dropped and called again.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        self.fill().await;
        match &self.phase {
            Phase::Ended(Verdict { lines, error: Some(failure), .. })
                // The client gets a cursor for the time that it gave.
                if failure.code != Code::Timeout && *lines == 0 || failure.code == Code::FileShrunk =>
            {
                // Only a verdict has the code `file_shrunk`. In a problem, before the first byte,
                // it is `io_error`.
                let code = failure.code.for_problem().unwrap_or(Code::IoError);
                Err(Problem::new(code, failure.detail.clone()))
            }
            _ => Ok(()),
        }
    }

    /// The whole body, if the answer is complete, fits its first chunk, and the client reads no
    /// trailers. The length is then known, so the response needs no stream.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match &self.phase {
            Phase::Ended(verdict) if verdict.error.is_none() && !self.ending.trailers => {
                let mut whole = std::mem::take(&mut self.out);
                whole.extend(self.ending.last_bytes(verdict, self.tail).unwrap_or_default());
                self.note(verdict);
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
            // While the client was slow, the file may have been replaced by other content.
            self.producer.slow_down();
        }
        self.fill().await;
        if !self.out.is_empty() {
            self.note_delivery();
            // A slow client may take long to ask for the next chunk. A fast one may become slow, so
            // it keeps no permit that others wait for.
            if !self.delivered.keeps_up || self.producer.is_large_waited_for() {
                self.producer.park();
            }
            return Some(Ok(Frame::data(self.chunks.seal(std::mem::take(&mut self.out)))));
        }
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ended(verdict) => {
                self.note(&verdict);
                match self.ending.last_bytes(&verdict, self.tail) {
                    Some(bytes) => {
                        self.phase = Phase::Closing(verdict);
                        Some(Ok(Frame::data(Bytes::from(bytes))))
                    }
                    None => self.ending.close(&verdict, self.tail),
                }
            }
            Phase::Closing(verdict) => self.ending.close(&verdict, self.tail),
            Phase::Searching | Phase::Looking(_) | Phase::Over => None,
        }
    }

    /// The file that is searched.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Gives back every block, and what is held of long lines and records, because the client does
    /// not read. They are read again when it does.
    pub fn park(&mut self) {
        self.producer.park();
    }

    /// Fills the chunk. Before a chunk leaves for a merge, checks that the file has not changed
    /// under it.
    async fn fill(&mut self) {
        if matches!(self.phase, Phase::Searching) {
            let timeout = self.producer.turns.timeout();
            let chunk = self.chunks.target(self.delivered.bytes, self.delivered.keeps_up);
            let sizes = Sizes { chunk, piece: chunks::longest(chunk) };
            let fill = self.producer.fill(&mut self.out, sizes);
            let filled = match timeout {
                None => fill.await,
                // The disk may not answer within that time.
                Some(at) => timeout_at(at.into(), fill).await.unwrap_or(Err(Halt::TimedOut)),
            };
            match filled {
                Ok(Progress::More) => {}
                Ok(Progress::Done) => self.phase = Phase::Looking(self.producer.tally(Status::Complete)),
                Err(halt) => self.halt(&halt),
            }
        }
        if matches!(self.phase, Phase::Looking(_)) {
            self.look_for_rotated().await;
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

    /// Ends the answer. What is left to send needs no block.
    fn end(&mut self, mut verdict: Verdict) {
        // Only a trace tells it, and to read the clock costs something.
        let is_recorded = self.exchange.as_ref().is_some_and(|exchange| exchange.trace.is_recorded);
        self.scanned = is_recorded.then(Instant::now);
        self.note_cursors(&mut verdict);
        self.producer.park();
        // The rest of the record that is being written will not be sent.
        self.tail = if self.producer.is_within_record() {
            self.out.extend_from_slice(self.ending.end_of_cut_record());
            Tail::BrokenOff
        } else {
            Tail::Due
        };
        self.producer.drop_record();
        self.phase = Phase::Ended(verdict);
    }

    /// Notes what has been sent, including the chunk that is about to leave.
    fn note_delivery(&mut self) {
        let tally = self.producer.tally(Status::Complete);
        if self.delivered.at.is_none() {
            self.producer.keep_place();
            if let Some(exchange) = &self.exchange {
                exchange.note_first_record();
            }
        }
        self.delivered.at = Some(Instant::now());
        self.delivered.bytes += self.out.len() as u64;
        self.delivered.lines = tally.lines;
        self.delivered.truncated_lines = tally.truncated_lines;
        self.delivered.ends_within_record = self.producer.is_within_record();
    }

    /// Writes the last frame of an answer to a merge, once the verdict is known.
    fn write_end(&mut self) {
        if self.is_unidentified() {
            return;
        }
        if let (Some(frames), Phase::Ended(verdict), Tail::Due) =
            (self.producer.frames(), &mut self.phase, self.tail)
        {
            *verdict = frames.end(verdict.clone(), &mut self.out);
            self.tail = Tail::Written;
        }
    }
}

impl<E, S> Drop for Answer<E, S> {
    /// Notes what the search has done, also if the client has left.
    fn drop(&mut self) {
        let Some(exchange) = &self.exchange else { return };
        let (first_block, blocks, bytes_scanned) = self.producer.searched();
        exchange.note(|noted| {
            noted.steps = Steps { first_block, blocks, scanned: self.scanned, ..noted.steps };
            if noted.verdict.is_none() {
                noted.bytes_scanned = bytes_scanned;
            }
        });
    }
}
