//! The time range of an answer: where it begins and ends in the file, and which records are in it.
//!
//! ```text
//! finder ──► the newer edge, by the order of times     probes of a few KiB, before the search
//! watch  ──► the older edge: when the search stops     a few lines of each block that is read
//! judge  ──► whether a record is in the range          each record
//! ```
//!
//! The edges are found by the order of times, with a slack of five minutes. If the times that are
//! seen contradict that order, the file is read whole. `steps` tells whether they do. `lines` splits
//! pieces of the file.
//!
//! If the disorder shows only after records have left, those before them cannot be sent any more: they
//! may stand after the edge. Then the search goes on to the start of the file, and at last through what
//! lies after the edge. If a record of the range is there, the answer is incomplete, and says so.

mod before;
mod finder;
mod judge;
mod lines;
mod steps;
mod watch;

use backscroll_shared::filter::Filter;
use backscroll_shared::query::range::{Instants, ScanMode};
use backscroll_shared::scan::{Limits, Record, Search, Span, Summary, Window};
use backscroll_shared::time::LineTimes;
use backscroll_shared::wire::verdict::{RangeFound, Verdict};
use before::LookBack;
use finder::{Finder, Outcome};
use judge::Judge;
use lines::Piece;
use steps::SLACK;
use watch::Watch;

const NANOS: i64 = 1_000_000_000;

/// The range of an answer, and how far the search for it has come.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Ranged {
    instants: Instants,
    mode: ScanMode,
    filter: Filter,
    /// Whether records come without the lines before them.
    has_index: bool,
    modified_seconds: i64,
    /// What would be searched without a range.
    whole: Window,
    /// Records that begin here or later belong to an earlier answer.
    settled: u64,
    /// Whether that is less than the file, which may have times elsewhere.
    is_page: bool,
    /// Where the part ends that is searched.
    edge: u64,
    phase: Phase,
    finder: Option<Finder>,
    watch: Watch,
    judge: Judge,
    /// Whether every byte is read.
    is_scan: bool,
    /// Whether what lies after the edge has to be read at last.
    is_rest_due: bool,
    /// What searches have counted that were begun anew.
    earlier: Summary,
    /// Bytes that were read beside the search.
    beside: u64,
    /// Records without a time that those searches have found.
    untimed: u64,
    /// The largest step back that those searches have seen, in milliseconds.
    disorder_ms: u64,
}

/// How far the search for a range has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The newer edge is looked for.
    Finding,
    /// The file was last written before the range, so it is not read.
    NotRead,
    /// The search runs.
    Searching,
    /// The last lines were all older than the range. A few lines before them are looked at, in case
    /// they are not.
    Stopping,
    /// The search has stopped, because all that is left is older than the range.
    Stopped,
    /// What lies after the edge is searched.
    Rest,
}

/// What follows from what was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The search runs on.
    GoOn,
    /// This window is searched from its end, for records that begin before `settled`.
    Search { window: Window, settled: u64 },
    /// No line has a time.
    NoTimes,
}

impl Ranged {
    /// The range `instants` of the records that `filter` finds in `window`, in a file that was last
    /// written `modified_seconds` after 1970. `has_older_lines`: as the search for the filter says.
    pub fn new(
        instants: Instants,
        mode: ScanMode,
        (filter, has_older_lines): (Filter, bool),
        window: Window,
        modified_seconds: i64,
    ) -> Ranged {
        let is_scan = mode == ScanMode::All;
        let until = instants.until.filter(|_| !is_scan);
        let finder = Finder::new(window, until, LineTimes::new(modified_seconds));
        let written = modified_seconds.saturating_add(1).saturating_mul(NANOS);
        let is_older = instants.since.is_some_and(|since| written < since.saturating_sub(SLACK));
        let times = LineTimes::new(modified_seconds);
        let mut range = Ranged {
            instants,
            mode,
            filter,
            has_index: !has_older_lines,
            modified_seconds,
            whole: window,
            settled: u64::MAX,
            is_page: false,
            edge: window.end,
            phase: if is_older && !is_scan { Phase::NotRead } else { Phase::Finding },
            finder: Some(finder),
            watch: Watch::new(times.clone(), None, false),
            judge: Judge::new(instants, times),
            is_scan,
            is_rest_due: false,
            earlier: Summary::default(),
            beside: 0,
            untimed: 0,
            disorder_ms: 0,
        };
        range.begin_at(None);
        range
    }

