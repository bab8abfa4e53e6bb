//! One answer of several hosts: all that it holds.

use super::lateness::Lateness;
use super::merge::Merge;
use super::positions::Positions;
use super::source::{ASKED_AT_ONCE, Event, Question, Source};
use super::twins::Twins;
use super::verdict::{self, Asked};
use super::write::{Cursor, Writer};
use crate::answer::{Options, TimeLimit};
use crate::capacity::records::HeldRecord;
use crate::fleet::missing::Missing;
use crate::host::Host;
use crate::host::ask::Asking;
use crate::host::counts::Meter;
use crate::host::permits::Permits;
use crate::host::upstream::Upstream;
use crate::paging::WantedPaging;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::{LogQuery, OnError};
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::verdict::{HostsVisible, Verdict};
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Bytes of a chunk, give or take one record. A thousand clients that do not read hold up to three
/// times as much each.
const CHUNK_BYTES: usize = 16 << 10;

/// The same for a record that is written in parts.
const LONG_CHUNK_BYTES: usize = 8 << 10;

/// The same once a client has taken [`LARGE_FROM`] bytes.
const LARGE_CHUNK_BYTES: usize = 32 << 10;
const LARGE_FROM: u64 = 1 << 20;

/// Bytes of a chunk's buffer beyond that, for the last record: most are shorter.
pub(super) const SPARE_BYTES: usize = 1 << 10;

/// Up to so many bytes the buffer of a chunk grows by itself. Most answers are shorter.
const SHORT_BYTES: usize = 4 << 10;

/// The next event of a host, with the host.
pub(super) type Pull = Pin<Box<dyn Future<Output = (Box<Source>, Event)> + Send>>;

/// One answer of several hosts.
pub struct Fanout {
    pub(super) options: Options,
    /// What becomes of an answer that is incomplete.
    pub(super) on_error: OnError,
    /// Records at most.
    pub(super) n: Option<u64>,
    /// When the answer is to have ended.
    pub(super) deadline: Instant,
    /// The name of the file.
    pub(super) file: String,
    pub(super) writer: Writer,
    pub(super) merge: Merge<(Box<Source>, Framed)>,
    pub(super) pulls: FuturesUnordered<Pull>,
    /// A long record whose turn it is, and whose bytes are still to come.
    pub(super) assembly: Option<Assembly>,
    /// A long record that is being written.
    pub(super) written: Option<Written>,
    pub(super) question: Arc<Question>,
    /// The names of the hosts.
    pub(super) names: Vec<String>,
    pub(super) lateness: Lateness,
    /// Since when the merge waits for the next bytes of any host.
    pub(super) waits_since: Option<std::time::Instant>,
    pub(super) meter: Meter,
    pub(super) twins: Twins,
    /// The verdict on each host that has ended.
    pub(super) verdicts: BTreeMap<String, Verdict>,
    /// What is missing from the fleet. Kept apart, so that a host of the same name does not hide a
    /// part of it.
    pub(super) missing: Arc<Missing>,
    /// What each host has delivered.
    pub(super) delivered: Vec<Delivered>,
    /// The next chunk.
    pub(super) out: Vec<u8>,
    /// Bytes that have left.
    pub(super) left: u64,
    /// Records that are written.
    pub(super) records: u64,
    pub(super) phase: Phase,
    /// Who keeps a record of the request.
    pub(super) exchange: Option<Arc<Exchange>>,
    /// Whether the client sees only a part of the fleet that it asks.
    pub(super) hosts_visible: Option<HostsVisible>,
    /// How many hosts the answer's head names as failed.
    pub(super) failed_in_head: usize,
    /// Whether the answer ends within a record.
    pub(super) is_in_record: bool,
    /// How far each host has got, if the verdict can carry cursors.
    pub(super) positions: Option<Positions>,
    /// The time that the client gives.
    pub(super) limit: Option<TimeLimit>,
    /// Whether a host has ended because that time was over.
    pub(super) is_out_of_time: bool,
}

/// How far the answer is.
#[derive(Debug)]
pub(super) enum Phase {
    /// Records are merged.
    Merging,
    /// All records are written.
    Ended(Box<Verdict>),
    /// The end has left.
    Over,
}

/// A long record whose bytes are still to come.
pub(super) struct Assembly {
    pub(super) index: usize,
    pub(super) framed: Framed,
    #[expect(clippy::type_complexity, reason = "what `Source::assemble` gives")]
    pub(super) future: Pin<Box<dyn Future<Output = (Box<Source>, Result<HeldRecord, Event>)> + Send>>,
}

/// A record that is written in parts.
pub(super) struct Written {
    pub(super) index: usize,
    pub(super) source: Box<Source>,
    pub(super) framed: Framed,
    pub(super) cursor: Cursor,
    /// What holds its bytes, if they came in parts.
    pub(super) record: Option<HeldRecord>,
}

/// What a host has delivered.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Delivered {
    pub(super) lines: u64,
    pub(super) truncated_lines: u64,
    /// Where its newest record ends, and its oldest one begins.
    end: u64,
    offset: u64,
}

