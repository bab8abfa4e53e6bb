//! Asks the hosts how they are: each at an interval, for as long as it is in the fleet.

use super::State;
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
pub const PROBES: usize = 64;

/// How long after the first probe a host without a name is probed again, until it answers:
/// twice as long each time, up to the interval. What starts together is named soon.
const FIRST_WAIT: Duration = Duration::from_millis(250);

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
pub async fn probe(upstream: &Upstream, host: &Host) -> Option<String> {
    let Some(probed) = upstream.probe(host).await else {
        host.health.one_more_failure(Instant::now());
        return None;
    };
    let Some((state, instance, readiness)) = read(&probed) else {
        host.health.is_foreign(Instant::now());
        return None;
    };
    host.health.probed(state, instance, &readiness);
    readiness.hostname
}

/// What a secondary says; nothing where it is none.
fn read(probed: &Probed) -> Option<(State, Instance, Readiness)> {
    let state = match probed.status {
        StatusCode::OK => State::Ready,
        StatusCode::SERVICE_UNAVAILABLE => State::NotReady,
        _ => return None,
    };
    let readiness = serde_json::from_slice(&probed.body).ok()?;
    Some((state, probed.instance?, readiness))
}

/// How the hosts are watched over.
#[derive(Debug, Clone)]
pub struct Watching {
    /// How they are asked.
    pub upstream: Upstream,
    /// How often.
    pub interval: Duration,
    /// How many at once.
    pub places: Arc<Semaphore>,
    /// Takes the URL of a host and what it calls itself, where that, or which secondary it is,
    /// is something new.
    pub call: mpsc::Sender<(String, Option<String>)>,
}

impl Watching {
    /// Probes `host` until it is dropped. A host that is `nameless` is asked at once: it is
    /// waited for.
    pub async fn host(self, host: Arc<Host>, nameless: bool) {
        let mut wait = if nameless { Duration::ZERO } else { self.interval };
        let mut called = None;
        loop {
            tokio::select! {
                () = sleep(jittered(wait)) => {}
                () = host.health.suspected.notified() => {}
            }
            let Ok(place) = self.places.acquire().await else { return };
            let name = probe(&self.upstream, &host).await;
            drop(place);
            let now = (name, host.health.instance());
            if now.1.is_some() && called.as_ref() != Some(&now) {
                called = Some(now.clone());
                if self.call.send((host.url.clone(), now.0)).await.is_err() {
                    return;
                }
            }
            let unmet = nameless && host.health.last_contact().is_none();
            wait = if unmet {
                (wait * 2).clamp(FIRST_WAIT, self.interval.max(FIRST_WAIT))
            } else {
                self.interval
            };
        }
    }
}

/// A quarter more or less: hosts that joined together, and primaries that started together,
/// do not ask together for ever.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}
