//! From the client to hyper.

use super::{Socket, Watched};
use crate::conn::half_closed::{HalfClosed, PROBE, Step};
use crate::conn::heads::REFUSED_ANYWHERE;
use crate::conn::{BUSY, HEAD, IDLE, LEAVING_BROKEN, LEAVING_WHOLE};
use bytes::{Buf as _, Bytes, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// When this many bytes of further requests have arrived, nothing more is read until the first
/// request is answered. Until then it is not noticed either if the client is gone.
const BEHIND_BYTES: usize = 16 << 10;

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            if !this.arrived.is_empty() {
                this.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            // The rest may be a body, which hyper may read at any time.
            let waits = this.watch.phase.load(Relaxed) == BUSY && !this.heads.leaves_a_rest();
            if !waits && this.goes_on(buf) {
                return Poll::Ready(Ok(()));
            }
            if this.half_closed.is_some() {
                return this.poll_half_closed(cx, buf);
            }
            if this.behind.len() >= BEHIND_BYTES {
                return this.poll_evicted(cx);
            }
            let before = buf.filled().len();
            let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(cx, buf) else {
                return this.poll_evicted(cx);
            };
            read?;
            let new = &buf.filled()[before..];
            if new.is_empty() {
                return this.poll_end(cx, buf);
            }
            if waits
                || !this.behind.is_empty()
                || this.heads.empty_lines(new) > 0
                || this.heads.may_be_empty(new)
            {
                this.behind.extend_from_slice(new);
                buf.set_filled(before);
                continue;
            }
            // The usual case: one complete head, which stays where it is.
            let (used, other) = this.heads.take(new);
            this.behind.extend_from_slice(&new[used..]);
            this.head_comes();
            let Some(other) = other else {
                buf.set_filled(before + used);
                return Poll::Ready(Ok(()));
            };
            this.arrived = other.into();
            buf.set_filled(before);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Socket + Unpin> Watched<S> {
    fn head_comes(&mut self) {
        if self.watch.phase.load(Relaxed) == IDLE {
            self.watch.enter(HEAD);
        }
    }

    /// Gives hyper bytes that arrived after the last request. False if there are none that it can
    /// use.
    fn goes_on(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let empty = self.heads.empty_lines(&self.behind);
        self.behind.advance(empty);
        if self.behind.is_empty() || self.heads.may_be_empty(&self.behind) {
            return false;
        }
        let (used, other) = self.heads.take(&self.behind);
        let head = self.behind.split_to(used);
        self.arrived = other.map_or_else(|| head.freeze(), Bytes::from);
        if self.behind.is_empty() {
            // An empty buffer would keep its memory.
            self.behind = BytesMut::new();
        }
        self.head_comes();
        self.hand_over(buf);
        true
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let len = self.arrived.len().min(buf.remaining());
        buf.put_slice(&self.arrived.split_to(len));
    }

    /// Nothing has arrived from the client. If its place is needed, hyper is told that the
    /// connection has ended.
    fn poll_evicted(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.poll_evicted(cx).map(Ok)
    }

    /// The client has ended its side of the connection.
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

    /// Hides the client's end from hyper until the answer has been sent.
    fn poll_half_closed(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(half_closed) = &mut self.half_closed else { return Poll::Ready(Ok(())) };
        loop {
            if matches!(self.watch.phase.load(Relaxed), IDLE | HEAD) {
                if !self.goes_on(buf) {
                    self.end(buf);
                }
                return Poll::Ready(Ok(()));
            }
            ready!(half_closed.poll_look(cx));
            if let Some(error) = self.stream.error() {
                return Poll::Ready(Err(error));
            }
            // Only before the first byte of an answer, and not to HTTP/1.0, which has no interim
            // responses.
            let may_be_probed = self.is_flushed
                && self.answered != self.watch.requests.load(Relaxed)
                && !self.heads.has_seen_http_1_0;
            match half_closed.step(&self.watch, may_be_probed) {
                Step::Wait => {}
                Step::Probe => {
                    half_closed.was_written_to();
                    self.told = Bytes::from_static(PROBE);
                    // What cannot be written now is written before the answer.
                    if let Poll::Ready(Err(error)) = self.poll_told(cx) {
                        return Poll::Ready(Err(error));
                    }
                    return self.poll_half_closed(cx, buf);
                }
                Step::Leave => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
            }
        }
    }

    /// Tells hyper that the client has ended. hyper would not answer a head that is cut off, so a
    /// byte is added that it refuses.
    fn end(&mut self, buf: &mut ReadBuf<'_>) {
        if self.heads.has_ended_in_a_head() {
            // hyper parses a head again only after an empty line.
            self.arrived = Bytes::from_static(&[REFUSED_ANYWHERE, b'\r', b'\n', b'\r', b'\n']);
            self.hand_over(buf);
        }
    }
}