impl Delivered {
    /// Counts a record that came.
    pub(super) fn came(&mut self, framed: &Framed) {
        if self.end == 0 {
            self.end = framed.offset.saturating_add(framed.bytes.len() as u64 + 1);
        }
        self.offset = framed.offset;
    }

    /// Bytes of its file that the host has read at least, if it does not say so itself: those of its
    /// records and those between them.
    pub(super) fn bytes_scanned(&self) -> u64 {
        self.end.saturating_sub(self.offset)
    }
}

impl Fanout {
    /// Asks `hosts`, for which the request has `permits`.
    pub fn new(
        upstream: &Upstream,
        hosts: Vec<Arc<Host>>,
        permits: Permits,
        asking: Asking,
        query: &LogQuery,
        options: Options,
    ) -> Fanout {
        let deadline = asking.deadline;
        let question = Arc::new(Question {
            asking,
            turns: Semaphore::new(ASKED_AT_ONCE),
            permits,
            silent: AtomicUsize::new(hosts.len()),
        });
        let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
        let writer = Writer::new(options.format, &hosts, query.filename.as_bytes());
        let merge = Merge::new(hosts.len());
        let twins = Twins::new(hosts.iter().map(|host| host.is_given));
        let pulls = FuturesUnordered::new();
        for (index, host) in hosts.into_iter().enumerate() {
            let source = Source::new(index, host, Arc::clone(&question), upstream.clone());
            pulls.push(Box::pin(Box::new(source).pull()) as Pull);
        }
        Fanout {
            options,
            on_error: query.on_error,
            n: query.n,
            deadline,
            file: query.filename.to_string(),
            writer,
            merge,
            pulls,
            assembly: None,
            written: None,
            question,
            lateness: Lateness::new(deadline, names.len()),
            waits_since: None,
            meter: upstream.meter().clone(),
            twins,
            delivered: vec![Delivered::default(); names.len()],
            names,
            verdicts: BTreeMap::new(),
            missing: Arc::default(),
            out: Vec::new(),
            left: 0,
            records: 0,
            phase: Phase::Merging,
            exchange: None,
            hosts_visible: None,
            failed_in_head: 0,
            is_in_record: false,
            positions: None,
            limit: None,
            is_out_of_time: false,
        }
    }

    /// Sets whether the client sees only a part of the fleet, and who keeps a record of the request.
    pub fn seen_by(&mut self, hosts_visible: Option<HostsVisible>, exchange: Option<Arc<Exchange>>) {
        (self.hosts_visible, self.exchange) = (hosts_visible, exchange);
    }

    /// Sets how the answer can be continued, if its verdict can say so, and the time that the client
    /// gives.
    pub fn paged(&mut self, paging: WantedPaging, limit: Option<TimeLimit>) {
        self.limit = limit;
        self.positions = paging.map(|paging| {
            let positions = Positions::new(paging, self.names.len());
            positions.begin(&self.names, &mut self.merge);
            positions
        });
    }

    /// Adds what is missing from the fleet. Its records are missing from the answer.
    pub fn add_missing(&mut self, missing: &Arc<Missing>) {
        self.missing = Arc::clone(missing);
    }

    pub(super) fn asked(&self) -> Asked {
        Asked { hosts: self.twins.len(), absent: verdict::Absent::of(&self.missing) }
    }

    /// All verdicts so far.
    pub(super) fn all_verdicts(&self) -> BTreeMap<String, Verdict> {
        let mut all = self.verdicts.clone();
        all.extend(verdict::missing(&self.missing));
        all
    }

    /// Whether records are still merged.
    pub(super) fn is_merging(&self) -> bool {
        matches!(self.phase, Phase::Merging)
    }

    /// Whether what still comes from a host is dropped, because it was late or because another one
    /// of the hosts is the same secondary.
    pub(super) fn is_left(&self, index: usize) -> bool {
        self.lateness.is_left(index) || self.twins.is_left(index)
    }

    /// The names of the hosts that are not the same secondary as another one of them.
    pub(super) fn distinct_names(&self) -> Vec<String> {
        let names = self.names.iter().enumerate();
        names.filter(|(index, _)| !self.twins.is_left(*index)).map(|(_, name)| name.clone()).collect()
    }

    /// Whether the client wants no record. Then each host says whether it has the file.
    pub(super) fn wants_none(&self) -> bool {
        self.n == Some(0)
    }

    /// Bytes of the next chunk.
    pub(super) fn chunk_bytes(&self) -> usize {
        match self.left {
            LARGE_FROM.. => LARGE_CHUNK_BYTES,
            _ if self.written.is_some() => LONG_CHUNK_BYTES,
            _ => CHUNK_BYTES,
        }
    }

    /// Gives the next chunk its buffer in one step: one that grows by itself doubles, and is then
    /// twice as large as what is in it.
    pub(super) fn make_room(&mut self) {
        let (len, room) = (self.out.len(), self.chunk_bytes() + SPARE_BYTES);
        if len > SHORT_BYTES && self.out.capacity() < room {
            self.out.reserve_exact(room - len);
        }
    }
}
