//! A client that has ended its side of the connection while its answer is being produced. It may
//! still wait for the answer, as `nc -N` does, or it may be gone. The two look the same until
//! something is written to the client.

use super::Watch;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep};

/// How often to check whether the client's system has refused what was written.
const LOOK: Duration = Duration::from_millis(100);

/// How long to wait before something is done about a client to which nothing was written.
const GRACE: Duration = Duration::from_secs(1);

/// The same for a client to which no probe can be sent.
const LONG_GRACE: Duration = Duration::from_secs(5);

/// An interim response, which may be sent before an answer at any time and any number of times (RFC
/// 9110, section 15.2). If the client is gone, its system refuses it.
pub(super) const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The state of such a client.
#[derive(Debug)]
pub(super) struct HalfClosed {
    since: Instant,
    next_look: Pin<Box<Sleep>>,
    /// Whether a part of its answer had been written before.
    answer_had_begun: bool,
    /// Whether something has been written since.
    was_written_to: bool,
}

/// What to do about the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Write something, so that its system has to respond.
    Probe,
    /// Treat it as gone.
    Leave,
}

impl HalfClosed {
    /// A client that has just ended its side of the connection.
    pub(super) fn new(answer_had_begun: bool) -> HalfClosed {
        HalfClosed {
            since: Instant::now(),
            next_look: Box::pin(sleep(LOOK)),
            answer_had_begun,
            was_written_to: false,
        }
    }

    /// Notes that something was written. If the client is gone, the socket will soon have an error.
    pub(super) fn was_written_to(&mut self) {
        self.was_written_to = true;
    }

    /// Ready when it is time to check the socket for an error.
    pub(super) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.next_look.as_mut().poll(cx));
        self.next_look = Box::pin(sleep(LOOK));
        Poll::Ready(())
    }

    /// What to do if the socket has no error. A client that only ends its side does so right after
    /// the request. One that does so in the middle of an answer has most likely gone.
    pub(super) fn step(&self, watch: &Watch, may_be_probed: bool) -> Step {
        let waited = self.since.elapsed();
        // A client whose buffers are full is still there: the system of one that is gone does not
        // let them fill.
        if self.was_written_to || waited < GRACE || !watch.stalled_for().is_zero() {
            Step::Wait
        } else if self.answer_had_begun || waited >= LONG_GRACE {
            Step::Leave
        } else if may_be_probed {
            Step::Probe
        } else {
            Step::Wait
        }
    }
}
