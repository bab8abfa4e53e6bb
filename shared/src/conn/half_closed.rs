//! A client that has ended its sending while its answer is under way. It may wait for the answer,
//! as `nc -N` does, or be gone: until something is written to it, the two look the same.

use super::Watch;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep};

/// How often it is looked at whether the client has refused what was written to it.
const LOOK: Duration = Duration::from_millis(100);

/// How long nothing is done about a client to which nothing is written.
const GRACE: Duration = Duration::from_secs(1);

/// The same where there is nothing that could be done.
const LONG_GRACE: Duration = Duration::from_secs(5);

/// What may be said to a client before its answer, at any time and any number of times (RFC 9110,
/// section 15.2), and is refused by the system of one that is gone.
pub(super) const PROBE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is known of such a client.
#[derive(Debug)]
pub(super) struct HalfClosed {
    since: Instant,
    next_look: Pin<Box<Sleep>>,
    /// Whether something of its answer was written before.
    answer_had_begun: bool,
    /// Whether something was written since.
    was_written_to: bool,
}

/// What to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Wait,
    /// Write something, so that its system answers.
    Probe,
    /// It is taken for gone.
    Leave,
}

impl HalfClosed {
    /// A client that has ended its sending just now.
    pub(super) fn new(answer_had_begun: bool) -> HalfClosed {
        HalfClosed {
            since: Instant::now(),
            next_look: Box::pin(sleep(LOOK)),
            answer_had_begun,
            was_written_to: false,
        }
    }

    /// Something was written to it. If it is gone, the socket will have an error soon.
    pub(super) fn was_written_to(&mut self) {
        self.was_written_to = true;
    }

    /// Ready where it is time to look whether the socket has an error.
    pub(super) fn poll_look(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.next_look.as_mut().poll(cx));
        self.next_look = Box::pin(sleep(LOOK));
        Poll::Ready(())
    }

    /// What to do, where the socket has no error. Who only ends his sending does that together
    /// with the request; who does it in the middle of an answer has most likely gone.
    pub(super) fn step(&self, watch: &Watch, may_be_probed: bool) -> Step {
        let waited = self.since.elapsed();
        // Who takes nothing is there: the system of one that is gone takes everything.
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
