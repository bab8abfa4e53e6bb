//! From hyper to the client.

use super::{Socket, Watched};
use crate::conn::bare_answer;
use crate::conn::{BUSY, IDLE, LEAVING_BROKEN, LEAVING_WHOLE, TAKING};
use bytes::Buf as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;

/// How long a client that still sends may take to read why it was refused. To close a socket before
/// it was read to its end resets the connection, and the client would lose the answer.
const LINGER: Duration = Duration::from_secs(2);

/// Bytes that are read and dropped at once meanwhile.
const SINK_BYTES: usize = 4 << 10;

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

    /// Notes the result of a write.
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

    /// How many of the `all` bytes that hyper wants to write belong to an answer of ours. The
    /// others are hyper's own answer. hyper makes one only while no request is being answered, and
    /// it stands after the rest of the last answer: hyper tries to write that rest before it parses
    /// the next request.
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

    /// Replaces hyper's own answer by one that says what is wrong. False if it has to be sent as it
    /// is.
    fn takes(&mut self, bare: &[u8]) -> bool {
        let Some(told) = bare_answer::instead_of(bare, &self.heads, self.instance) else { return false };
        self.told = told;
        self.heads.are_refused();
        true
    }

    /// Writes the answer that replaces hyper's.
    pub(super) fn poll_told(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
    /// Reads what the client still sends, until it has ended its side too.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let linger = self.linger.get_or_insert_with(|| {
            self.watch.request_was_refused();
            Box::pin(sleep(LINGER))
        });
        self.watch.reader.register(cx.waker());
        if linger.as_mut().poll(cx).is_ready() || self.watch.is_evicted.load(SeqCst) {
            return Poll::Ready(Ok(()));
        }
        let mut sink = [0; SINK_BYTES];
        loop {
            let mut buf = ReadBuf::new(&mut sink);
            match ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                // The client has ended, or the connection has failed.
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

    /// hyper calls this only when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        ready!(this.poll_told(cx))?;
        // A stream that encrypts has taken more than its socket has.
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.note_write(&flushed);
        ready!(flushed)?;
        this.is_flushed = true;
        let was_leaving = matches!(this.watch.phase.load(Relaxed), LEAVING_WHOLE | LEAVING_BROKEN);
        this.watch.written();
        this.agree_on_the_end();
        if was_leaving && !this.behind.is_empty() {
            // Now hyper gets the next request. It has polled for it before, and was told to wait.
            cx.waker().wake_by_ref();
        }
        if this.half_closed.is_some() && this.watch.phase.load(Relaxed) == IDLE {
            // Now hyper is told that the client has ended.
            cx.waker().wake_by_ref();
        }
        Poll::Ready(Ok(()))
    }

    /// hyper calls this, too, only when its own buffer is empty.
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
