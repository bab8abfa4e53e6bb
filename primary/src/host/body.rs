//! The body of a host's answer, as it comes.

use super::cause::Causes;
use super::client::Pacing;
use super::pulse::{Beats, Pulse};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// Why a host's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection broke, or what came was no HTTP.
    #[error("the connection to the host broke: {}", Causes(.0))]
    Connection(#[source] hyper::Error),
    /// Nothing came for too long.
    #[error("the host sent nothing for {0:?}")]
    Idle(Duration),
    /// The time for the request was over.
    #[error("the host had not ended when the time for the request was over")]
    Late,
}

/// A permit of the host, and one of all answers under way.
pub(super) type HeldPermits = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// The body of a host's answer: its chunks, then its trailers. To drop it closes the connection,
/// and so the host stops reading.
#[derive(Debug)]
pub struct HostBody {
    body: Incoming,
    /// How long the host may be silent.
    idle: Duration,
    /// When the answer is to have ended.
    deadline: Instant,
    _permits: HeldPermits,
    pacing: Option<Pacing>,
    pulse: Pulse,
    /// Runs only while the client waits for the host: a client that does not read is not the host's
    /// fault.
    waiting: Option<Waiting>,
}

enum Waiting {
    /// Until the host has been silent for too long, or the deadline has come.
    Silent(Pin<Box<Sleep>>),
    /// For the answer to the question whether it is alive.
    Pulse(Beats),
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Waiting::Silent(_) => "Silent",
            Waiting::Pulse(_) => "Pulse",
        })
    }
}

impl HostBody {
    pub(super) fn new(
        body: Incoming,
        idle: Duration,
        deadline: Instant,
        permits: HeldPermits,
        pacing: Option<Pacing>,
        pulse: Pulse,
    ) -> HostBody {
        HostBody { body, idle, deadline, _permits: permits, pacing, pulse, waiting: None }
    }

    fn is_late(&self) -> bool {
        self.deadline <= Instant::now()
    }

    /// Waits until the host is given up.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        let (idle, deadline) = (self.idle, self.deadline);
        loop {
            let waiting = self.waiting.get_or_insert_with(|| {
                Waiting::Silent(Box::pin(sleep_until(deadline.min(Instant::now() + idle))))
            });
            match waiting {
                Waiting::Silent(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    if self.is_late() {
                        return Poll::Ready(Broken::Late);
                    }
                    let Some(beats) = self.pulse.feel() else {
                        self.pulse.is_missing(idle);
                        return Poll::Ready(Broken::Idle(idle));
                    };
                    self.waiting = Some(Waiting::Pulse(beats));
                }
                Waiting::Pulse(beats) => {
                    if !ready!(beats.as_mut().poll(cx)) {
                        self.pulse.is_missing(idle);
                        return Poll::Ready(Broken::Idle(idle));
                    }
                    self.waiting = None;
                }
            }
        }
    }
}

impl http_body::Body for HostBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        // Also if it is the client that is slow, and the host has sent more.
        if this.is_late() {
            return Poll::Ready(Some(Err(Broken::Late)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            if let (Some(pacing), Some(Ok(frame))) = (&mut this.pacing, &frame) {
                pacing.took(frame.data_ref().map_or(0, Bytes::len));
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        this.poll_waiting(cx).map(|broken| Some(Err(broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
