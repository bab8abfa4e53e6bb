//! One request to one secondary.

pub mod heard;
mod pieces;
mod problems;

pub use pieces::{Broken, Pieces};

use crate::app::Room;
use crate::fleet::Host;
use crate::health::Cause;
use crate::retries::Retries;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::{frames, headers};
use bytes::Bytes;
use heard::{Refusal, essence};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use pieces::Causes;
use problems::{is_ours, no_secondary, timed_out};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a host may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// To accept a connection. A host in the same network takes milliseconds.
    pub connect: Duration,
    /// To begin its answer: a cold disk and a queue in front of it are within this.
    pub head: Duration,
    /// Between two pieces of its answer: a rare keyword in a large file is looked for that
    /// long before the next match.
    pub idle: Duration,
    /// The same of a host that is merged with others: while it searches it says so, so that a
    /// silent one need not keep them waiting. Longer than a secondary waits for its disk.
    pub framed_idle: Duration,
    /// For a whole request, its retry and all that the host does for it included.
    pub request: Duration,
    /// To answer `/readyz`, all in all.
    pub probe: Duration,
    /// From one probe of a host to the next, give or take a quarter.
    pub health_interval: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            connect: Duration::from_secs(1),
            head: Duration::from_secs(10),
            idle: Duration::from_mins(5),
            framed_idle: Duration::from_secs(40),
            request: Duration::from_mins(5),
            probe: Duration::from_secs(2),
            health_interval: Duration::from_secs(5),
        }
    }
}

/// How long a connection is kept for the next request to the same host: shorter than the
/// secondary keeps it, so that it is not closed under a request.
const POOL_IDLE_TIME: Duration = Duration::from_secs(5);

/// Bytes of a problem, or of a `/readyz`, that are read.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// The client of all secondaries.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: reqwest::Client,
    times: Times,
    retries: Arc<Retries>,
    room: Room,
}

/// What a host answered before the first byte of its body.
#[derive(Debug)]
pub enum Answer {
    /// 200: its body is on its way.
    Streaming(Pieces),
    /// A problem of its own, to be passed on as it is.
    Refused(Refusal),
}

/// What `/readyz` answered.
#[derive(Debug)]
pub struct Probed {
    /// Its status.
    pub status: StatusCode,
    /// Which secondary answered; none where it is no secondary.
    pub instance: Option<Instance>,
    /// What it says.
    pub body: Bytes,
}

