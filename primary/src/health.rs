//! How each host is: asked for `/readyz` at an interval, and told by the requests.
//!
//! A host is *down* after [`FAILURES`] failures in a row, of probes or of requests that could
//! not connect, until a probe succeeds. One that is down is not asked by requests: each would
//! wait as long as the one before it to learn the same.

mod probe;

pub use probe::{PROBES, Watching, probe};

use crate::upstream::heard::{TEXT_BYTES, line};
use backscroll_shared::wire::instance::Instance;
use jiff::Timestamp;
use probe::Readiness;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Failures in a row after which a host is down: one may be a restart, two a packet lost twice.
pub const FAILURES: u32 = 3;

/// How long a request waits for a suspect host to begin its answer. Those that hang cost each
/// request no more than this; one that has only stalled answers within it once it goes on.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// Bytes of what a host says of itself that are kept. A version has a dozen.
const SAID_BYTES: usize = 255;

/// Warnings of a host that are kept. One has a few settings to warn of.
const WARNINGS: usize = 8;

/// Requests under way at one host, each over a connection: as many as a secondary takes. Those
/// of slow readers last, and are not to keep the others out before the secondary would.
pub const REQUESTS: usize = 1024;

/// Failures within this time are one: many requests see the same restart at once.
const BURST: Duration = Duration::from_millis(100);

/// How the last probe, or a request since, found a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It has not been asked yet.
    #[default]
    Unknown,
    /// It serves.
    Ready,
    /// It answers, but does not serve.
    NotReady,
    /// It does not answer, or not like a secondary.
    Unreachable,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Ready => "ready",
            State::NotReady => "not_ready",
            State::Unreachable => "unreachable",
        }
    }
}

/// What the last probes said.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How it was found.
    pub state: State,
    /// Its version, as it last said.
    pub version: Option<String>,
    /// Its read engine, as it last said.
    pub io_engine: Option<String>,
    /// Why it is not ready, or no secondary; none where it is ready, or says nothing.
    pub reason: Option<String>,
    /// What it warns of, as it last said.
    pub warnings: Vec<String>,
    failures: u32,
    failing_since: Option<Instant>,
    last_failure: Option<Instant>,
}

/// How one host is. Requests of all threads look at it.
#[derive(Debug)]
pub struct Health {
    /// For the log: a URL may have several names.
    url: String,
    /// Whether there is a failure that nothing has followed yet.
    failing: AtomicBool,
    /// Whether somebody has waited for it in vain, and nothing has been heard of it since.
    suspect: AtomicBool,
    down: AtomicBool,
    /// When it last answered, in milliseconds since 1970; 0 where it never did.
    contact_ms: AtomicI64,
    seen: Mutex<Seen>,
    /// Which secondary answered there last.
    instance: Mutex<Option<Instance>>,
    /// Asks for a probe before its time.
    suspected: Notify,
    /// Who may be asked something there now.
    places: Arc<Semaphore>,
}

impl Health {
    /// Of a host that has not been asked.
    pub fn new(url: &str) -> Health {
        Health {
            url: url.to_owned(),
            failing: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            down: AtomicBool::new(false),
            contact_ms: AtomicI64::new(0),
            seen: Mutex::default(),
            instance: Mutex::default(),
            suspected: Notify::new(),
            places: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// A place among the requests that are under way there, once there is one.
    pub async fn place(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.places).acquire_owned().await.expect("it is never closed")
    }

    /// Whether it is not to be asked by requests.
    pub fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// For how long it has not answered, where it is down.
    pub fn down_for(&self) -> Option<Duration> {
        let since = || locked(&self.seen).failing_since.map(|since| since.elapsed());
        self.is_down().then(since).flatten()
    }

    /// Which secondary answers there; none where that is not known, or where it is down: by now
    /// it may be another one.
    pub fn instance(&self) -> Option<Instance> {
        if self.is_down() { None } else { *locked(&self.instance) }
    }

    /// When it last answered.
    pub fn last_contact(&self) -> Option<Timestamp> {
        match self.contact_ms.load(Relaxed) {
            0 => None,
            ms => Timestamp::from_millisecond(ms).ok(),
        }
    }

    /// What the last probes said.
    pub fn seen(&self) -> Seen {
        locked(&self.seen).clone()
    }

    /// How long a request waits for it to begin its answer, which is `usual` unless somebody
    /// has waited in vain before.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.suspect.load(Relaxed) { usual.min(PATIENCE) } else { usual }
    }

