//! Why a connection is to be cut.

use super::exchange::Exchange;
use super::{BUSY, ENDPOINTS, HEAD, IDLE, LEAVING_BROKEN, LEAVING_WHOLE, TAKING, Watch};
use crate::limits;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::Duration;

/// Why a connection is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// The head of a request took too long.
    Head,
    /// No request came for too long.
    Idle,
    /// The peer read nothing for too long.
    Stalled,
    /// The time for the request was over, and the peer had not read the whole answer.
    Late,
}

impl Watch {
    /// Whether the peer has read nothing for so long that the connection is cut.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled_for() >= self.stall_time()
    }

    fn stall_time(&self) -> Duration {
        if self.is_of_health_port() { limits::HEALTH_STALL_TIME } else { limits::STALL_TIME }
    }

    /// How long the peer has read nothing.
    pub fn stalled_for(&self) -> Duration {
        match self.stalled_since.load(Relaxed) {
            TAKING => Duration::ZERO,
            since => Duration::from_millis(self.now().saturating_sub(since)),
        }
    }

    /// The time limit that the peer has exceeded, if there is one.
    pub fn overdue(&self) -> Option<Overdue> {
        if self.is_stalled() {
            return Some(Overdue::Stalled);
        }
        let phase = self.phase.load(Acquire);
        let waited = Duration::from_millis(self.now().saturating_sub(self.phase_since.load(Relaxed)));
        match phase {
            HEAD if waited >= limits::HEAD_TIME => Some(Overdue::Head),
            BUSY | LEAVING_WHOLE | LEAVING_BROKEN if self.answer_until.load(Relaxed) <= self.now() => {
                Some(Overdue::Late)
            }
            IDLE if waited >= limits::KEEP_ALIVE_TIME => Some(Overdue::Idle),
            _ => None,
        }
    }

    /// Whether it was cut because it was overdue.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Relaxed)
    }

    /// Notes that the connection is cut, and logs which answer is lost. `file` is the file that was
    /// asked for, if it is known. Returns whether it is cut now, and not before.
    pub fn cut(&self, overdue: Overdue, file: Option<&str>) -> bool {
        if self.is_cut.swap(true, Relaxed) {
            return false;
        }
        let client = self.peer.address().map(tracing::field::display);
        let exchange = self.answered.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        let request_id = Exchange::logged(exchange.as_ref());
        let endpoint = ENDPOINTS.get(usize::from(self.endpoint.load(Relaxed))).unwrap_or(&"other");
        match overdue {
            Overdue::Stalled => tracing::warn!(
                client,
                endpoint,
                file,
                request_id,
                "an answer was cut: it was not read for {} s",
                self.stall_time().as_secs()
            ),
            Overdue::Late => tracing::warn!(
                client,
                endpoint,
                file,
                request_id,
                "an answer was cut: its client had not read all of it when the time for the request was over"
            ),
            Overdue::Head | Overdue::Idle => tracing::debug!(client, ?overdue, "a connection is cut"),
        }
        true
    }
}
