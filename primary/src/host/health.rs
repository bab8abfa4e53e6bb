//! Whether a host answers, from probes of its `/readyz` and from requests.
//!
//! ```text
//! probes: at an interval, soon after a failure, ──► Health ◄── requests that failed
//!         and when `/hosts` is asked for              │
//!                                                     └──► requests: ask, ask and wait for
//!                                                          less time, or fail at once
//! ```
//!
//! A host is *suspect* once a request has waited for it in vain. From then on a request waits for
//! it only [`PATIENCE`], and it is probed at once. This ends when the host answers a request. It
//! ends when the host answers a probe only if a probe had failed before, or after `SUSPECT_TIME`:
//! a host may answer probes while its reads of files hang.
//!
//! A host is *down* after [`FAILURES`] failures in a row, until it answers a probe. Requests are
//! not sent to a host that is down.
//!
//! Failures that overlap in time count as one, because a hundred requests that wait through one
//! stall saw one stall. A probe fails after 2 s. So a host has to be silent for 6 s until it is
//! down, however many requests there are meanwhile.

use super::cause::Cause;
use super::counts::HostCounts;
use super::latency::Latency;
use super::moment::{self, moment};
use super::readiness::Readiness;
use super::seen::{Seen, State};
use backscroll_shared::wire::instance::Instance;
use jiff::Timestamp;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// Failures in a row after which a host is down. One may be a restart, and two a packet that is
/// lost twice.
pub const FAILURES: u32 = 3;

/// How long a request waits for a suspect host to begin its answer. A host that hangs costs each
/// request no more than this. A host that has only stalled answers within it once it goes on.
pub const PATIENCE: Duration = Duration::from_millis(500);

/// After how long requests wait for the usual time again, for a host that answers probes and lets
/// requests hang.
const SUSPECT_TIME: Duration = Duration::from_secs(30);

/// Requests in flight to one host, each over a connection: as many as a secondary takes, so that
/// requests of slow readers, which last, do not keep others out before the secondary would.
pub const REQUESTS: usize = 1024;

/// A failure this soon after the one before counts as the same: many requests see one restart.
const BURST: Duration = Duration::from_millis(100);

/// Whether one host answers. Requests of all threads look at it.
#[derive(Debug)]
pub struct Health {
    /// Whether the last request or probe failed.
    failing: AtomicBool,
    /// Whether it is suspect.
    suspect: AtomicBool,
    down: AtomicBool,
    /// When it last answered, in milliseconds since 1970, for people; 0 where it never did.
    contact_ms: AtomicI64,
    /// The [`moment`] of that, and that of the last answer to a request; 0 where there was none.
    contact: AtomicU64,
    request_answered: AtomicU64,
    seen: Mutex<Seen>,
    /// Which secondary answered last.
    instance: Mutex<Option<Instance>>,
    /// Notified when it is to be probed before its time.
    probe_wanted: Notify,
    /// Notified when a probe has ended.
    probe_ended: Notify,
    /// How fast it has answered lately.
    pub latency: Latency,
    /// Limits the requests in flight to the host.
    permits: Arc<Semaphore>,
    /// What became of the requests to it.
    pub counts: HostCounts,
}

impl Default for Health {
    fn default() -> Health {
        moment::begin();
        Health {
            failing: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            down: AtomicBool::new(false),
            contact_ms: AtomicI64::new(0),
            contact: AtomicU64::new(0),
            request_answered: AtomicU64::new(0),
            seen: Mutex::default(),
            instance: Mutex::default(),
            probe_wanted: Notify::new(),
            probe_ended: Notify::new(),
            latency: Latency::default(),
            permits: Arc::new(Semaphore::new(REQUESTS)),
            counts: HostCounts::default(),
        }
    }
}

