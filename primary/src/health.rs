//! How each host is: asked for `/readyz` at an interval, and told by the requests.
//!
//! ```text
//! prober ──► probe at an interval, soon after a failure, ──► Health ◄── requests that failed
//!            or for a round that `/hosts` asks for            │
//!                                                             └──► requests: ask, ask and wait
//!                                                                  less, or fail at once
//! ```
//!
//! A host is *suspect* once a request has waited for it in vain: from then on a request waits
//! for it only [`PATIENCE`], and it is probed at once. A request that it answers ends this. A
//! probe does so only where one had failed before, or after `SUSPECT_TIME`: a host may answer
//! probes, and hang for files. A host is *down* after [`FAILURES`]
//! failures in a row, until a probe succeeds. One that is down is not asked by requests.
//!
//! Failures that overlap in time are one: a hundred requests that wait through the same stall
//! saw one stall. A stall fails a probe after 2 s, so that it has to last 6 s to put a host
//! down, however many requests and lists there are meanwhile.

pub mod cause;
mod probe;
pub mod rounds;
mod seen;

pub use cause::Cause;
pub use probe::{Heard, PROBES, Places, Watching};
pub use seen::{Seen, State};

use crate::upstream::heard::{TEXT_BYTES, line};
use backscroll_shared::wire::instance::Instance;
use jiff::Timestamp;
use probe::Readiness;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Failures in a row after which a host is down: one may be a restart, two a packet lost twice.
pub const FAILURES: u32 = 3;

/// How long a request waits for a suspect host to begin its answer. Those that hang cost each
/// request no more than this; one that has only stalled answers within it once it goes on.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// After how long a host whose requests hang, and whose probes do not, is waited for once more.
const SUSPECT_TIME: Duration = Duration::from_secs(30);

/// Bytes of what a host says of itself that are kept. A version has a dozen.
const SAID_BYTES: usize = 255;

/// Warnings of a host that are kept. One has a few settings to warn of.
const WARNINGS: usize = 8;

/// Requests under way at one host, each over a connection: as many as a secondary takes. Those
/// of slow readers last, and are not to keep the others out before the secondary would.
pub const REQUESTS: usize = 1024;

/// What fails this soon after the failure before it is the same one: many requests see the
/// same restart at once.
const BURST: Duration = Duration::from_millis(100);

/// What the moments of answers are counted from: the wall clock may be set back.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Nanoseconds from then on, and some more, so that 0 is never.
fn moment(then: Instant) -> u64 {
    let since = then.checked_duration_since(*START);
    since.map_or(1, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX).saturating_add(2))
}

/// How one host is. Requests of all threads look at it.
#[derive(Debug)]
pub struct Health {
    /// Whether there is a failure that nothing has followed yet.
    failing: AtomicBool,
    /// Whether a request has waited for it in vain, and nothing has been heard of it since.
    suspect: AtomicBool,
    down: AtomicBool,
    /// When it last answered, in milliseconds since 1970; 0 where it never did. For people.
    contact_ms: AtomicI64,
    /// The [`moment`] of that, and of the last answer to a request; 0 where there was none.
    contact: AtomicU64,
    request_answered: AtomicU64,
    seen: Mutex<Seen>,
    /// Which secondary answered there last.
    instance: Mutex<Option<Instance>>,
    /// Asks for a probe before its time.
    wanted: Notify,
    /// A probe has ended.
    looked: Notify,
    /// Who may be asked something there now.
    places: Arc<Semaphore>,
}

impl Default for Health {
    fn default() -> Health {
        LazyLock::force(&START);
        Health {
            failing: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            down: AtomicBool::new(false),
            contact_ms: AtomicI64::new(0),
            contact: AtomicU64::new(0),
            request_answered: AtomicU64::new(0),
            seen: Mutex::default(),
            instance: Mutex::default(),
            wanted: Notify::new(),
            looked: Notify::new(),
            places: Arc::new(Semaphore::new(REQUESTS)),
        }
    }
}

