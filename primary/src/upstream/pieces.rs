//! A host's body as it comes.

use super::client::Pacing;
use super::pulse::Pulse;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// An error with what caused it: the outer text alone leaves that out.
pub(super) struct Causes<'e>(pub(super) &'e (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut error = Some(self.0);
        let mut sep = "";
        while let Some(this) = error {
            write!(f, "{sep}{this}")?;
            (error, sep) = (this.source(), ": ");
        }
        Ok(())
    }
}

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

/// A place at the host, and one among all answers under way.
pub(super) type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// What a body has that is an answer, and no problem.
#[derive(Debug)]
pub(super) struct Asked {
    /// When it is to have ended.
    pub(super) deadline: Instant,
    pub(super) _places: Places,
    pub(super) pacing: Option<Pacing>,
    pub(super) pulse: Pulse,
}

/// A host's body as it comes: its data, then its trailers. Dropping it closes the
/// connection, and so stops the host's reading.
#[derive(Debug)]
pub struct Pieces {
    body: Incoming,
    idle: Duration,
    asked: Option<Asked>,
    /// Runs only while the host is waited for: a client that does not read is not the
    /// host's fault.
    waiting: Option<Waiting>,
}

enum Waiting {
    /// Until it has been silent for too long, or the time is over.
    Silent(Pin<Box<Sleep>>),
    /// Whether it is alive.
    Pulse(super::pulse::Beats),
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Waiting::Silent(_) => "Silent",
            Waiting::Pulse(_) => "Pulse",
        })
    }
}

impl Pieces {
    pub(super) fn new(body: Incoming, idle: Duration, asked: Option<Asked>) -> Pieces {
        Pieces { body, idle, asked, waiting: None }
    }

    fn is_late(&self) -> bool {
        self.asked.as_ref().is_some_and(|asked| asked.deadline <= Instant::now())
    }

    /// Waits until the host is given up.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Broken> {
        let (idle, deadline) = (self.idle, self.asked.as_ref().map(|asked| asked.deadline));
        loop {
            let waiting = self.waiting.get_or_insert_with(|| {
                let until = Instant::now() + idle;
                let until = deadline.map_or(until, |deadline| deadline.min(until));
                Waiting::Silent(Box::pin(sleep_until(until)))
            });
            match waiting {
                Waiting::Silent(sleep) => {
                    ready!(sleep.as_mut().poll(cx));
                    if self.is_late() {
                        return Poll::Ready(Broken::Late);
                    }
                    let Some(asked) = &self.asked else { return Poll::Ready(Broken::Idle(idle)) };
                    let Some(beats) = asked.pulse.feel() else {
                        asked.pulse.is_missing(idle);
                        return Poll::Ready(Broken::Idle(idle));
                    };
                    self.waiting = Some(Waiting::Pulse(beats));
                }
                Waiting::Pulse(beats) => {
                    let is_alive = ready!(beats.as_mut().poll(cx));
                    if let (false, Some(asked)) = (is_alive, &self.asked) {
                        asked.pulse.is_missing(idle);
                        return Poll::Ready(Broken::Idle(idle));
                    }
                    self.waiting = None;
                }
            }
        }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        // Also where it is the client that takes its time, and the host has more at hand.
        if this.is_late() {
            return Poll::Ready(Some(Err(Broken::Late)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            let pacing = this.asked.as_mut().and_then(|asked| asked.pacing.as_mut());
            if let (Some(pacing), Some(Ok(frame))) = (pacing, &frame) {
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
