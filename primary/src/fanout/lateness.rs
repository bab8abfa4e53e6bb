//! Which hosts keep the others waiting, and for how long they may.

use std::time::Duration;
use tokio::time::Instant;

/// The most that the last part of the time for a request may be; it is a tenth of that time. In it
/// a host with nothing to send does not hold up the others, so that their records leave in time.
const LAST_TIME: Duration = Duration::from_secs(10);

/// A host may take this part of that last time for its next record: a tenth, so that several hosts
/// can be left one after the other.
const PATIENCE: u32 = 10;

/// Which hosts are late, and from when on.
#[derive(Debug)]
pub(super) struct Lateness {
    deadline: Instant,
    /// When the last part of the time begins, and how long a host may then take.
    last_from: Instant,
    patience: Duration,
    /// When the answer last went on: a chunk left, or a host was left.
    since: Instant,
    /// Whether a host was left because it held up the others.
    is_left: Vec<bool>,
}

impl Lateness {
    /// For so many hosts.
    pub(super) fn new(deadline: Instant, hosts: usize) -> Lateness {
        let now = Instant::now();
        let last_time = (deadline.saturating_duration_since(now) / 10).min(LAST_TIME);
        Lateness {
            deadline,
            last_from: deadline.checked_sub(last_time).unwrap_or(deadline),
            patience: last_time / PATIENCE,
            since: now,
            is_left: vec![false; hosts],
        }
    }

    /// Until when the answer waits for the next record.
    pub(super) fn next_look(&self) -> Instant {
        (self.last_from.max(self.since) + self.patience).min(self.deadline)
    }

    /// Whether that time is over.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.next_look()
    }

    /// Notes that the answer has gone on.
    pub(super) fn went_on(&mut self) {
        self.since = Instant::now();
    }

    /// Whether a host was left.
    pub(super) fn is_left(&self, index: usize) -> bool {
        self.is_left[index]
    }

    /// Notes that a host is left.
    pub(super) fn leave(&mut self, index: usize) {
        self.is_left[index] = true;
    }
}