impl Health {
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
        let since = || locked(&self.seen).first_failure.map(|since| since.elapsed());
        self.is_down().then(since).flatten()
    }

    /// How long a request waits for it to begin its answer: the `usual` time, unless another
    /// one has waited in vain before.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.suspect.load(Relaxed) { usual.min(PATIENCE) } else { usual }
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

    /// Whether it has answered a request since. A probe is none: it looks at no file.
    pub fn has_answered_since(&self, then: Instant) -> bool {
        self.request_answered.load(Relaxed) > moment(then)
    }

    /// It answers now.
    fn has_contact(&self) -> u64 {
        self.contact_ms.store(Timestamp::now().as_millisecond(), Relaxed);
        let now = moment(Instant::now());
        self.contact.store(now, Relaxed);
        now
    }

    /// What the last probes said.
    pub fn seen(&self) -> Seen {
        locked(&self.seen).clone()
    }

    /// A request could not connect.
    pub fn failed(&self) {
        self.failed_by(Cause::Unreached, Instant::now());
    }

    /// A request that began then failed by this.
    pub fn failed_by(&self, cause: Cause, began: Instant) {
        self.request_failed(cause, began, Instant::now());
    }

    /// A request that began then was not answered in the time that it had.
    pub fn hung(&self, began: Instant) {
        self.failed_by(Cause::Silent, began);
    }

    fn request_failed(&self, cause: Cause, began: Instant, now: Instant) {
        let answers = if cause == Cause::Silent { &self.request_answered } else { &self.contact };
        if answers.load(Relaxed) > moment(began) {
            // It lives, whatever became of that one request.
            return;
        }
        if cause.takes_time() && self.suspect.load(Relaxed) {
            // This one did not wait long enough to say anything new. Probes do.
            return;
        }
        let is_down = self.one_more_failure(cause, began, now);
        let is_suspect = cause.takes_time() && !self.suspect.swap(true, Relaxed);
        if is_suspect {
            let mut seen = locked(&self.seen);
            (seen.suspect_since, seen.probe_failed) = (Some(now), None);
        }
        if is_down || is_suspect {
            // It may be back already: whoever asks next need not wait for the interval.
            self.wanted.notify_one();
        }
    }

    /// A request was answered by this secondary, whatever the answer was.
    pub fn answered(&self, instance: Instance) {
        *locked(&self.instance) = Some(instance);
        self.request_answered.store(self.has_contact(), Relaxed);
        if self.failing.load(Relaxed) || self.suspect.load(Relaxed) {
            let mut seen = locked(&self.seen);
            if self.is_down() {
                // The request began before that. A probe has the last word, but soon.
                self.wanted.notify_one();
            } else {
                self.forget_failures(&mut seen);
                self.suspect.store(false, Relaxed);
            }
        }
    }

    /// Asks for a probe before its time.
    fn want_probe(&self) {
        self.wanted.notify_one();
    }

    /// Waits until a probe has ended that began since `then`, or one that was under way then has
    /// failed.
    async fn probed_since(&self, then: Instant) {
        loop {
            let looked = self.looked.notified();
            let is_since = |time: Option<Instant>| time.is_some_and(|time| time >= then);
            let (began, failed) = {
                let seen = locked(&self.seen);
                (seen.probe_began, seen.probe_failed)
            };
            if is_since(began) || is_since(failed) {
                return;
            }
            looked.await;
        }
    }

    /// Returns whether it is down by this one, which began then.
    fn one_more_failure(&self, cause: Cause, began: Instant, now: Instant) -> bool {
        if cause == Cause::Ours {
            return false;
        }
        let mut seen = locked(&self.seen);
        seen.state = State::Unreachable;
        seen.reason = Some(cause.to_string());
        if seen.last_failure.is_some_and(|last| began < last || now < last + BURST) {
            return false;
        }
        seen.last_failure = Some(now);
        seen.failures = seen.failures.saturating_add(1);
        seen.first_failure.get_or_insert(began);
        if seen.failing_since.is_none() {
            seen.failing_since = Timestamp::now().checked_sub(now.saturating_duration_since(began)).ok();
        }
        self.failing.store(true, Relaxed);
        seen.failures >= FAILURES && !self.down.swap(true, Relaxed)
    }

    fn forget_failures(&self, seen: &mut Seen) {
        seen.failures = 0;
        seen.failing_since = None;
        seen.first_failure = None;
        seen.last_failure = None;
        self.failing.store(false, Relaxed);
    }

    /// A probe that began then failed by this.
    fn probe_failed(&self, cause: Cause, began: Instant, now: Instant) {
        self.one_more_failure(cause, began, now);
        locked(&self.seen).probe_failed = Some(now);
        self.probe_ended(began);
    }

    /// A probe that began then was answered by this secondary.
    fn probed(&self, began: Instant, state: State, instance: Instance, readiness: &Readiness) {
        self.has_contact();
        let said = |text: &Option<String>| {
            text.as_deref().filter(|text| text.len() <= SAID_BYTES).map(|text| line(text, SAID_BYTES))
        };
        *locked(&self.instance) = Some(instance);
        {
            let mut seen = locked(&self.seen);
            seen.state = state;
            seen.version = said(&readiness.version);
            seen.io_engine = said(&readiness.io_engine);
            let told = |text: &str| Some(line(text, TEXT_BYTES)).filter(|text| !text.trim().is_empty());
            seen.reason = readiness.reason().filter(|_| state != State::Ready).and_then(told);
            seen.warnings = readiness.warnings().filter_map(told).take(WARNINGS).collect();
            self.forget_failures(&mut seen);
            // Where no probe has failed it may only be requests that hang.
            let is_suspect = |since: Instant| seen.probe_failed.is_none() && since.elapsed() < SUSPECT_TIME;
            if !seen.suspect_since.is_some_and(is_suspect) {
                self.suspect.store(false, Relaxed);
            }
            seen.probe_failed = None;
            self.down.store(false, Relaxed);
        }
        self.probe_ended(began);
    }

    fn probe_ended(&self, began: Instant) {
        {
            let mut seen = locked(&self.seen);
            seen.probe_began = Some(began);
            seen.last_probe = Some(Timestamp::now());
        }
        self.looked.notify_waiters();
    }
}

/// What is behind it is whole at any time: a panic elsewhere does not spoil it.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
