//! A client's socket on its way to hyper and back. What hyper leaves to its user is done here:
//!
//! - The bytes that a request line may not hold are percent-encoded ([`Heads`]).
//! - A request that hyper refuses with a bare status gets an answer that says what is wrong.
//! - A client that ends its sending after its request gets its answer ([`HalfClosed`]).
//! - An idle connection ends where its place is needed.
//! - An answer that ends by closing, and is not whole, ends in a reset.

use super::half_closed::{HalfClosed, PROBE, Step};
use super::heads::{Heads, REFUSED_ANYWHERE};
use super::unsound::told;
use super::{BUSY, HEAD, IDLE, LEAVING_BROKEN, LEAVING_WHOLE, TAKING, Watch};
use crate::limits;
use crate::wire::instance::Instance;
use bytes::{Buf as _, Bytes};
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a client may take to read why it was refused, while it still sends: a socket that is
/// closed before it was read to its end resets the connection, and takes the answer away.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are thrown away at once meanwhile.
const SINK_BYTES: usize = 4 << 10;

/// What is asked of a socket besides reading and writing.
pub trait Socket {
    /// Makes the socket end in a reset instead of an orderly close, however it is closed:
    /// also by the kernel, where the process is killed. Or takes that back.
    fn reset_on_close(&self, reset: bool);

    /// What has gone wrong with it since this was last asked.
    fn error(&self) -> Option<io::Error>;
}

impl Socket for TcpStream {
    fn reset_on_close(&self, reset: bool) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(self).set_linger(reset.then_some(Duration::ZERO));
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap_or_else(Some)
    }
}

