//! Counts what becomes of the requests to one host. It lives with the host's health, so a host that
//! leaves the fleet takes its numbers along, and one that stays keeps them.

use backscroll_shared::metrics::table::UPSTREAM_BOUNDS;
use backscroll_shared::metrics::{Buckets, Counts, Metric};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What became of a request to a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered to the end, or as far as the answer was wanted.
    Answered,
    /// The host refused it with a problem.
    Refused,
    /// There was no connection, or it is down and was not asked.
    Unreachable,
    /// It did not begin or go on with its answer in time.
    Timeout,
    /// The connection broke, or what came is not an answer of a secondary.
    Broken,
}

impl Outcome {
    /// All of them, with the words for them.
    pub const ALL: [(Outcome, &str); 5] = [
        (Outcome::Answered, "answered"),
        (Outcome::Refused, "refused"),
        (Outcome::Unreachable, "unreachable"),
        (Outcome::Timeout, "timeout"),
        (Outcome::Broken, "broken"),
    ];
}

/// The numbers of one host.
#[derive(Debug)]
pub struct HostCounts {
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// From sending a request to the head of its answer.
    pub first_byte: Buckets<{ UPSTREAM_BOUNDS.len() + 2 }>,
}

impl Default for HostCounts {
    fn default() -> HostCounts {
        HostCounts { outcomes: Default::default(), first_byte: Buckets::new(UPSTREAM_BOUNDS) }
    }
}

impl HostCounts {
    /// Counts a request that has this outcome.
    pub fn ended(&self, outcome: Outcome) {
        self.outcomes[outcome as usize].fetch_add(1, Relaxed);
    }

    /// How many requests had this outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Relaxed)
    }
}

/// Counts for all hosts together. By default, nothing.
#[derive(Debug, Clone, Default)]
pub struct Meter(Option<Arc<Counts>>);

impl Meter {
    pub(super) fn new(counts: Arc<Counts>) -> Meter {
        Meter(Some(counts))
    }

    /// Counts a request that begins.
    pub(super) fn began(&self) {
        if let Some(counts) = &self.0 {
            counts.up(Metric::UpstreamInFlight);
        }
    }

    /// Counts a request that has ended.
    pub(super) fn ended(&self) {
        if let Some(counts) = &self.0 {
            counts.down(Metric::UpstreamInFlight);
        }
    }

    /// Counts for how long a merge waited.
    pub fn merge_waited(&self, time: Duration) {
        if let Some(counts) = &self.0 {
            counts.observe(Metric::MergeWait, 0, time);
        }
    }

    /// Counts a request that is sent a second time.
    pub(super) fn retried(&self) {
        if let Some(counts) = &self.0 {
            counts.one(Metric::UpstreamRetries);
        }
    }
}
