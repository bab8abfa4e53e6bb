//! Several hosts' records as one answer, newest first.
//!
//! ```text
//! hosts ──► source × N ──► merge ──► write ──► body
//!           one question,  newest    text or   pulled by
//!           frames, one    of all    NDJSON    the client
//!           piece held               verdict
//! ```
//!
//! A host is read on only once what it has sent is out, so each holds at most one piece of
//! its answer here, and the client's reading is the only pump. Once `n` records are out
//! every host is dropped, which stops its reading.

pub mod ending;
pub mod late;
pub mod listing;
mod long;
pub mod merge;
pub mod source;
mod twins;
pub mod verdict;
pub mod write;

use crate::fleet::Host;
use crate::upstream::{Places, Upstream};
use backscroll_shared::query::{LogQuery, OnError};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Format, frames::Framed};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use http::Method;
use late::Lateness;
use merge::Merge;
use source::{Event, Question, Source};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};
use twins::Twins;
use write::Writer;

/// Hosts that are asked at once by one request: a burst that a switch and a connection
/// tracker take, and few enough rounds that some hosts which hang do not hold up the rest.
pub const ASKED_AT_ONCE: usize = 256;

/// Bytes that are collected before they leave, give or take one record. A thousand clients
/// that do not read hold up to three times as much each.
const CHUNK_BYTES: usize = 16 << 10;

/// The same of a record that is written in parts.
const LONG_CHUNK_BYTES: usize = 8 << 10;

/// The same once a client has taken [`LARGE_FROM`] bytes.
const LARGE_CHUNK_BYTES: usize = 32 << 10;
const LARGE_FROM: u64 = 1 << 20;

/// Room beyond that for the last record: most are shorter.
const SPARE_BYTES: usize = 1 << 10;

/// Bytes of a short answer, for which no more room is made.
const SHORT_BYTES: usize = 4 << 10;

/// How long the answer's head waits for the first record once every host has begun to
/// answer: whoever asked is to know that it is being worked on.
const FIRST_RECORD_WAIT: Duration = Duration::from_secs(1);

/// How often it is looked at whether they have.
const LOOK_TIME: Duration = Duration::from_millis(100);

type Pull = Pin<Box<dyn Future<Output = (Box<Source>, Event)> + Send>>;

/// What the client asked for, as far as it shapes the answer.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// How the records are written.
    pub format: Format,
    /// What becomes of an answer that is incomplete.
    pub on_error: OnError,
    /// Whether the client reads the verdict from trailers.
    pub trailers: bool,
    /// Whether the client is a browser that gets text.
    pub browser: bool,
    /// Records at most.
    pub n: Option<u64>,
    /// When the answer is to have ended.
    pub deadline: Instant,
}

/// One answer of several hosts.
pub struct Fanout {
    wish: Wish,
    file: String,
    writer: Writer,
    merge: Merge<(Box<Source>, Framed)>,
    pulls: FuturesUnordered<Pull>,
    /// A long record whose turn it is, and one that is being written.
    assembly: Option<long::Assembly>,
    written: Option<long::Written>,
    question: Arc<Question>,
    names: Vec<String>,
    lateness: Lateness,
    twins: Twins,
    /// What each host has delivered, and its verdict once it has ended.
    verdicts: BTreeMap<String, Verdict>,
    /// The verdicts on what could not be asked. Apart, so that no host of the same name hides
    /// one of them.
    missing: BTreeMap<String, Verdict>,
    delivered: Vec<Delivered>,
    out: Vec<u8>,
    /// Bytes that have left.
    left: u64,
    records: u64,
    state: State,
    /// Hosts that the answer's head names as failed.
    told: usize,
    /// Whether it has ended within a record.
    is_in_record: bool,
}

/// What a host has delivered.
#[derive(Debug, Clone, Copy, Default)]
struct Delivered {
    lines: u64,
    truncated_lines: u64,
    /// Where its newest record ends, and its oldest one begins.
    end: u64,
    offset: u64,
}

impl Delivered {
    /// A record came.
    fn came(&mut self, framed: &Framed) {
        if self.end == 0 {
            self.end = framed.offset.saturating_add(framed.bytes.len() as u64 + 1);
        }
        self.offset = framed.offset;
    }

