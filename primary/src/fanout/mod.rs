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
pub mod merge;
pub mod source;
mod twins;
pub mod verdict;
pub mod write;

use crate::fleet::Host;
use crate::upstream::Upstream;
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

/// Bytes that are collected before they leave, give or take one record.
const CHUNK_BYTES: usize = 32 << 10;

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
    records: u64,
    state: State,
    /// Hosts that the answer's head names as failed.
    told: usize,
}

/// What a host has delivered.
#[derive(Debug, Clone, Copy, Default)]
struct Delivered {
    lines: u64,
    truncated_lines: u64,
}

#[derive(Debug)]
enum State {
    Merging,
    /// The records are out.
    Ended(Verdict),
    Over,
}

impl Fanout {
    /// Asks `hosts`.
    pub fn new(
        upstream: &Upstream,
        hosts: Vec<Arc<Host>>,
        method: Method,
        query: &LogQuery,
        wish: Wish,
    ) -> Fanout {
        let file = query.filename.to_string();
        let question = Arc::new(Question {
            method,
            target: format!("/logs?{}", query.for_secondary()),
            deadline: wish.deadline,
            places: Semaphore::new(ASKED_AT_ONCE),
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
            question,
            lateness: Lateness::new(wish.deadline, names.len()),
            twins,
            delivered: vec![Delivered::default(); names.len()],
            names,
            verdicts: BTreeMap::new(),
            missing: BTreeMap::new(),
            out: Vec::new(),
            records: 0,
            state: State::Merging,
            told: 0,
        }
    }

    /// Says of what belongs to the fleet, and could not be asked, that its records are missing.
    pub fn misses(&mut self, missing: &BTreeMap<String, String>) {
        self.missing.extend(verdict::missing(missing));
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
        verdict::problem(&verdicts, self.twins.len(), self.wish.on_error, &self.file).map_or(Ok(()), Err)
    }

    /// Works until there is something to send, or the records are out. What has been merged
    /// leaves at once where the next record has to be waited for.
    async fn fill(&mut self) {
        while matches!(self.state, State::Merging) {
            self.write_merged();
            if !matches!(self.state, State::Merging) || self.out.len() >= CHUNK_BYTES {
                return;
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
        while self.out.len() < CHUNK_BYTES && matches!(self.state, State::Merging) {
            if self.wish.n == Some(self.records) && !self.is_only_asking() {
                return self.stop();
            }
            let Some((index, (mut source, framed))) = self.merge.pop() else { break };
            if self.is_left(index) {
                self.merge.over(index);
                continue;
            }
            self.writer.write(index, &framed, &mut self.out);
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
        if self.merge.is_over() && matches!(self.state, State::Merging) {
            self.end();
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
            Event::Record(framed) => self.merge.offer(index, framed.stamp.map(|s| s.nanos), (source, framed)),
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
