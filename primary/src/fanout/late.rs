//! What becomes of hosts that keep the others waiting until the time for the request is over.

use super::Fanout;
use super::source::verdict_of;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::problem::{Code, Problem};
use std::time::Duration;
use tokio::time::Instant;

/// The last part of the time for a request: a tenth, and no more than this. From then on no
/// host that has nothing to send holds up the others, so that what they have is out by the
/// deadline.
const LAST_TIME: Duration = Duration::from_secs(10);

/// The part of that last time that a host may still take over its next record: one in ten,
/// so that some of them can be left one after the other.
const PATIENCE: u32 = 10;

/// Who is late, and from when on.
#[derive(Debug)]
pub(super) struct Lateness {
    deadline: Instant,
    /// When the last part of the time begins, and how long a host may then take.
    last_from: Instant,
    patience: Duration,
    /// Since when the answer has not gone on: a record left then, or somebody was.
    since: Instant,
    /// Whether a host was left because it held up the others.
    is_left: Vec<bool>,
}

impl Lateness {
    /// Of so many hosts.
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

    /// Until when may be waited for the next record, whatever else comes.
    pub(super) fn next_look(&self) -> Instant {
        (self.last_from.max(self.since) + self.patience).min(self.deadline)
    }

    /// Whether that time is over.
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.next_look()
    }

    /// The answer has gone on.
    pub(super) fn went_on(&mut self) {
        self.since = Instant::now();
    }

    /// Whether a host was left: what still comes of it is nothing to the answer.
    pub(super) fn is_left(&self, index: usize) -> bool {
        self.is_left[index]
    }
}

impl Fanout {
    /// No record came for as long as may be waited.
    pub(super) fn late(&mut self) {
        self.lateness.went_on();
        if Instant::now() >= self.wish.deadline {
            for index in (0..self.names.len()).filter(|index| !self.twins.is_left(*index)).collect::<Vec<_>>()
            {
                self.is_late(index);
            }
            return self.end();
        }
        self.leave(&self.merge.holding_up());
    }

    /// The rest of this host's long record did not come for as long as may be waited.
    pub(super) fn late_with(&mut self, index: usize) {
        if Instant::now() >= self.wish.deadline {
            return self.late();
        }
        self.lateness.went_on();
        self.leave(&[index]);
    }

    fn leave(&mut self, holding_up: &[usize]) {
        for index in holding_up {
            self.merge.over(*index);
            self.lateness.is_left[*index] = true;
            self.is_late(*index);
        }
        if self.wish.on_error == OnError::Fail && !holding_up.is_empty() {
            self.end();
        }
    }

    /// The verdict on a host that has not ended.
    fn is_late(&mut self, index: usize) {
        let name = &self.names[index];
        self.verdicts.entry(name.clone()).or_insert_with(|| {
            tracing::warn!(host = name, "host did not end in time");
            let detail = "the time for this request is over: ask for less, or start the primary with a longer --request-timeout";
            verdict_of(&Problem::new(Code::UpstreamTimeout, detail))
        });
    }
}