    /// The window is a page of a file of `size` bytes. Records that begin at `settled` or later belong to
    /// an earlier answer.
    #[must_use]
    pub fn paged(mut self, settled: u64, size: u64) -> Ranged {
        (self.settled, self.is_page) = (settled, self.whole != Window::whole(size));
        self
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Whether what lies after the edge is searched, because times contradict each other.
    pub(super) fn is_in_rest(&self) -> bool {
        self.phase == Phase::Rest
    }

    /// Whether the search has stopped because all that is left is older than the range.
    pub(super) fn stopped_by_since(&self) -> bool {
        matches!(self.phase, Phase::Stopped | Phase::NotRead)
    }

    /// The bytes that have to be looked at before the search goes on.
    pub(super) fn wanted(&self) -> Option<Span> {
        self.finder.as_ref()?.wanted()
    }

    /// Whether nothing has been looked at yet.
    pub(super) fn is_first_look(&self) -> bool {
        self.beside == 0
    }

    /// Takes the bytes that were wanted.
    pub(super) fn take(&mut self, span: Span, bytes: &[u8]) {
        self.beside += span.len as u64;
        if let Some(finder) = &mut self.finder {
            finder.take(span, bytes);
        }
    }

    /// Notes the hole that begins at `start` and ends where those bytes began.
    pub(super) fn skip_hole(&mut self, start: u64) {
        if let Some(finder) = &mut self.finder {
            finder.skip_hole(start);
        }
    }

    /// What follows once nothing more is wanted.
    pub(super) fn found(&mut self) -> Next {
        let Some(outcome) = self.finder.take().and_then(|finder| finder.outcome()) else { return Next::GoOn };
        match (self.phase, outcome) {
            (_, Outcome::NoTimes) if !self.is_page => Next::NoTimes,
            (_, Outcome::NoTimes) => {
                // The lines before the page may have times. Those are looked for later.
                self.phase = Phase::Searching;
                Next::GoOn
            }
            (Phase::Stopping, Outcome::Edge { .. }) => {
                self.phase = Phase::Stopped;
                Next::GoOn
            }
            (Phase::Stopping, Outcome::Disorder) => {
                self.phase = Phase::Searching;
                self.note_disorder();
                Next::GoOn
            }
            (_, Outcome::Disorder) => self.scan_whole(),
            (_, Outcome::Edge { at, newest }) => {
                self.phase = Phase::Searching;
                self.edge = at;
                self.begin_at(newest);
                if at == self.whole.end { Next::GoOn } else { self.search_before(at) }
            }
        }
    }

    /// Searches what begins before the edge at `at`.
    fn search_before(&self, at: u64) -> Next {
        let Window { start, end } = self.whole;
        let limits = Limits::default();
        // A record may reach past the edge, to the end of a line.
        let more = match Search::<&[u8]>::reach(&self.filter, limits) {
            0 => 0,
            _ if at == start => 0,
            reach => reach + limits.line as u64,
        };
        let window = Window { start, end: at.saturating_add(more).min(end) };
        Next::Search { window, settled: self.settled }
    }

    /// Takes the next block of the search.
    pub(super) fn watch(&mut self, span: Span, block: &[u8]) {
        self.watch.look(Piece::new(span, block, 0));
        if self.phase == Phase::Searching && self.watch.is_past() {
            let since = self.instants.since.unwrap_or(i64::MIN);
            let window = Window { start: self.whole.start, end: span.offset };
            self.phase = Phase::Stopping;
            self.finder = Some(Finder::before(window, span.offset, since, self.watch.times()));
        }
    }

    /// Whether times contradict each other, and nothing has followed from it yet. If no record has been
    /// found yet, the whole file can still be searched from its end.
    pub(super) fn is_disorder_new(&self) -> bool {
        let is_broken = self.watch.steps().is_broken() || self.judge.steps().is_broken();
        is_broken && !self.is_scan && self.phase != Phase::Rest
    }

    /// Notes that the order of times says nothing.
    pub(super) fn note_disorder(&mut self) {
        self.is_scan = true;
        self.is_rest_due = self.edge < self.whole.end;
        self.watch.do_not_stop();
        if matches!(self.phase, Phase::Stopping) {
            (self.phase, self.finder) = (Phase::Searching, None);
        }
    }

    /// Whether a part after the edge is not searched.
    pub(super) fn has_edge(&self) -> bool {
        self.edge < self.whole.end
    }

    /// Begins anew, and reads every byte.
    pub(super) fn scan_whole(&mut self) -> Next {
        self.is_scan = true;
        self.is_rest_due = false;
        let is_moved = self.edge != self.whole.end || self.phase != Phase::Finding;
        self.edge = self.whole.end;
        self.phase = Phase::Searching;
        self.finder = None;
        self.begin_at(None);
        if is_moved { Next::Search { window: self.whole, settled: self.settled } } else { Next::GoOn }
    }

    /// The part after the edge, if it has to be searched now. Records in it begin before the offset.
    pub(super) fn take_rest(&mut self) -> Option<(Window, u64)> {
        if !std::mem::take(&mut self.is_rest_due) {
            return None;
        }
        self.phase = Phase::Rest;
        self.untimed += self.judge.untimed();
        self.begin_at(None);
        Some((Window { start: self.edge, end: self.whole.end }, self.settled))
    }

    /// Keeps the counts of a search that is begun anew. `is_sent`: whether its records count.
    pub(super) fn keep(&mut self, summary: Summary, is_sent: bool) {
        self.earlier.bytes_scanned += summary.bytes_scanned;
        self.earlier.skipped_bytes += summary.skipped_bytes;
        if is_sent {
            self.earlier.lines += summary.lines;
            self.earlier.truncated_lines += summary.truncated_lines;
        }
    }

    /// The counts of the whole answer. `summary`: those of the search.
    pub(super) fn sum(&self, summary: Summary) -> Summary {
        Summary {
            lines: self.earlier.lines + summary.lines,
            bytes_scanned: self.earlier.bytes_scanned + self.beside + summary.bytes_scanned,
            truncated_lines: self.earlier.truncated_lines + summary.truncated_lines,
            skipped_bytes: self.earlier.skipped_bytes + summary.skipped_bytes,
        }
    }

    /// Says in a verdict what is known of the range.
    pub(super) fn fill(&self, verdict: &mut Verdict) {
        self.instants.fill(verdict);
        verdict.range = Some(if self.is_scan { RangeFound::Scan } else { RangeFound::Order });
        verdict.untimed = self.untimed + self.judge.untimed();
        verdict.disorder_ms = self.disorder_ms();
    }

    fn disorder_ms(&self) -> u64 {
        self.disorder_ms.max(self.judge.steps().largest_ms()).max(self.watch.steps().largest_ms())
    }

    /// Whether the record is in the range.
    pub(super) fn has(&mut self, record: &Record<'_>) -> bool {
        self.judge.has(record, &mut self.watch)
    }

    /// Looks for the time that the first lines of the last block have, if they have none themselves.
    pub(super) fn look_back(&self) -> Option<LookBack> {
        Some(LookBack::new(self.watch.look_back()?, self.watch.times()))
    }

    /// Sets what was found before the last block, and how much was read for it.
    pub(super) fn looked_back(&mut self, look_back: &LookBack, read: u64) {
        self.beside += read;
        self.watch.set_before(look_back.found());
    }

    /// Begins to watch and to judge. `newest`: the time of the line at the edge.
    fn begin_at(&mut self, newest: Option<i64>) {
        self.disorder_ms = self.disorder_ms();
        let mut times = LineTimes::new(self.modified_seconds);
        if let Some(newest) = newest {
            times.begin_before(newest.div_euclid(NANOS).min(self.modified_seconds));
        }
        let since = self.instants.since.filter(|_| !self.is_scan && self.mode == ScanMode::Auto);
        self.watch = Watch::new(times.clone(), since, self.has_index);
        self.judge = Judge::new(self.instants, times);
    }
}