    /// Bytes of its file that the host has looked at, where it has not said so: at least those
    /// of its records and between them.
    fn bytes_scanned(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }
}

#[derive(Debug)]
enum State {
    Merging,
    /// The records are out.
    Ended(Verdict),
    Over,
}

impl Fanout {
    /// Asks `hosts`, for all of which there are `places`.
    pub fn new(
        upstream: &Upstream,
        hosts: Vec<Arc<Host>>,
        places: Places,
        method: Method,
        query: &LogQuery,
        wish: Wish,
    ) -> Fanout {
        let file = query.filename.to_string();
        let question = Arc::new(Question {
            method,
            target: format!("/logs?{}", query.for_secondary()),
            deadline: wish.deadline,
            turns: Semaphore::new(ASKED_AT_ONCE),
            places,
            silent: AtomicUsize::new(hosts.len()),
        });
        let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let writer = Writer::new(wish.format, &hosts, query.filename.as_bytes());
        let merge = Merge::new(hosts.len());
        let twins = Twins::new(hosts.iter().map(|host| host.is_given));
        let pulls = FuturesUnordered::new();
        for (index, host) in hosts.into_iter().enumerate() {
            let source = Source::new(index, host, Arc::clone(&question), upstream.clone());
            pulls.push(Box::pin(Box::new(source).pull()) as Pull);
        }
        Fanout {
            wish,
            file,
            writer,
            merge,
            pulls,
            assembly: None,
            written: None,
            question,
            lateness: Lateness::new(wish.deadline, names.len()),
            twins,
            delivered: vec![Delivered::default(); names.len()],
            names,
            verdicts: BTreeMap::new(),
            missing: BTreeMap::new(),
            out: Vec::new(),
            left: 0,
            records: 0,
            state: State::Merging,
            told: 0,
            is_in_record: false,
        }
    }

    /// Says of what belongs to the fleet, and could not be asked, that its records are missing.
    pub fn misses(&mut self, missing: &BTreeMap<String, String>) {
        self.missing.extend(verdict::missing(missing));
    }

    fn asked(&self) -> verdict::Asked {
        verdict::Asked { hosts: self.twins.len(), sources: self.missing.len() }
    }

    /// All verdicts so far.
    fn all_verdicts(&self) -> BTreeMap<String, Verdict> {
        let mut all = self.verdicts.clone();
        all.extend(self.missing.clone());
        all
    }

    /// Goes on until there is something to send, or until every host has begun to answer and
    /// the first record has been waited for. What is known to be wrong then is a problem with
    /// a status of its own.
    pub async fn prime(&mut self) -> Result<(), Problem> {
        let mut waited = Duration::ZERO;
        while waited < FIRST_RECORD_WAIT && timeout(LOOK_TIME, self.fill()).await.is_err() {
            if self.question.silent.load(Relaxed) == 0 {
                waited += LOOK_TIME;
            }
        }
        if self.records > 0 && self.wish.on_error != OnError::Fail {
            return Ok(());
        }
        let is_over = !matches!(self.state, State::Merging);
        let verdicts = self.all_verdicts();
        let is_doomed = self.wish.on_error == OnError::Fail && verdicts.values().any(Verdict::is_failure);
        if !(is_over || is_doomed) {
            return Ok(());
        }
        verdict::problem(&verdicts, self.asked(), self.wish.on_error, &self.file).map_or(Ok(()), Err)
    }

    /// Works until there is something to send, or the records are out. What has been merged
    /// leaves at once where the next record has to be waited for.
    async fn fill(&mut self) {
        while matches!(self.state, State::Merging) {
            self.write_merged();
            if !matches!(self.state, State::Merging) || self.out.len() >= self.chunk_bytes() {
                return;
            }
            if self.assembly.is_some() {
                if !self.out.is_empty() {
                    return;
                }
                self.assemble().await;
                continue;
            }
            let pulled = if self.out.is_empty() {
                timeout_at(self.lateness.next_look(), self.pulls.next()).await
            } else {
                match self.pulls.next().now_or_never() {
                    Some(pulled) => Ok(pulled),
                    None => return,
                }
            };
            match pulled {
                Ok(Some((source, _))) if self.is_left(source.index) => {}
                Ok(Some((source, event))) => {
                    let is_mark = matches!(event, Event::Mark(_));
                    self.take(source, event);
                    // Marks alone do not keep the records of the others waiting.
                    if is_mark && self.lateness.is_due() {
                        self.late();
                    }
                }
                Ok(None) => self.end(),
                Err(_) => self.late(),
            }
        }
    }

