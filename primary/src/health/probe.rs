//! Asks the hosts how they are: each at an interval, for as long as it is in the fleet.

use super::{Cause, State};
use crate::fleet::Host;
use crate::upstream::{Probed, Upstream};
use backscroll_shared::wire::instance::Instance;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;

/// Hosts probed at once: a large fleet within seconds, and not a descriptor for each host.
pub const PROBES: usize = 256;

/// Of these, hosts whose last probe failed. Those that hang hold a place for 2 s each: the
/// others are not to wait behind them.
const FAILING_PROBES: usize = PROBES / 4 * 3;

/// How soon a host that failed, or that has no name, is probed again: twice as late each
/// time, up to the interval. What starts together is found soon, and so is what is back.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// Where that ends, for an interval that is longer.
const LAST_WAIT: Duration = Duration::from_secs(32);

/// The first probe of a host comes after this part of the interval: those of a fleet that
/// starts are spread, and what does not answer is known before the log tells of it.
const FIRST_PART: u32 = 5;

/// What is read of a secondary's `/readyz`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Readiness {
    pub(super) hostname: Option<String>,
    pub(super) version: Option<String>,
    pub(super) io_engine: Option<String>,
    /// Somebody else's: in whatever form, it does not make the rest unreadable.
    #[serde(default)]
    pub(super) reason: Value,
    #[serde(default)]
    pub(super) warnings: Value,
}

impl Readiness {
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_str()
    }

    pub(super) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings.as_array().into_iter().flatten().filter_map(Value::as_str)
    }
}

/// Asks `host` how it is, and writes it down in its health. Returns what it calls itself:
/// somebody else's words, to be checked before they are a name.
async fn probe(upstream: &Upstream, host: &Host) -> Option<String> {
    let began = Instant::now();
    match upstream.probe(host).await.and_then(|probed| read(&probed)) {
        Ok((state, instance, readiness)) => {
            host.health.probed(began, state, instance, &readiness);
            readiness.hostname
        }
        Err(cause) => {
            host.health.probe_failed(cause, began, Instant::now());
            None
        }
    }
}

/// What a secondary says; where it is none, that it is another server's.
fn read(probed: &Probed) -> Result<(State, Instance, Readiness), Cause> {
    let foreign = Cause::Foreign(probed.status.as_u16());
    let state = match probed.status {
        StatusCode::OK => State::Ready,
        StatusCode::SERVICE_UNAVAILABLE => State::NotReady,
        _ => return Err(foreign),
    };
    let readiness = serde_json::from_slice(&probed.body).map_err(|_| foreign)?;
    Ok((state, probed.instance.ok_or(foreign)?, readiness))
}

/// Who may be probed now.
#[derive(Debug, Clone)]
pub struct Places {
    all: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Places {
        Places { all: Arc::new(Semaphore::new(PROBES)), failing: Arc::new(Semaphore::new(FAILING_PROBES)) }
    }
}

/// News of a host.
#[derive(Debug)]
pub struct Heard {
    /// Where it is.
    pub url: String,
    /// What it calls itself, if it answered.
    pub name: Option<String>,
}

/// How the hosts are watched over.
#[derive(Debug, Clone)]
pub struct Watching {
    /// How they are asked.
    pub upstream: Upstream,
    /// How often.
    pub interval: Duration,
    /// How many at once.
    pub places: Places,
    /// Takes what is new of a host: its name, which secondary it is, or whether it is down.
    pub tell: mpsc::Sender<Heard>,
}

impl Watching {
    /// Probes `host` until it is dropped, soon for the first time. A host that is `nameless` is
    /// asked at once: it is waited for.
    pub async fn host(self, host: Arc<Host>, nameless: bool) {
        let mut wait = if nameless { Duration::ZERO } else { self.interval / FIRST_PART };
        let mut retry = Duration::ZERO;
        let (mut called, mut was_down) = (None, false);
        loop {
            tokio::select! {
                () = sleep(jittered(wait)) => {}
                () = host.health.wanted.notified() => {}
            }
            let Some(name) = self.look(&host).await else { return };
            let now = (name, host.health.instance());
            let is_down = host.health.is_down();
            let is_called = now.1.is_some() && called.as_ref() != Some(&now);
            if is_called || is_down != was_down {
                was_down = is_down;
                let heard = Heard { url: host.url.clone(), name: now.0.clone() };
                if is_called {
                    called = Some(now);
                }
                if self.tell.send(heard).await.is_err() {
                    return;
                }
            }
            let is_failing = host.health.seen().state == State::Unreachable;
            retry = if is_failing { (retry * 2).clamp(FIRST_WAIT, LAST_WAIT) } else { Duration::ZERO };
            wait = if is_failing { retry.min(self.interval) } else { self.interval };
        }
    }

    /// Probes `host` once there is a place. Returns what it calls itself; None where there
    /// will be no more places.
    async fn look(&self, host: &Host) -> Option<Option<String>> {
        let is_failing = host.health.seen().state == State::Unreachable;
        let _failing = if is_failing { Some(self.places.failing.acquire().await.ok()?) } else { None };
        let _place = self.places.all.acquire().await.ok()?;
        Some(probe(&self.upstream, host).await)
    }
}

/// A quarter more or less: hosts that joined together, and primaries that started together,
/// do not ask together for ever.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}