    /// Whether it has answered somebody since.
    pub fn has_answered_since(&self, then: Instant) -> bool {
        let ago_ms = i64::try_from(then.elapsed().as_millis()).unwrap_or(i64::MAX);
        let then_ms = Timestamp::now().as_millisecond().saturating_sub(ago_ms);
        self.contact_ms.load(Relaxed) > then_ms
    }

    /// A request that began then was not answered in the time that it had.
    pub fn hung(&self, began: Instant) {
        if self.has_answered_since(began) {
            // It lives, whatever became of that one request.
            return;
        }
        self.suspect.store(true, Relaxed);
        self.suspected.notify_one();
        self.failed();
    }

    /// A request could not connect.
    pub fn failed(&self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(&self, now: Instant) {
        if self.one_more_failure(now) {
            // It may be back already: whoever asks next need not wait for the interval.
            self.suspected.notify_one();
        }
    }

    /// A request was answered by this secondary, whatever the answer was.
    pub fn answered(&self, instance: Instance) {
        *locked(&self.instance) = Some(instance);
        self.contact_ms.store(Timestamp::now().as_millisecond(), Relaxed);
        if self.failing.load(Relaxed) {
            let mut seen = locked(&self.seen);
            if self.is_down() {
                // The request began before that. A probe has the last word, but soon.
                self.suspected.notify_one();
            } else {
                self.forget_failures(&mut seen);
            }
        }
    }

    /// Returns whether it is down by this one.
    fn one_more_failure(&self, now: Instant) -> bool {
        let mut seen = locked(&self.seen);
        seen.state = State::Unreachable;
        seen.reason = None;
        if seen.last_failure.is_some_and(|last| now.saturating_duration_since(last) < BURST) {
            return false;
        }
        seen.last_failure = Some(now);
        seen.failures = seen.failures.saturating_add(1);
        seen.failing_since.get_or_insert(now);
        self.failing.store(true, Relaxed);
        let down = seen.failures >= FAILURES && !self.down.swap(true, Relaxed);
        if down {
            tracing::warn!(
                url = self.url,
                failures = seen.failures,
                "host is down: not asked until it answers"
            );
        }
        down
    }

    fn forget_failures(&self, seen: &mut Seen) {
        seen.failures = 0;
        seen.failing_since = None;
        seen.last_failure = None;
        self.failing.store(false, Relaxed);
        self.suspect.store(false, Relaxed);
    }

    /// A probe was answered by what is no secondary.
    fn is_foreign(&self, now: Instant) {
        self.one_more_failure(now);
        locked(&self.seen).reason = Some("what answers at this URL is no secondary".to_owned());
    }

    /// A probe was answered by this secondary.
    fn probed(&self, state: State, instance: Instance, readiness: &Readiness) {
        self.contact_ms.store(Timestamp::now().as_millisecond(), Relaxed);
        let said = |text: &Option<String>| {
            text.as_deref().filter(|text| text.len() <= SAID_BYTES).map(|text| line(text, SAID_BYTES))
        };
        *locked(&self.instance) = Some(instance);
        let mut seen = locked(&self.seen);
        seen.state = state;
        seen.version = said(&readiness.version);
        seen.io_engine = said(&readiness.io_engine);
        let told = |text: &str| Some(line(text, TEXT_BYTES)).filter(|text| !text.trim().is_empty());
        seen.reason = readiness.reason().filter(|_| state != State::Ready).and_then(told);
        seen.warnings = readiness.warnings().filter_map(told).take(WARNINGS).collect();
        self.forget_failures(&mut seen);
        if self.down.swap(false, Relaxed) {
            tracing::info!(url = self.url, "host answers again");
        }
    }
}

/// What is behind it is whole at any time: a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