impl Upstream {
    /// A client that follows no redirect and takes no proxy: a connection goes to a host of
    /// the fleet, or nowhere.
    pub fn new(times: Times, room: Room) -> Result<Upstream, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(times.connect)
            .pool_idle_timeout(POOL_IDLE_TIME)
            .tcp_nodelay(true)
            .build()?;
        Ok(Upstream { client, times, retries: Arc::default(), room })
    }

    /// What all requests together may hold.
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// How long a host may take.
    pub fn times(&self) -> Times {
        self.times
    }

    /// Asks `host` for `target` (path and query), whose 200 is of the type `content_type` and
    /// is to have ended by the `deadline`, which the host is told. A host that is down is not
    /// asked. What answers without an [`Instance`] is another server: nothing of it is passed on.
    pub async fn ask(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        content_type: &str,
        deadline: Instant,
    ) -> Result<(Instance, Answer), Problem> {
        if let Some(time) = host.health.down_for() {
            return Err(problems::not_asked(host, time));
        }
        let place = timeout(
            self.times.head.min(deadline.saturating_duration_since(Instant::now())),
            host.health.place(),
        );
        let place = place.await.map_err(|_| problems::too_many(host))?;
        let stream = timeout(self.times.head, Arc::clone(&self.room.streams).acquire_owned()).await;
        let stream = stream.ok().and_then(Result::ok).ok_or_else(|| problems::no_room(host))?;
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT, headers::value(essence(content_type)));
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        fields.insert(headers::RELAY, headers::value(&host.name));
        let remaining = deadline.saturating_duration_since(Instant::now());
        let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        fields.insert(headers::REMAINING, HeaderValue::from(remaining_ms));
        let response = self.send(host, method, target, fields, remaining.min(self.times.head)).await?;
        let status = response.status();
        let instance = Instance::of(response.headers())
            .ok_or_else(|| no_secondary(host, &format!("it answered with status {}", status.as_u16())))?;
        host.health.answered(instance);
        if status == StatusCode::OK {
            let given = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(essence(content_type))) {
                return Err(no_secondary(host, &format!("its answer is of the type {given:?}")));
            }
            let is_framed = content_type == frames::CONTENT_TYPE;
            let idle = if is_framed { self.times.framed_idle } else { self.times.idle };
            let pieces = Pieces::new(response, idle, Some((deadline, (place, stream))));
            return Ok((instance, Answer::Streaming(pieces)));
        }
        let fields = response.headers().clone();
        let wait = self.times.head.min(deadline.saturating_duration_since(Instant::now()));
        let body = timeout(wait, small(Pieces::new(response, self.times.idle, None)));
        let body = body.await.map_err(|_| timed_out(host, &format!("end its answer within {wait:?}")))?;
        let body = body.ok_or_else(|| no_secondary(host, "its problem is too long or was cut off"))?;
        let refusal = Refusal::new(method, status, &fields, body).map_err(|what| no_secondary(host, what))?;
        Ok((instance, Answer::Refused(refusal)))
    }

    /// What `/readyz` answers, or why nothing does.
    pub async fn probe(&self, host: &Host) -> Result<Probed, Cause> {
        let probed = async {
            let response = self
                .client
                .get(format!("{}/readyz", host.url))
                // A large fleet's connections are not kept for the next time.
                .header(header::CONNECTION, "close")
                .send()
                .await
                // Health logs when a host is down, not each time that it still is.
                .map_err(|error| {
                    tracing::debug!(host = host.name, error = %Causes(&error), "probe failed");
                    // Of the client's own times there is only the one to connect.
                    if error.is_timeout() { Cause::NoConnection } else { Cause::of(&error) }
                })?;
            let (status, instance) = (response.status(), Instance::of(response.headers()));
            let body = small(Pieces::new(response, self.times.idle, None)).await;
            let body =
                body.ok_or(if instance.is_some() { Cause::Broken } else { Cause::Foreign(status.as_u16()) })?;
            Ok(Probed { status, instance, body })
        };
        timeout(self.times.probe, probed).await.unwrap_or(Err(Cause::Silent))
    }

    async fn send(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        fields: HeaderMap,
        head: Duration,
    ) -> Result<reqwest::Response, Problem> {
        let began = Instant::now().into_std();
        let head = host.health.patience(head);
        let url = format!("{}{target}", host.url);
        let ask = || self.client.request(method.clone(), &url).headers(fields.clone()).send();
        self.retries.earn();
        let sent = async {
            match ask().await {
                // Not where the host took its time: it has enough to do.
                Err(error) if !error.is_timeout() && self.retries.spend() => {
                    tracing::debug!(host = host.name, error = %Causes(&error), "asked once more");
                    ask().await
                }
                sent => sent,
            }
        };
        match timeout(head, sent).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_timeout() => {
                host.health.failed_by(Cause::NoConnection, began);
                tracing::warn!(host = host.name, error = %Causes(&error), "host did not accept in time");
                Err(timed_out(host, &format!("accept a connection within {:?}", self.times.connect)))
            }
            Ok(Err(error)) => {
                tracing::warn!(host = host.name, error = %Causes(&error), "host not reached");
                if is_ours(&error) {
                    return Err(problems::out_of_descriptors(host));
                }
                let what = if error.is_connect() {
                    host.health.failed_by(Cause::of(&error), began);
                    "could not be reached: see that its secondary runs; GET /hosts shows its state"
                } else {
                    "closed the connection before it answered, or does not speak HTTP: check the log of its secondary, and check which program listens at its URL (GET /hosts shows the URL)"
                };
                Err(problems::unreachable(host, what))
            }
            Err(_) => {
                // Not where it is the request that had little time left.
                if began.elapsed() >= self.times.head {
                    host.health.hung(began);
                }
                tracing::warn!(host = host.name, "host did not answer in time");
                Err(timed_out(host, &format!("answer within {head:?}")))
            }
        }
    }
}

async fn small(body: Pieces) -> Option<Bytes> {
    Limited::new(body, SMALL_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}