/// A stream that notes what its peer does.
#[derive(Debug)]
pub struct Watched<S: Socket> {
    stream: S,
    watch: Arc<Watch>,
    /// Which secondary answers.
    instance: Option<Instance>,
    heads: Heads,
    /// What has come, as hyper is to get it.
    arrived: Bytes,
    half_closed: Option<HalfClosed>,
    /// What the stream was told last.
    resets: bool,
    /// The last request of whose answer something was written.
    answered: u64,
    /// Whether all has been written that hyper wanted to.
    is_flushed: bool,
    /// Once the answer to this request has been made: how many of its bytes are still to be
    /// written.
    owed: Option<(u64, usize)>,
    /// An answer in the place of one that hyper has made by itself.
    told: Bytes,
    has_shut_down: bool,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<S: Socket> Watched<S> {
    /// Watches `stream`.
    pub fn new(stream: S, watch: Arc<Watch>) -> Watched<S> {
        Watched {
            stream,
            watch,
            instance: None,
            heads: Heads::new(),
            arrived: Bytes::new(),
            half_closed: None,
            resets: false,
            answered: 0,
            is_flushed: true,
            owed: None,
            told: Bytes::new(),
            has_shut_down: false,
            linger: None,
        }
    }

    /// The same for a secondary, which says on every answer which one it is.
    #[must_use]
    pub fn of_instance(mut self, instance: Instance) -> Watched<S> {
        self.instance = Some(instance);
        self
    }

    /// Before the first byte of an answer that ends by closing, and after its last one.
    fn agree_on_the_end(&mut self) {
        let resets = self.watch.ends_by_closing.load(Relaxed);
        if resets != self.resets {
            self.stream.reset_on_close(resets);
            self.resets = resets;
        }
    }
}

/// A client that takes nothing would leave all that waits for it in the kernel, where
/// nothing counts it any more.
impl<S: Socket> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.watch.stalled_for() >= limits::STALL_TIME {
            self.stream.reset_on_close(true);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.arrived.is_empty() {
            this.hand_over(buf);
            return Poll::Ready(Ok(()));
        }
        if this.half_closed.is_some() {
            return this.poll_half_closed(cx, buf);
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buf) else {
            return this.poll_evicted(cx);
        };
        read?;
        if buf.filled().len() == before {
            return this.poll_end(cx, buf);
        }
        if this.watch.phase.load(Relaxed) == IDLE {
            this.watch.enter(HEAD);
        }
        if let Some(other) = this.heads.take(&buf.filled()[before..]) {
            this.arrived = other.into();
            buf.set_filled(before);
            this.hand_over(buf);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> Watched<S> {
    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.arrived.len().min(buf.remaining());
        buf.put_slice(&self.arrived.split_to(len));
    }

    /// The client sends nothing just now. Where its place is needed, this is taken for the end.
    fn poll_evicted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.watch.phase.load(Relaxed), IDLE | HEAD) {
            return Poll::Pending;
        }
        self.watch.reader.register(cx.waker());
        if self.watch.is_evicted.load(SeqCst) { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// The client has ended its sending.
    fn poll_end(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let is_answering = matches!(self.watch.phase.load(Relaxed), BUSY | LEAVING_WHOLE | LEAVING_BROKEN);
        if is_answering && !self.watch.leaves_at_once.load(Relaxed) {
            let has_begun = self.answered == self.watch.requests.load(Relaxed);
            self.half_closed = Some(HalfClosed::new(has_begun));
            return self.poll_half_closed(cx, buf);
        }
        self.end(buf);
        Poll::Ready(Ok(()))
    }

    /// As long as an answer is on its way, hyper does not learn of the end.
    fn poll_half_closed(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(half_closed) = &mut self.half_closed else { return Poll::Ready(Ok(())) };
        loop {
            if matches!(self.watch.phase.load(Relaxed), IDLE | HEAD) {
                self.end(buf);
                return Poll::Ready(Ok(()));
            }
            ready!(half_closed.poll_look(cx));
            if let Some(error) = self.stream.error() {
                return Poll::Ready(Err(error));
            }
            // Between two answers, to a client that knows what is said before one.
            let may_be_probed = self.is_flushed
                && self.answered != self.watch.requests.load(Relaxed)
                && !self.heads.has_seen_http_1_0;
            match half_closed.step(&self.watch, may_be_probed) {
                Step::Wait => {}
                Step::Probe => {
                    half_closed.was_written_to();
                    self.told = Bytes::from_static(PROBE);
                    // What does not leave now does so before the answer.
                    if let Poll::Ready(Err(error)) = self.poll_told(cx) {
                        return Poll::Ready(Err(error));
                    }
                    return self.poll_half_closed(cx, buf);
                }
                Step::Leave => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        }
    }

    /// The end for hyper, which says nothing by itself of a head that is cut off.
    fn end(&mut self, buf: &mut ReadBuf<'_>) {
        if self.heads.has_ended_in_a_head() {
            // It does not look at a head again before it has seen an empty line.
            self.arrived = Bytes::from_static(&[REFUSED_ANYWHERE, b'\r', b'\n', b'\r', b'\n']);
            self.hand_over(buf);
        }
    }
}

impl<S: AsyncWrite + Socket + Unpin> Watched<S> {
    fn note_write<T>(&self, result: &Poll<io::Result<T>>) {
        if result.is_pending() {
            if self.watch.stalled_since.load(Relaxed) == TAKING {
                self.watch.stalled_since.store(self.watch.now(), Relaxed);
            }
        } else {
            self.watch.stalled_since.store(TAKING, Relaxed);
        }
    }

    /// So many bytes have been written.
    fn wrote(&mut self, result: &Poll<io::Result<usize>>) {
        self.note_write(result);
        self.is_flushed = false;
        let Poll::Ready(Ok(len)) = result else { return };
        self.answered = self.watch.requests.load(Relaxed);
        if let Some((_, left)) = &mut self.owed {
            *left = left.saturating_sub(*len);
        }
        if let Some(half_closed) = &mut self.half_closed {
            half_closed.was_written_to();
        }
    }

    /// How many of `all` bytes that hyper wants to write are an answer's. The others it says by
    /// itself: only where no request is being answered, and behind what is left of the last
    /// answer. It always tries to write that before it looks at the next request.
    fn of_answers(&mut self, all: usize) -> usize {
        let requests = self.watch.requests.load(Relaxed);
        match self.watch.phase.load(Relaxed) {
            BUSY => all,
            LEAVING_WHOLE | LEAVING_BROKEN => {
                let owed = match self.owed {
                    Some((request, left)) if request == requests => left,
                    _ => all,
                };
                self.owed = Some((requests, owed));
                owed.min(all)
            }
            _ => 0,
        }
    }

    /// Takes what hyper says by itself, and puts an answer that says more in its place. False
    /// where it is to leave as it is.
    fn takes(&mut self, bare: &[u8]) -> bool {
        let Some(told) = told(bare, &self.heads, self.instance) else { return false };
        self.told = told;
        self.heads.are_refused();
        true
    }

    /// Writes the answer that stands in for hyper's.
    fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.told.is_empty() {
            let result = Pin::new(&mut self.stream).poll_write(cx, &self.told);
            self.note_write(&result);
            match ready!(result)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                len => self.told.advance(len),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> Watched<S> {
    /// Reads what the client still sends, until it has ended too.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        if linger.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut sink = [0; SINK_BYTES];
        loop {
            let mut buf = ReadBuf::new(&mut sink);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                // It is gone, one way or the other.
                _ => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_told(cx))?;
        let mut len = this.of_answers(buf.len());
        if len == 0 {
            if this.takes(buf) {
                return Poll::Ready(Ok(buf.len()));
            }
            len = buf.len();
        }
        this.agree_on_the_end();
        let result = Pin::new(&mut this.stream).poll_write(cx, &buf[..len]);
        this.wrote(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all: usize = bufs.iter().map(|buf| buf.len()).sum();
        if self.of_answers(all) < all || !self.told.is_empty() {
            let first = bufs.iter().find(|buf| !buf.is_empty());
            return self.poll_write(cx, first.map_or(&[], |buf| buf));
        }
        let this = &mut *self;
        this.agree_on_the_end();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.wrote(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper calls it once its own buffer is empty, and only then.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_told(cx))?;
        ready!(Pin::new(&mut this.stream).poll_flush(cx))?;
        this.is_flushed = true;
        this.watch.written();
        this.agree_on_the_end();
        if this.half_closed.is_some() && this.watch.phase.load(Relaxed) == IDLE {
            // Now hyper may learn that nothing more comes.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    /// The same.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.has_shut_down {
            ready!(this.poll_told(cx))?;
            this.watch.written();
            this.agree_on_the_end();
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            this.has_shut_down = true;
        }
        if this.heads.leaves_a_rest() { this.poll_linger(cx) } else { Poll::Ready(Ok(())) }
    }
}
