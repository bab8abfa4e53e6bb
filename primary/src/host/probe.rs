//! Asks hosts for `/readyz`: each at an interval, for as long as it is in the fleet.

use super::Host;
use super::ask::is_not_let_in;
use super::cause::{Cause, Causes};
use super::client::is_timeout;
use super::readiness::Readiness;
use super::seen::State;
use super::upstream::{Upstream, small, wants_tls};
use backscroll_shared::wire::instance::Instance;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::Full;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

/// Hosts that are probed at once: enough for a large fleet within seconds, without a descriptor
/// for each host.
const PROBES: usize = 256;

/// Of these, hosts whose last probe failed. A host that hangs holds a permit for 2 s, and the
/// others are not to wait for it.
const FAILING_PROBES: usize = PROBES / 4 * 3;

/// How soon a host that failed is probed again, the first time. Each further time is twice as
/// long, up to the interval. So a host that starts with the primary, or comes back, is found soon.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest such time, if the interval is longer.
const LAST_WAIT: Duration = Duration::from_secs(32);

/// The first probe of a host comes after this part of the interval, so that the probes of a fleet
/// that starts are spread, and hosts that do not answer are known before the log reports them.
const FIRST_PART: u32 = 5;

/// Probes `host`, and notes the outcome in its health. Returns what the host calls itself, which
/// has to be checked before it is used as a name.
async fn probe(upstream: &Upstream, host: &Host) -> Option<String> {
    let began = Instant::now();
    let answered = timeout(upstream.times().probe, ask(upstream, host)).await;
    match answered.unwrap_or(Err(Cause::Silent)) {
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

async fn ask(upstream: &Upstream, host: &Host) -> Result<(State, Instance, Readiness), Cause> {
    let mut request = Request::get(format!("{}/readyz", host.url))
        // Not kept for the next probe, because a large fleet would have many idle connections.
        .header(header::CONNECTION, "close")
        .body(Full::<Bytes>::default())
        .map_err(|_| Cause::NoAddress)?;
    upstream.credentials().add(request.headers_mut());
    // The log says once that a host is down, and not each time that it still is.
    let response = upstream.client().request(request).await.map_err(|error| {
        tracing::debug!(host = host.name, error = %Causes(&error), "probe failed");
        // The only time limit of the client itself is the one to connect.
        if is_timeout(&error) { Cause::NoConnection } else { Cause::of(&error) }
    })?;
    let (head, body) = response.into_parts();
    let (status, instance) = (head.status, Instance::of(&head.headers));
    if instance.is_some() && is_not_let_in(&head) {
        return Err(Cause::NotLetIn);
    }
    let foreign = Cause::Foreign(status.as_u16());
    let cut_off = if instance.is_some() { Cause::Broken } else { foreign };
    let body = small(body).await.ok_or(cut_off)?;
    let state = match status {
        StatusCode::OK => State::Ready,
        StatusCode::SERVICE_UNAVAILABLE => State::NotReady,
        _ if instance.is_none() && wants_tls(host, status, &body) => return Err(Cause::WantsTls),
        _ => return Err(foreign),
    };
    let readiness = serde_json::from_slice(&body).map_err(|_| foreign)?;
    Ok((state, instance.ok_or(foreign)?, readiness))
}

/// Limits the probes that are under way.
#[derive(Debug, Clone)]
pub struct ProbePermits {
    all: Arc<Semaphore>,
    failing: Arc<Semaphore>,
}

impl Default for ProbePermits {
    fn default() -> ProbePermits {
        ProbePermits {
            all: Arc::new(Semaphore::new(PROBES)),
            failing: Arc::new(Semaphore::new(FAILING_PROBES)),
        }
    }
}

/// Something new about a host.
#[derive(Debug)]
pub struct News {
    /// Its URL.
    pub url: String,
    /// What it calls itself, if it answered.
    pub name: Option<String>,
}

/// Probes hosts.
#[derive(Debug, Clone)]
pub struct Prober {
    /// How they are asked.
    pub upstream: Upstream,
    /// How often.
    pub interval: Duration,
    /// How many at once.
    pub permits: ProbePermits,
    /// Where it reports what is new about a host: that it was probed for the first time, its name,
    /// which secondary it is, or that it is down or answers again.
    pub news: mpsc::Sender<News>,
}

impl Prober {
    /// Probes `host` until this is dropped. A `nameless` host is probed at once, because users wait
    /// for its name.
    pub async fn watch(self, host: Arc<Host>, nameless: bool) {
        let mut wait = if nameless { Duration::ZERO } else { self.interval / FIRST_PART };
        let mut retry = Duration::ZERO;
        let (mut called, mut was_down, mut is_first) = (None, false, true);
        loop {
            tokio::select! {
                () = sleep(jittered(wait)) => {}
                () = host.health.probe_wanted() => {}
            }
            let Some(name) = self.probe(&host).await else { return };
            let now = (name, host.health.instance());
            let is_down = host.health.is_down();
            let is_called = now.1.is_some() && called.as_ref() != Some(&now);
            if is_called || is_down != was_down || is_first {
                (was_down, is_first) = (is_down, false);
                let news = News { url: host.url.clone(), name: now.0.clone() };
                if is_called {
                    called = Some(now);
                }
                if self.news.send(news).await.is_err() {
                    return;
                }
            }
            let is_failing = host.health.seen().state == State::Unreachable;
            retry = if is_failing { (retry * 2).clamp(FIRST_WAIT, LAST_WAIT) } else { Duration::ZERO };
            wait = if is_failing { retry.min(self.interval) } else { self.interval };
        }
    }

    /// Probes `host` once there is a permit. Returns what it calls itself; None where there will be
    /// no more permits.
    async fn probe(&self, host: &Host) -> Option<Option<String>> {
        let is_failing = host.health.seen().state == State::Unreachable;
        let _failing = if is_failing { Some(self.permits.failing.acquire().await.ok()?) } else { None };
        let _permit = self.permits.all.acquire().await.ok()?;
        Some(probe(&self.upstream, host).await)
    }
}

/// A quarter more or less, so that the probes of hosts that joined together, and of primaries that
/// started together, do not stay together.
fn jittered(time: Duration) -> Duration {
    time.mul_f64(0.75 + fastrand::f64() / 2.0)
}
