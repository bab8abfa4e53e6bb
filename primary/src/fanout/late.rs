//! What becomes of hosts that keep the others waiting until the time for the request is over.

use super::state::Fanout;
use super::verdict::nothing_left;
use crate::host::verdict::of_problem;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::OnError;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Stopped, Verdict};
use tokio::time::Instant;

impl Fanout {
    /// Leaves the hosts that hold up the others, because no record came in time.
    pub(super) fn late(&mut self) {
        if self.notes_the_time() {
            return;
        }
        self.lateness.went_on();
        if Instant::now() >= self.deadline {
            for index in (0..self.names.len()).filter(|index| !self.twins.is_left(*index)).collect::<Vec<_>>()
            {
                self.judge_late(index);
            }
            return self.end();
        }
        self.leave(&self.merge.holding_up());
    }

    /// Leaves this host, because the rest of its long record did not come in time.
    pub(super) fn late_with(&mut self, index: usize) {
        if Instant::now() >= self.deadline || self.notes_the_time() {
            return self.late();
        }
        self.lateness.went_on();
        self.leave(&[index]);
    }

    fn leave(&mut self, holding_up: &[usize]) {
        for index in holding_up {
            self.merge.over(*index);
            self.lateness.leave(*index);
            self.judge_late(*index);
        }
        if self.on_error == OnError::Fail && !holding_up.is_empty() {
            self.end();
        }
    }

    /// Gives its verdict to a host that has not ended in time.
    fn judge_late(&mut self, index: usize) {
        let (name, request_id) = (&self.names[index], Exchange::logged(self.exchange.as_ref()));
        self.verdicts.entry(name.clone()).or_insert_with(|| {
            if self.positions.as_ref().is_some_and(|positions| positions.has_nothing_left(name)) {
                return nothing_left();
            }
            tracing::warn!(host = name, request_id, "host did not end in time");
            let detail = "the time for this request is over: ask for less, or start the primary with a longer --request-timeout";
            let verdict = of_problem(&Problem::new(Code::UpstreamTimeout, detail));
            Verdict { stopped: Some(Stopped::Limit), ..verdict }
        });
    }
}
