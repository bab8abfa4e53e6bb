//! The body of an answer on its way to the socket. It does three things that hyper does not do by
//! itself:
//!
//! - When a body fails, what was produced before is still sent. hyper would drop its buffer, so the
//!   failure is held back until the buffer has been written.
//! - An answer to an HTTP/1.0 client ends when the connection closes. An incomplete one ends with a
//!   reset instead, so that it does not look complete.
//! - It tells the connection's watch when an answer has ended.

use super::exchange::Ending;
use super::{LEAVING_BROKEN, LEAVING_WHOLE, Peer, Watch};
use crate::auth::InUse;
use crate::limits::READER_FROM;
use crate::wire::problem::{Code, Problem};
use bytes::Bytes;
use http::{Method, Version};
use http_body::{Body, Frame, SizeHint};
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// A reset makes the kernel drop what it has not sent yet. Before a reset, the kernel gets this
/// much time to send it.
const RESET_GRACE: Duration = Duration::from_millis(200);

/// When this many bytes wait for a client, the body is not asked for more until they have been
/// written. hyper would go on until its buffer is full, and that buffer is large because it also
/// takes the heads of requests. A thousand clients that do not read would each fill one.
const WAITING_BYTES: usize = 32 << 10;

/// The body of an answer, on its way to a [`super::Watched`] socket.
#[derive(Debug)]
pub struct WatchedBody<B: Body> {
    body: B,
    watch: Arc<Watch>,
    /// Whether the answer ends when the connection closes, as the client has no other way to see
    /// its end.
    ends_by_closing: bool,
    /// Whether the answer has no body, so that this one is never asked for.
    is_head: bool,
    failing: Option<Failing<B::Error>>,
    ended: bool,
    /// What is kept until the answer has ended. Dropped after the body.
    kept: Kept,
    /// Bytes of the body so far.
    bytes: u64,
    /// How many of them may not have been written yet, and the watch's `flushes` before them.
    waiting: usize,
    flushes: u64,
}

#[derive(Debug)]
struct Failing<E> {
    error: Option<E>,
    /// The watch's `flushes` when the body failed.
    flushes: u64,
    grace: Option<Pin<Box<Sleep>>>,
}

impl<B: Body> WatchedBody<B> {
    /// The body of an answer to a request of this version and method.
    pub fn new(body: B, version: Version, method: &Method, watch: Arc<Watch>) -> WatchedBody<B> {
        let ends_by_closing = ends_by_closing(&body, version, method);
        if ends_by_closing {
            watch.ends_by_closing.store(true, Relaxed);
        }
        WatchedBody {
            body,
            watch,
            ends_by_closing,
            is_head: method == Method::HEAD,
            failing: None,
            ended: false,
            bytes: 0,
            kept: Kept::default(),
            waiting: 0,
            flushes: 0,
        }
    }
}

/// Why this answer cannot be sent, if it cannot: it would end when its connection closes, and the
/// socket cannot be reset. Then an answer that is broken off would look complete.
pub fn told_by_closing<B: Body>(body: &B, version: Version, method: &Method, peer: &Peer) -> Option<Problem> {
    let is = *peer == Peer::Unix && ends_by_closing(body, version, method);
    is.then(|| {
        Problem::new(
            Code::BadRequest,
            "over a Unix socket HTTP/1.0 cannot tell a whole answer from one that was broken off: use HTTP/1.1 (in nginx: proxy_http_version 1.1)",
        )
    })
}

/// Whether the end of such an answer can be told only by closing the connection.
fn ends_by_closing<B: Body>(body: &B, version: Version, method: &Method) -> bool {
    version < Version::HTTP_11 && method != Method::HEAD && body.size_hint().exact().is_none()
}

/// What is kept until an answer has ended, however that is.
#[derive(Debug, Default)]
pub struct Kept {
    /// Tells those who keep a record of each request.
    pub ending: Option<Ending>,
    /// Counts the request among those of its caller.
    pub usage: Option<Arc<InUse>>,
}

impl<B: Body> WatchedBody<B> {
    /// Keeps this until the answer has ended.
    #[must_use]
    pub fn keeping(mut self, kept: Kept) -> WatchedBody<B> {
        if let Some(ending) = &kept.ending {
            self.watch.answers(ending.exchange());
        }
        self.kept = kept;
        self
    }
}

impl<B: Body> WatchedBody<B> {
    /// Ready once few bytes wait for the client.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.waiting < WAITING_BYTES || self.bytes >= READER_FROM {
            return Poll::Ready(());
        }
        self.watch.flushed.register(cx.waker());
        let flushes = self.watch.flushes.load(Relaxed);
        if flushes == self.flushes {
            return Poll::Pending;
        }
        self.flushes = flushes;
        self.waiting = 0;
        Poll::Ready(())
    }
}

impl<B: Body> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        let whole = self.is_head || self.ended || (self.failing.is_none() && self.body.is_end_stream());
        self.watch.enter(if whole { LEAVING_WHOLE } else { LEAVING_BROKEN });
        if let Some(ending) = &mut self.kept.ending {
            let has_left = !whole && self.failing.is_none() && !self.watch.is_cut();
            ending.sent(self.bytes, whole, has_left);
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for WatchedBody<B>
where
    B::Error: Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.failing.is_none() {
            ready!(this.poll_room(cx));
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Err(error)) => {
                    let flushes = this.watch.flushes.load(Relaxed);
                    this.failing = Some(Failing { error: Some(error), flushes, grace: None });
                    // hyper flushes after this poll, polls again, and does not flush again if that
                    // yields nothing to write. So this task must be woken once more.
                    cx.waker().wake_by_ref();
                }
                Some(Ok(frame)) => {
                    let len = frame.data_ref().map_or(0, Bytes::len);
                    // Nothing follows trailers, and hyper does not ask for more.
                    this.ended = frame.is_trailers();
                    this.bytes += len as u64;
                    this.waiting += len;
                    return Poll::Ready(Some(Ok(frame)));
                }
                None => {
                    this.ended = true;
                    return Poll::Ready(None);
                }
            }
        }
        let Some(failing) = &mut this.failing else { return Poll::Ready(None) };
        this.watch.flushed.register(cx.waker());
        if this.watch.flushes.load(Relaxed) == failing.flushes {
            return Poll::Pending;
        }
        if this.ends_by_closing {
            ready!(failing.grace.get_or_insert_with(|| Box::pin(sleep(RESET_GRACE))).as_mut().poll(cx));
        }
        Poll::Ready(failing.error.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.failing.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
