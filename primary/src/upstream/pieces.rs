//! A host's body as it comes.

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// An error with what caused it: reqwest's own text leaves that out.
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
    Connection(#[source] reqwest::Error),
    /// Nothing came for too long.
    #[error("the host sent nothing for {0:?}")]
    Idle(Duration),
    /// The time for the request was over.
    #[error("the host had not ended when the time for the request was over")]
    Late,
}

/// A place at the host, and one among all answers under way.
pub(super) type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A host's body as it comes: its data, then its trailers. Dropping it closes the
/// connection, and so stops the host's reading.
#[derive(Debug)]
pub struct Pieces {
    body: reqwest::Body,
    idle: Duration,
    deadline: Option<Instant>,
    _places: Option<Places>,
    /// Runs only while the host is waited for: a client that does not read is not the
    /// host's fault.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    pub(super) fn new(
        response: reqwest::Response,
        idle: Duration,
        request: Option<(Instant, Places)>,
    ) -> Pieces {
        let body = http::Response::<reqwest::Body>::from(response).into_body();
        let (deadline, places) = request.unzip();
        Pieces { body, idle, deadline, _places: places, waiting: None }
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
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        let (idle, deadline) = (this.idle, this.deadline);
        let waiting = this.waiting.get_or_insert_with(|| {
            let until = Instant::now() + idle;
            Box::pin(sleep_until(deadline.map_or(until, |deadline| deadline.min(until))))
        });
        waiting.as_mut().poll(cx).map(|()| {
            let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            Some(Err(if is_late { Broken::Late } else { Broken::Idle(idle) }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
