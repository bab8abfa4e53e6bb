//! Time limits of a connection. Both servers wrap each socket in a [`Watched`] stream, and check
//! its [`Watch`] about once a second. One timer for a thread is enough: a timer for each read and
//! write would cost more than the rest of a small request.

mod bare_answer;
mod connections;
pub mod exchange;
mod half_closed;
mod heads;
mod overdue;
mod peer;
mod place;
mod refusal;
mod unsound;
mod watched;
mod watched_body;

#[cfg(feature = "fuzzing")]
pub use heads::seen::{SeenHead, SeenHeads};

pub use connections::{Connections, HEALTH_PORT_CONNECTIONS, HEALTH_RESERVE};
pub use overdue::Overdue;
pub use peer::{Peer, is_loopback};
pub use refusal::{REFUSALS, refuse};
pub(crate) use refusal::{linger, tell};
pub use watched::{Socket, Watched};
pub use watched_body::{Kept, WatchedBody, told_by_closing};

use crate::wire::problem::Problem;
use exchange::Exchange;
use futures_util::task::AtomicWaker;
use place::Place;
use socket2::SockRef;
use std::io;
use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

use crate::limits;

/// The state of a connection, and since when it is in that state.
#[derive(Debug)]
pub struct Watch {
    born: Instant,
    /// Who is at the other end.
    peer: Peer,
    /// The names of its verified certificate, if it has shown one.
    names: OnceLock<Arc<[String]>>,
    /// What may be asked on it.
    place: Place,
    phase: AtomicU8,
    /// Milliseconds after `born`.
    phase_since: AtomicU64,
    /// When the peer stopped reading, in milliseconds after `born`; `TAKING` while it reads.
    stalled_since: AtomicU64,
    /// How often everything that was buffered for the socket has been written.
    flushes: AtomicU64,
    /// Wakes an answer that waits until everything has been written.
    flushed: AtomicWaker,
    /// Whether an answer is being sent that ends when the connection closes.
    ends_by_closing: AtomicBool,
    /// Requests so far.
    requests: AtomicU64,
    /// The endpoint of the last request: an index into `ENDPOINTS`.
    endpoint: AtomicU8,
    /// The last request that was answered, while its answer is being sent.
    answered: Mutex<Weak<Exchange>>,
    /// Whether a peer that ends its side of the connection is taken for gone.
    leaves_at_once: AtomicBool,
    /// Whether the connection closes after the answer in flight or the next one.
    ends_with_its_answer: AtomicBool,
    /// Whether the connection has to close, as soon as it is idle, to make room for another one.
    is_evicted: AtomicBool,
    /// Wakes the task that waits for the next request.
    reader: AtomicWaker,
    /// When the peer must have the answer at the latest, in milliseconds after `born`; `NEVER` if
    /// there is no limit.
    answer_until: AtomicU64,
    /// Whether the server has cut the connection because it was overdue.
    is_cut: AtomicBool,
}

/// The endpoints that the log names. It does not show the rest of a request's target, which may be
/// confidential.
const ENDPOINTS: [&str; 7] = ["/logs", "/files", "/hosts", "/healthz", "/readyz", "/metrics", "/"];

/// No request is there.
const IDLE: u8 = 0;
/// The head of a request is being received.
const HEAD: u8 = 1;
/// A request is being answered.
const BUSY: u8 = 2;
/// The whole answer has been produced, and its end is being sent.
const LEAVING_WHOLE: u8 = 3;
/// The answer was broken off, and the rest of what was produced is being sent.
const LEAVING_BROKEN: u8 = 4;
const TAKING: u64 = u64::MAX;
const NEVER: u64 = u64::MAX;

/// How long the rest of an answer may take to be sent after the time for its request is over.
const LATE_GRACE: Duration = Duration::from_secs(5);

/// How long to wait for a first request, or for the rest of a request's head, while another client
/// needs the connection's place.
const HEAD_GRACE: Duration = Duration::from_secs(1);

impl Watch {
    /// The watch of a connection that has just been accepted.
    pub fn new() -> Arc<Watch> {
        Watch::of(Peer::Unknown, Place::Ordinary)
    }

    fn of(peer: Peer, place: Place) -> Arc<Watch> {
        Arc::new(Watch {
            born: Instant::now(),
            peer,
            names: OnceLock::new(),
            place,
            phase: AtomicU8::new(IDLE),
            phase_since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(TAKING),
            flushes: AtomicU64::new(0),
            flushed: AtomicWaker::new(),
            ends_by_closing: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            endpoint: AtomicU8::new(0),
            answered: Mutex::default(),
            leaves_at_once: AtomicBool::new(false),
            ends_with_its_answer: AtomicBool::new(place == Place::Reserve),
            is_evicted: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            answer_until: AtomicU64::new(NEVER),
            is_cut: AtomicBool::new(false),
        })
    }

