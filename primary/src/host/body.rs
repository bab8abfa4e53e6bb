//! The body of a host's answer, as it comes.

use super::cause::Causes;
use super::client::Pacing;
use super::counts::Outcome;
use super::permits::StreamPermit;
use super::pulse::{Beats, Pulse};
use super::under_way::UnderWay;
use backscroll_shared::conn::exchange::HostPart;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::server_timing::Timing;
use bytes::Bytes;
use http::HeaderValue;
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
pub(super) type HeldPermits = (OwnedSemaphorePermit, StreamPermit);

/// What a host's body holds until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    /// Its permits.
    #[expect(dead_code, reason = "they are only held")]
    pub(super) permits: HeldPermits,
    /// The request, for the metrics.
    pub(super) under_way: UnderWay,
}

/// The body of a host's answer: its chunks, then its trailers. To drop it closes the connection,
/// and so the host stops reading.
#[derive(Debug)]
pub struct HostBody {
    body: Incoming,
    /// How long the host may be silent.
    idle: Duration,
    /// When the answer is to have ended.
    deadline: Instant,
    held: Held,
    pacing: Option<Pacing>,
    pulse: Pulse,
    timing: Timing,
    /// The file that the host has opened, as it tells a primary that merges.
    file: Option<HeaderValue>,
    /// Runs only while the client waits for the host: a client that does not read is not the host's
    /// fault.
    waiting: Option<Waiting>,
    /// What is noted of it.
    part: HostPart,
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
        held: Held,
        pacing: Option<Pacing>,
        pulse: Pulse,
    ) -> HostBody {
        HostBody {
            body,
            idle,
            deadline,
            held,
            pacing,
            pulse,
            timing: Timing::default(),
            file: None,
            waiting: None,
            part: HostPart::default(),
        }
    }

    pub(super) fn with_timing(self, timing: Timing) -> HostBody {
        HostBody { timing, ..self }
    }

    /// What the host tells of the time that it took.
    pub fn timing(&self) -> Timing {
        self.timing
    }

    pub(super) fn with_file(self, file: Option<HeaderValue>) -> HostBody {
        HostBody { file, ..self }
    }

    /// The file that the host has opened, as it tells it.
    pub fn take_file(&mut self) -> Option<HeaderValue> {
        self.file.take()
    }

    /// Sets what is noted of it.
    pub(super) fn set_part(&mut self, part: HostPart) {
        self.part = part;
    }

    /// What is noted of it.
    pub fn part(&mut self) -> &mut HostPart {
        &mut self.part
    }

    /// Notes that what came is not an answer of a secondary.
    pub fn is_unsound(&mut self) {
        self.held.under_way.is(Outcome::Broken);
    }

    fn failed(&mut self, outcome: Outcome, code: Code) {
        self.part.failed(Some(code));
        self.held.under_way.is(outcome);
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
            // It is the host's fault only if the client waits for it.
            if this.waiting.is_some() {
                this.failed(Outcome::Timeout, Code::UpstreamTimeout);
            }
            return Poll::Ready(Some(Err(Broken::Late)));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            match &frame {
                Some(Ok(frame)) => {
                    let len = frame.data_ref().map_or(0, Bytes::len);
                    this.part.came(len);
                    if let Some(pacing) = &mut this.pacing {
                        pacing.took(len);
                    }
                }
                Some(Err(_)) => this.failed(Outcome::Broken, Code::UpstreamUnreachable),
                None => this.part.came_to_its_end(),
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        let broken = ready!(this.poll_waiting(cx));
        this.failed(Outcome::Timeout, Code::UpstreamTimeout);
        Poll::Ready(Some(Err(broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
