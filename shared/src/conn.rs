//! How long a peer may take over a connection. Both servers wrap each socket in a
//! [`Watched`] stream, and look at its [`Watch`] about once a second: one timer a thread,
//! where a timer for each read and write would be the costlier part of a small request.

mod answer;
mod refusal;

pub use answer::Answer;
pub use refusal::{REFUSALS, refuse};

use futures_util::task::AtomicWaker;
use socket2::SockRef;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::limits;

/// What a connection waits for, and since when.
#[derive(Debug)]
pub struct Watch {
    born: Instant,
    phase: AtomicU8,
    /// Milliseconds after `born`.
    phase_since: AtomicU64,
    /// Milliseconds after `born` since when the peer takes nothing; `TAKING` if it does.
    stalled_since: AtomicU64,
    /// Counts the times that all that was buffered for the socket has been written.
    flushes: AtomicU64,
    /// The failing answer that waits for the next one.
    flushed: AtomicWaker,
    /// Whether an answer is on its way whose end is the connection's end.
    ends_by_closing: AtomicBool,
    /// Milliseconds after `born` by when the answer is to be with the peer; `NEVER` if that is
    /// not limited.
    answer_until: AtomicU64,
}

/// Nothing is asked for.
const IDLE: u8 = 0;
/// A request's head is coming in.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;
/// All of an answer has been produced, and the last of it is on its way.
const LEAVING_WHOLE: u8 = 3;
/// The same of an answer that was broken off.
const LEAVING_BROKEN: u8 = 4;
const TAKING: u64 = u64::MAX;
const NEVER: u64 = u64::MAX;

/// How long what is left of an answer may take to leave once the time for its request is over.
const LATE_GRACE: Duration = Duration::from_secs(5);

/// Why a connection is to be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// The head of a request took too long.
    Head,
    /// Nothing was asked for too long.
    Idle,
    /// The peer took nothing for too long.
    Stalled,
    /// The time for the request was over, and the peer had not taken all of the answer.
    Late,
}

impl Watch {
    /// A connection that has just been accepted.
    pub fn new() -> Arc<Watch> {
        Arc::new(Watch {
            born: Instant::now(),
            phase: AtomicU8::new(IDLE),
            phase_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(TAKING),
            flushes: AtomicU64::new(0),
            flushed: AtomicWaker::new(),
            ends_by_closing: AtomicBool::new(false),
            answer_until: AtomicU64::new(NEVER),
        })
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn enter(&self, phase: u8) {
        // The time first: whoever sees the phase, on another thread, sees its time.
        self.phase_since.store(self.now(), Relaxed);
        self.phase.store(phase, Release);
    }

    /// A request's head is whole: what follows is the server's time.
    pub fn request_began(&self) {
        self.answer_until.store(NEVER, Relaxed);
        self.enter(BUSY);
    }

    /// The answer that is on its way is to end within this time: what has not left a little
    /// later is cut.
    pub fn answer_within(&self, time: Duration) {
        let time = u64::try_from((time + LATE_GRACE).as_millis()).unwrap_or(NEVER);
        self.answer_until.store(self.now().saturating_add(time), Relaxed);
    }

    /// All that was produced has been written: an answer that was leaving is gone.
    fn written(&self) {
        self.flushes.fetch_add(1, Relaxed);
        let phase = self.phase.load(Relaxed);
        if phase == LEAVING_WHOLE {
            self.ends_by_closing.store(false, Relaxed);
        }
        if matches!(phase, LEAVING_WHOLE | LEAVING_BROKEN) {
            self.enter(IDLE);
        }
        self.flushed.wake();
    }

    /// How long the peer has taken nothing.
    pub fn stalled_for(&self) -> Duration {
        match self.stalled_since.load(Relaxed) {
            TAKING => Duration::ZERO,
            since => Duration::from_millis(self.now().saturating_sub(since)),
        }
    }

    /// Whether the peer has overdrawn its time, and over what.
    pub fn overdue(&self) -> Option<Overdue> {
        if self.stalled_for() >= limits::STALL_TIME {
            return Some(Overdue::Stalled);
        }
        let phase = self.phase.load(Acquire);
        let waited = Duration::from_millis(self.now().saturating_sub(self.phase_since.load(Relaxed)));
        match phase {
            HEAD if waited >= limits::HEAD_TIME => Some(Overdue::Head),
            BUSY | LEAVING_WHOLE | LEAVING_BROKEN if self.answer_until.load(Relaxed) <= self.now() => {
                Some(Overdue::Late)
            }
            IDLE if waited >= limits::KEEP_ALIVE_TIME => Some(Overdue::Idle),
            _ => None,
        }
    }
}

/// A socket that can be closed in a way that its peer takes for an error.
pub trait Reset {
    /// Makes the socket end in a reset instead of an orderly close, however it is closed:
    /// also by the kernel, where the process is killed. Or takes that back.
    fn reset_on_close(&self, reset: bool);
}

impl Reset for TcpStream {
    fn reset_on_close(&self, reset: bool) {
        // Where it fails the connection is gone already.
        let _ = SockRef::from(self).set_linger(reset.then_some(Duration::ZERO));
    }
}

/// Prepares a socket that was just accepted: small answers leave at once, and little waits
/// in the kernel.
pub fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_notsent_lowat(limits::UNSENT_BYTES)
}

/// A stream that notes what its peer does.
#[derive(Debug)]
pub struct Watched<S: Reset> {
    stream: S,
    watch: Arc<Watch>,
    /// What the stream was told last.
    resets: bool,
}

impl<S: Reset> Watched<S> {
    /// Watches `stream`.
    pub fn new(stream: S, watch: Arc<Watch>) -> Watched<S> {
        Watched { stream, watch, resets: false }
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
impl<S: Reset> Drop for Watched<S> {
    fn drop(&mut self) {
        if self.watch.stalled_for() >= limits::STALL_TIME {
            self.stream.reset_on_close(true);
        }
    }
}

impl<S: AsyncRead + Reset + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        if buf.filled().len() > before && self.watch.phase.load(Relaxed) == IDLE {
            self.watch.enter(HEAD);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Reset + Unpin> Watched<S> {
    fn note_write<T>(&self, result: &Poll<io::Result<T>>) {
        if result.is_pending() {
            if self.watch.stalled_since.load(Relaxed) == TAKING {
                self.watch.stalled_since.store(self.watch.now(), Relaxed);
            }
        } else {
            self.watch.stalled_since.store(TAKING, Relaxed);
        }
    }
}

impl<S: AsyncWrite + Reset + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.agree_on_the_end();
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_write(&result);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.agree_on_the_end();
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note_write(&result);
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper calls it once its own buffer is empty, and only then.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.watch.written();
        self.agree_on_the_end();
        Poll::Ready(Ok(()))
    }

    /// The same.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.watch.written();
        self.agree_on_the_end();
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