    /// Who is at the other end of the connection.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Notes the names in the certificate that the peer has shown, once it was verified. Only the
    /// first call has an effect.
    pub fn identify(&self, names: Arc<[String]>) {
        // A connection has one handshake.
        let _ = self.names.set(names);
    }

    /// The names in the peer's verified certificate, if it has shown one.
    pub fn certificate_names(&self) -> Option<&[String]> {
        self.names.get().map(|names| &**names)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
    }

    fn enter(&self, phase: u8) {
        // The time is stored first, so that another thread that sees the phase sees its time too.
        self.phase_since.store(self.now(), Relaxed);
        self.phase.store(phase, Release);
    }

    /// Notes that a TLS handshake has begun. It counts as the head of a request.
    pub(crate) fn handshake_began(&self) {
        self.enter(HEAD);
    }

    /// Notes that the handshake is done.
    pub(crate) fn handshake_ended(&self) {
        self.enter(IDLE);
    }

    /// Ready if the connection has to make room now: nothing is being answered, and another one
    /// needs its place.
    pub(crate) fn poll_evicted(&self, cx: &mut Context<'_>) -> Poll<()> {
        // Also while an answer is being sent: hyper does not poll again when the connection becomes
        // idle.
        self.reader.register(cx.waker());
        if !self.is_answering() && self.is_evicted.load(SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Notes that the head of a request for this path is complete. From here on the server is
    /// responsible for the time that passes.
    pub fn request_began(&self, path: &str) {
        let known = ENDPOINTS.iter().position(|endpoint| *endpoint == path).unwrap_or(ENDPOINTS.len());
        self.endpoint.store(u8::try_from(known).unwrap_or(u8::MAX), Relaxed);
        // Only one task changes this number.
        self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
        self.answer_until.store(NEVER, Relaxed);
        self.enter(BUSY);
    }

    /// Notes that a request was refused because its head cannot be read. From now on the connection
    /// counts as idle.
    fn request_was_refused(&self) {
        self.requests.store(self.requests.load(Relaxed) + 1, Relaxed);
        self.enter(IDLE);
    }

    /// Sets the time within which the answer has to end. If it has not been sent a little later,
    /// the connection is cut.
    pub fn answer_within(&self, time: Duration) {
        let time = u64::try_from((time + LATE_GRACE).as_millis()).unwrap_or(NEVER);
        self.answer_until.store(self.now().saturating_add(time), Relaxed);
    }

    /// Notes that the peer is a primary: when it ends its side of the connection, it does not want
    /// the answer any more. Any other client may still wait for its answer.
    pub fn peer_leaves_at_once(&self) {
        self.leaves_at_once.store(true, Relaxed);
    }

    /// The problem to answer a request for this path with, if the connection is for health checks and
    /// metrics, and the request is for something else.
    pub fn refused(&self, path: &str) -> Option<Problem> {
        self.place.refused(path)
    }

    /// Whether it came to the health port. Such a connection is served to the end of the drain.
    pub fn is_of_health_port(&self) -> bool {
        self.place == Place::HealthPort
    }

    /// Notes whose answer is being sent, for the log.
    fn answers(&self, exchange: &Arc<Exchange>) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(exchange);
    }

    /// Whether the connection closes after this answer.
    pub fn ends_with_its_answer(&self) -> bool {
        self.ends_with_its_answer.load(Relaxed)
    }

    /// Lets the connection close after the answer in flight or the next one.
    fn end_with_answer(&self) {
        self.ends_with_its_answer.store(true, Relaxed);
    }

    /// Since when the connection has been idle, or has not sent the rest of a head. `None` if it is
    /// in use, or so new that its first request may still arrive.
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

    /// Whether a request has arrived, so that the connection does not close to make room.
    fn is_answering(&self) -> bool {
        !matches!(self.phase.load(Acquire), IDLE | HEAD)
    }

    /// Makes the connection close, unless a request that is already on its way arrives first.
    fn evict(&self) {
        self.is_evicted.store(true, SeqCst);
        self.reader.wake();
    }

    /// Notes that everything that was produced has been written. If an answer was leaving, it is
    /// complete.
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
}

/// The endpoint at this path, as the log and the audit name it.
pub fn endpoint(path: &str) -> &'static str {
    ENDPOINTS.iter().find(|endpoint| **endpoint == path).unwrap_or(&"other")
}

/// Prepares a socket that was just accepted: small answers are sent at once, and the kernel holds
/// little unsent data.
pub fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    SockRef::from(socket).set_tcp_notsent_lowat(limits::UNSENT_BYTES)
}

#[cfg(test)]
mod tests;