    /// Writes what nothing newer can come before.
    fn write_merged(&mut self) {
        while self.out.len() < self.chunk_bytes() && matches!(self.state, State::Merging) {
            if self.written.is_some() {
                self.go_on_writing();
                continue;
            }
            if self.assembly.is_some() {
                return;
            }
            if self.wish.n == Some(self.records) && !self.is_only_asking() {
                return self.stop();
            }
            let Some((index, (source, framed))) = self.merge.pop() else { break };
            if self.is_left(index) {
                self.merge.over(index);
                continue;
            }
            let Some((source, framed)) = self.take_long(index, source, framed) else { continue };
            self.make_room();
            self.writer.write(index, &framed, &mut self.out);
            self.is_written(index, source, &framed);
        }
        if self.merge.is_over() && matches!(self.state, State::Merging) {
            self.end();
        }
    }

    /// Bytes that are collected before they leave.
    fn chunk_bytes(&self) -> usize {
        match self.left {
            LARGE_FROM.. => LARGE_CHUNK_BYTES,
            _ if self.written.is_some() => LONG_CHUNK_BYTES,
            _ => CHUNK_BYTES,
        }
    }

    /// Makes room for what leaves next in one step: a buffer that doubles is twice as large as
    /// what is in it.
    fn make_room(&mut self) {
        let (len, room) = (self.out.len(), self.chunk_bytes() + SPARE_BYTES);
        if len > SHORT_BYTES && self.out.capacity() < room {
            self.out.reserve_exact(room - len);
        }
    }

    /// A record of this host is out, or in what leaves next.
    fn is_written(&mut self, index: usize, mut source: Box<Source>, framed: &Framed) {
        self.records += 1;
        let delivered = &mut self.delivered[index];
        // What a host says of them may be anything.
        delivered.lines = delivered.lines.saturating_add(framed.lines);
        delivered.truncated_lines = delivered.truncated_lines.saturating_add(framed.truncated_lines);
        match source.next_at_hand() {
            Some(event) => self.take(source, event),
            None => self.pulls.push(Box::pin(source.pull())),
        }
    }

    /// Whether what still comes of a host is nothing to the answer: it was late, or it is
    /// another one of the hosts.
    fn is_left(&self, index: usize) -> bool {
        self.lateness.is_left(index) || self.twins.is_left(index)
    }

    /// Whether no record is wanted at all: then each host says whether it has the file.
    fn is_only_asking(&self) -> bool {
        self.wish.n == Some(0)
    }

    fn take(&mut self, mut source: Box<Source>, event: Event) {
        let index = source.index;
        if let Some(instance) = source.instance.take() {
            let has_refused = matches!(&event, Event::Ended(verdict) if verdict.status != Status::Complete);
            if let Some(twin) = self.twins.meet(index, instance, has_refused) {
                tracing::debug!(host = self.names[twin], "another name of a host that is asked: left");
                self.merge.over(twin);
                self.verdicts.remove(&self.names[twin]);
                if twin == index {
                    return;
                }
            }
        }
        match event {
            Event::Record(_) if self.is_only_asking() => {
                let ended =
                    source.failed(Code::UpstreamUnreachable, "sent records where none were asked for");
                self.take(source, ended);
            }
            Event::Record(framed) => {
                self.delivered[index].came(&framed);
                self.merge.offer(index, framed.stamp.map(|s| s.nanos), (source, framed));
            }
            Event::Mark(nanos) => {
                self.merge.mark(index, nanos);
                self.pulls.push(Box::pin(source.pull()));
            }
            Event::Ended(verdict) => {
                self.merge.over(index);
                let is_last = verdict.is_failure() && self.wish.on_error == OnError::Fail;
                self.verdicts.insert(source.name().to_owned(), verdict);
                if is_last {
                    self.end();
                }
            }
        }
    }
}
