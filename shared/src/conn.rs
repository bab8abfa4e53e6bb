//! How long a peer may take over a connection. Both servers wrap each socket in a
//! [`Watched`] stream, and look at its [`Watch`] about once a second: one timer a thread,
//! where a timer for each read and write would be the costlier part of a small request.

mod answer;
mod connections;
mod half_closed;
mod heads;
mod refusal;
mod unsound;
mod watched;

pub use answer::Answer;
pub use connections::{Connections, HEALTH_RESERVE};
pub(crate) use heads::is_encoded;
pub use refusal::{REFUSALS, refuse};
pub use watched::{Socket, Watched};

use crate::wire::problem::{Code, Problem};
use futures_util::task::AtomicWaker;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

use crate::limits;

/// What a connection waits for, and since when.
#[derive(Debug)]
pub struct Watch {
    born: Instant,
    /// Who is at the other end, where that is known.
    client: Option<SocketAddr>,
    /// Whether it is one of the few that are kept for health checks.
    is_reserved: bool,
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
    /// Requests so far.
    requests: AtomicU64,
    /// Which endpoint the last one asked.
    endpoint: AtomicU8,
    /// Whether a peer that ends its sending has gone.
    leaves_at_once: AtomicBool,
    /// Whether the connection is to make room for another one, as soon as it is idle.
    is_evicted: AtomicBool,
    /// What waits for the next request.
    reader: AtomicWaker,
    /// Milliseconds after `born` by when the answer is to be with the peer; `NEVER` if that is
    /// not limited.
    answer_until: AtomicU64,
}

/// What the log says of a request. No more: the rest of its target is the client's business.
const ENDPOINTS: [&str; 6] = ["/logs", "/files", "/hosts", "/healthz", "/readyz", "/"];

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

/// How long a first request, or the rest of a request's head, is waited for where others need the
/// connection's place.
const HEAD_GRACE: Duration = Duration::from_secs(1);

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
        Watch::of(None, false)
    }

    fn of(client: Option<SocketAddr>, is_reserved: bool) -> Arc<Watch> {
        Arc::new(Watch {
            born: Instant::now(),
            client,
            is_reserved,
            phase: AtomicU8::new(IDLE),
            phase_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(TAKING),
            flushes: AtomicU64::new(0),
            flushed: AtomicWaker::new(),
            ends_by_closing: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            endpoint: AtomicU8::new(0),
            leaves_at_once: AtomicBool::new(false),
            is_evicted: AtomicBool::new(false),
            reader: AtomicWaker::new(),
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

    /// The head of a request for this path is whole: what follows is the server's time.
    pub fn request_began(&self, path: &str) {
        let known = ENDPOINTS.iter().position(|endpoint| *endpoint == path).unwrap_or(ENDPOINTS.len());
        self.endpoint.store(u8::try_from(known).unwrap_or(u8::MAX), Relaxed);
        // One task counts them.
        self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
        self.answer_until.store(NEVER, Relaxed);
        self.enter(BUSY);
    }

    /// A request was refused by a head that cannot be read: the connection is of no more use than
    /// an idle one.
    fn request_was_refused(&self) {
        self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
        self.enter(IDLE);
    }

    /// The answer that is on its way is to end within this time: what has not left a little
    /// later is cut.
    pub fn answer_within(&self, time: Duration) {
        let time = u64::try_from((time + LATE_GRACE).as_millis()).unwrap_or(NEVER);
        self.answer_until.store(self.now().saturating_add(time), Relaxed);
    }

    /// The peer is a primary: where it ends its sending it wants nothing any more. Any other
    /// client may have ended only that, and wait for its answer.
    pub fn peer_leaves_at_once(&self) {
        self.leaves_at_once.store(true, Relaxed);
    }

    /// What is answered to a request for this path instead, where the connection is one of those
    /// that are kept for health checks.
    pub fn refused(&self, path: &str) -> Option<Problem> {
        let is_for_others = self.is_reserved && !matches!(path, "/healthz" | "/readyz");
        is_for_others.then(|| Problem::new(Code::Overloaded, refusal::TOO_MANY))
    }

    /// Whether the connection is to end with its first answer.
    pub fn ends_with_its_answer(&self) -> bool {
        self.is_reserved
    }

    /// Since when it has been idle, or has not sent the rest of a head; nothing where it is of use,
    /// or so new that its first request may be on its way.
    fn evictable(&self) -> Option<Instant> {
        let phase = self.phase.load(Acquire);
        let since = self.born + Duration::from_millis(self.phase_since.load(Relaxed));
        let is_evictable = match phase {
            IDLE if self.requests.load(Relaxed) > 0 => true,
            IDLE | HEAD => since.elapsed() >= HEAD_GRACE,
            _ => false,
        };
        (is_evictable && !self.is_evicted.load(Relaxed)).then_some(since)
    }

    /// Whether a request came before it was told to make room, or instead of that.
    fn is_answering(&self) -> bool {
        !matches!(self.phase.load(Acquire), IDLE | HEAD)
    }

    /// Makes it end, unless a request comes first that is on its way already.
    fn evict(&self) {
        self.is_evicted.store(true, SeqCst);
        self.reader.wake();
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

    /// Says in the log that the connection is cut, and which answer is lost. `file` is the one
    /// that was asked for, where that is known.
    pub fn log_cut(&self, overdue: Overdue, file: Option<&str>) {
        let client = self.client.map(tracing::field::display);
        let endpoint = ENDPOINTS.get(usize::from(self.endpoint.load(Relaxed))).unwrap_or(&"other");
        match overdue {
            Overdue::Stalled => tracing::warn!(
                client,
                endpoint,
                file,
                "an answer was cut: it was not read for {} s",
                limits::STALL_TIME.as_secs()
            ),
            Overdue::Late => tracing::warn!(
                client,
                endpoint,
                file,
                "an answer was cut: its client had not read all of it when the time for its request was over"
            ),
            Overdue::Head | Overdue::Idle => tracing::debug!(client, ?overdue, "a connection is cut"),
        }
    }
}

/// Prepares a socket that was just accepted: small answers leave at once, and little waits
/// in the kernel.
pub fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_notsent_lowat(limits::UNSENT_BYTES)
}

#[cfg(test)]
mod tests;
