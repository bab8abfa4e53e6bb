//! The time that the client gives to the answer.
//!
//! Once it is over, no record leaves any more, so that all that is left is older than what was
//! delivered. Hosts that end by themselves then say how far they have got, and the others are not
//! waited for much longer.

use super::state::Fanout;
use super::verdict::nothing_left;
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::verdict::{Status, Stopped, Verdict};
use tokio::time::Instant;

impl Fanout {
    /// Until when the answer waits for what comes next of any host.
    pub(super) fn next_look(&self) -> Instant {
        match self.limit {
            Some(limit) if self.is_out_of_time => limit.ends_at().min(self.deadline),
            Some(limit) => self.lateness.next_look().min(limit.over_at),
            None => self.lateness.next_look(),
        }
    }

    /// Whether the client's time is over, or a host has ended because it is.
    pub(super) fn notes_the_time(&mut self) -> bool {
        if let (Some(limit), false) = (self.limit, self.is_out_of_time) {
            self.is_out_of_time = Instant::now() >= limit.over_at;
        }
        self.is_out_of_time
    }

    /// Waits no more for a long record: its turn is on the next page.
    pub(super) fn wind_up(&mut self) {
        self.assembly = None;
        if Instant::now() >= self.next_look() || self.pulls.is_empty() {
            self.end_in_time();
        }
    }

    /// Ends the answer: the client's time is over.
    fn end_in_time(&mut self) {
        let late = Verdict {
            status: Status::Timeout,
            stopped: Some(Stopped::Timeout),
            ..Verdict::failed(
                Code::Timeout,
                "the time that the request gave was over before this host had ended".to_owned(),
            )
        };
        for index in (0..self.names.len()).filter(|index| !self.twins.is_left(*index)) {
            let name = &self.names[index];
            let has_nothing = self.positions.as_ref().is_some_and(|all| all.has_nothing_left(name));
            let verdict = || if has_nothing { nothing_left() } else { late.clone() };
            self.verdicts.entry(name.clone()).or_insert_with(verdict);
        }
        self.end();
    }
}