impl Health {
    /// Waits for a permit for one request to the host.
    pub async fn permit(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.permits).acquire_owned().await.expect("it is never closed")
    }

    /// Whether it is down: requests are not sent to it.
    pub fn is_down(&self) -> bool {
        self.down.load(Relaxed)
    }

    /// For how long it has not answered; None where it is not down.
    pub fn down_for(&self) -> Option<Duration> {
        let since = || locked(&self.seen).first_failure.map(|since| since.elapsed());
        self.is_down().then(since).flatten()
    }

    /// How long a request waits for it to begin its answer: the `usual` time, or less where it is
    /// suspect.
    pub fn patience(&self, usual: Duration) -> Duration {
        if self.suspect.load(Relaxed) { usual.min(PATIENCE) } else { usual }
    }

    /// Which secondary answers; None where that is not known. Where the host is down that is not
    /// known either, since another one may have started there.
    pub fn instance(&self) -> Option<Instance> {
        if self.is_down() { None } else { *locked(&self.instance) }
    }

    /// Which secondary answered last, whether the host is down now or not.
    pub fn last_instance(&self) -> Option<Instance> {
        *locked(&self.instance)
    }

    /// When it last answered.
    pub fn last_contact(&self) -> Option<Timestamp> {
        match self.contact_ms.load(Relaxed) {
            0 => None,
            ms => Timestamp::from_millisecond(ms).ok(),
        }
    }

    /// Whether it has answered a request since `then`. A probe does not count: it reads no file.
    pub fn has_answered_since(&self, then: Instant) -> bool {
        self.request_answered.load(Relaxed) > moment(then)
    }

    /// Notes that it answers now. Returns the moment.
    fn note_contact(&self) -> u64 {
        self.contact_ms.store(Timestamp::now().as_millisecond(), Relaxed);
        let now = moment(Instant::now());
        self.contact.store(now, Relaxed);
        now
    }

    /// Its state, by its last probe or a later request.
    pub fn state(&self) -> State {
        locked(&self.seen).state
    }

    /// What probes and requests have found out.
    pub fn seen(&self) -> Seen {
        locked(&self.seen).clone()
    }

    /// Counts a request that failed for this cause, and when it began.
    pub fn failed_by(&self, cause: Cause, began: Instant) {
        self.request_failed(cause, began, Instant::now());
    }

    /// Counts a request that was not answered in time, and when it began.
    pub fn hung(&self, began: Instant) {
        self.failed_by(Cause::Silent, began);
    }

    fn request_failed(&self, cause: Cause, began: Instant, now: Instant) {
        let answers = if cause == Cause::Silent { &self.request_answered } else { &self.contact };
        if answers.load(Relaxed) > moment(began) {
            // It has answered since, so it lives.
            return;
        }
        if cause.takes_time() && self.suspect.load(Relaxed) {
            // This request did not wait long enough to say anything new. Probes do.
            return;
        }
        let is_down = self.count_failure(cause, began, now);
        let is_suspect = cause.takes_time() && !self.suspect.swap(true, Relaxed);
        if is_suspect {
            let mut seen = locked(&self.seen);
            (seen.suspect_since, seen.probe_failed) = (Some(now), None);
        }
        if is_down || is_suspect {
            // It may be back already, and the next request is not to wait for the interval.
            self.want_probe();
        }
    }

    /// Notes that this secondary answered a request, whatever the answer was.
    pub fn answered(&self, instance: Instance) {
        *locked(&self.instance) = Some(instance);
        self.request_answered.store(self.note_contact(), Relaxed);
        if self.failing.load(Relaxed) || self.suspect.load(Relaxed) {
            let mut seen = locked(&self.seen);
            if self.is_down() {
                // The request began before it was down. A probe decides, and soon.
                self.want_probe();
            } else {
                self.forget_failures(&mut seen);
                self.suspect.store(false, Relaxed);
            }
        }
    }

    /// Asks for a probe before its time.
    pub fn want_probe(&self) {
        self.probe_wanted.notify_one();
    }

    /// Waits until somebody asks for a probe.
    pub(super) async fn probe_wanted(&self) {
        self.probe_wanted.notified().await;
    }

    /// Waits until a probe has ended that began after `then`, or until one that had begun before
    /// has failed.
    pub async fn probed_since(&self, then: Instant) {
        loop {
            let ended = self.probe_ended.notified();
            let is_since = |time: Option<Instant>| time.is_some_and(|time| time >= then);
            let (began, failed) = {
                let seen = locked(&self.seen);
                (seen.probe_began, seen.probe_failed)
            };
            if is_since(began) || is_since(failed) {
                return;
            }
            ended.await;
        }
    }

    /// Counts a failure. Returns whether it is this one that puts the host down.
    fn count_failure(&self, cause: Cause, began: Instant, now: Instant) -> bool {
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

    /// Counts a probe that failed for this cause, and when it began.
    pub(super) fn probe_failed(&self, cause: Cause, began: Instant, now: Instant) {
        self.count_failure(cause, began, now);
        locked(&self.seen).probe_failed = Some(now);
        self.end_probe(began);
    }

    /// Notes that this secondary answered a probe, and when the probe began.
    pub(super) fn probed(&self, began: Instant, state: State, instance: Instance, readiness: &Readiness) {
        self.note_contact();
        self.latency.probe(began.elapsed());
        *locked(&self.instance) = Some(instance);
        {
            let mut seen = locked(&self.seen);
            seen.state = state;
            seen.version = readiness.version();
            seen.io_engine = readiness.io_engine();
            seen.reason = readiness.reason().filter(|_| state != State::Ready);
            seen.warnings = readiness.warnings();
            self.forget_failures(&mut seen);
            // If no probe has failed, it may be that only requests hang.
            let is_suspect = |since: Instant| seen.probe_failed.is_none() && since.elapsed() < SUSPECT_TIME;
            if !seen.suspect_since.is_some_and(is_suspect) {
                self.suspect.store(false, Relaxed);
            }
            seen.probe_failed = None;
            self.down.store(false, Relaxed);
        }
        self.end_probe(began);
    }

    fn end_probe(&self, began: Instant) {
        {
            let mut seen = locked(&self.seen);
            seen.probe_began = Some(began);
            seen.last_probe = Some(Timestamp::now());
        }
        self.probe_ended.notify_waiters();
    }
}

/// Ignores poison: no panic leaves a value half changed here.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
