//! One request to one secondary.

mod client;
pub mod heard;
mod pieces;
mod places;
mod problems;
mod pulse;

pub use client::QUICK_AT_ONCE;
pub use pieces::{Broken, Pieces};
pub use places::Places;

use crate::app::Room;
use crate::fleet::Host;
use crate::health::Cause;
use crate::retries::Retries;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::{frames, headers};
use bytes::Bytes;
use client::{Client, Pacing, client, is_timeout};
use futures_util::FutureExt as _;
use heard::{Refusal, essence};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use pieces::{Asked, Causes};
use problems::{is_ours, no_secondary, timed_out};
use pulse::Pulse;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a host may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// To accept a connection. A host in the same network takes milliseconds.
    pub connect: Duration,
    /// To begin its answer, and to accept a connection: a cold disk and a queue in front of it
    /// are within this.
    pub head: Duration,
    /// Between two pieces of its answer. A host that is silent for longer is asked whether it
    /// is alive: a rare keyword in a large file is looked for that long before the next match.
    pub idle: Duration,
    /// The same of a host that is merged with others: while it searches it says so all the
    /// time, so that silence alone tells.
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
            head: Duration::from_secs(3),
            idle: Duration::from_secs(5),
            framed_idle: Duration::from_secs(5),
            request: Duration::from_mins(5),
            probe: Duration::from_secs(2),
            health_interval: Duration::from_secs(5),
        }
    }
}

/// How many times as long a host may take to begin an answer that answers other requests
/// meanwhile: it is busy, and does not hang.
const BUSY_TIMES: u32 = 3;

/// How many times as long a listing may take to begin, at most: the directories are read before.
const LISTING_TIMES: u32 = 3;

/// Bytes of a problem, or of a `/readyz`, that are read.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// The client of all secondaries.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: Client,
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
    /// A client of all secondaries.
    pub fn new(times: Times, room: Room) -> Upstream {
        let client = client(times.connect.min(times.head));
        Upstream { client, times, retries: Arc::default(), room }
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
    /// is to have ended by the `deadline`, which the host is told. It takes one of the request's
    /// `places`. A host that is down is not asked. What answers without an [`Instance`] is
    /// another server: nothing of it is passed on.
    pub async fn ask(
        &self,
        host: &Arc<Host>,
        method: &Method,
        target: &str,
        content_type: &str,
        deadline: Instant,
        places: &Places,
    ) -> Result<(Instance, Answer), Problem> {
        let unsettled = places.unsettled();
        let stream = places.take();
        if let Some(time) = host.health.down_for() {
            return Err(problems::not_asked(host, time));
        }
        let stream = match stream {
            Some(stream) => stream,
            None => places.wait(self.times.head).await.ok_or_else(|| problems::no_room(host))?,
        };
        drop(unsettled);
        let remaining = || deadline.saturating_duration_since(Instant::now());
        let place = match host.health.place().now_or_never() {
            Some(place) => place,
            None => timeout(self.times.head.min(remaining()), host.health.place())
                .await
                .map_err(|_| problems::too_many(host))?,
        };
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT, headers::value(essence(content_type)));
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        fields.insert(headers::RELAY, headers::value(&host.name));
        let remaining_ms = u64::try_from(remaining().as_millis()).unwrap_or(u64::MAX);
        fields.insert(headers::REMAINING, HeaderValue::from(remaining_ms));
        let is_listing = target.starts_with("/files");
        let head = self.times.head * if is_listing { LISTING_TIMES } else { 1 };
        let response = self.send(host, method, target, fields, (head, deadline)).await?;
        let (head, body) = response.into_parts();
        let instance = Instance::of(&head.headers).ok_or_else(|| {
            no_secondary(host, &format!("it answered with status {}", head.status.as_u16()))
        })?;
        host.health.answered(instance);
        if head.status == StatusCode::OK {
            let given = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(essence(content_type))) {
                return Err(no_secondary(host, &format!("its answer is of the type {given:?}")));
            }
            let is_framed = content_type == frames::CONTENT_TYPE;
            let idle = if is_framed { self.times.framed_idle } else { self.times.idle };
            let pacing = Pacing::of(&head.extensions, &self.room.quick);
            let pulse = (!is_framed).then(|| (self.client.clone(), self.times.probe));
            let pulse = Pulse::new(host, instance, pulse);
            let asked = Asked { deadline, _places: (place, stream), pacing, pulse };
            return Ok((instance, Answer::Streaming(Pieces::new(body, idle, Some(asked)))));
        }
        let wait = self.times.head.min(remaining());
        let body = timeout(wait, small(body));
        let body = body.await.map_err(|_| timed_out(host, &format!("end its answer within {wait:?}")))?;
        let body = body.ok_or_else(|| no_secondary(host, "its problem is too long or was cut off"))?;
        let refusal = Refusal::new(method, head.status, &head.headers, &body)
            .map_err(|what| no_secondary(host, &what.to_string()))?;
        Ok((instance, Answer::Refused(refusal)))
    }

    /// What `/readyz` answers, or why nothing does.
    pub async fn probe(&self, host: &Host) -> Result<Probed, Cause> {
        let probed = async {
            let request = Request::get(format!("{}/readyz", host.url))
                // A large fleet's connections are not kept for the next time.
                .header(header::CONNECTION, "close")
                .body(Empty::new())
                .map_err(|_| Cause::NoAddress)?;
            let response = self
                .client
                .request(request)
                .await
                // Health logs when a host is down, not each time that it still is.
                .map_err(|error| {
                    tracing::debug!(host = host.name, error = %Causes(&error), "probe failed");
                    // Of the client's own times there is only the one to connect.
                    if is_timeout(&error) { Cause::NoConnection } else { Cause::of(&error) }
                })?;
            let (status, instance) = (response.status(), Instance::of(response.headers()));
            let foreign = if instance.is_some() { Cause::Broken } else { Cause::Foreign(status.as_u16()) };
            let body = small(response.into_body()).await.ok_or(foreign)?;
            Ok(Probed { status, instance, body })
        };
        timeout(self.times.probe, probed).await.unwrap_or(Err(Cause::Silent))
    }

    /// Sends a request, which is to be answered within this time and by then.
    async fn send(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        fields: HeaderMap,
        (head, deadline): (Duration, Instant),
    ) -> Result<Response<Incoming>, Problem> {
        // No error of the client names the target: what was asked for is in no log.
        let url: Uri = format!("{}{target}", host.url)
            .try_into()
            .map_err(|_| problems::unreachable(host, "has a URL that cannot be asked for this"))?;
        let ask = || {
            let mut request = Request::new(Empty::new());
            *request.method_mut() = method.clone();
            *request.uri_mut() = url.clone();
            *request.headers_mut() = fields.clone();
            self.client.request(request)
        };
        self.retries.earn();
        let sent = async {
            match ask().await {
                // Not where the host took its time: it has enough to do.
                Err(error) if !is_timeout(&error) && self.retries.spend() => {
                    tracing::debug!(host = host.name, error = %Causes(&error), "asked once more");
                    ask().await
                }
                sent => sent,
            }
        };
        let began = std::time::Instant::now();
        let patience = host.health.patience(head);
        let mut sent = pin!(sent);
        let mut waited = Duration::ZERO;
        let most = (patience * BUSY_TIMES).min(self.times.head * BUSY_TIMES.max(LISTING_TIMES));
        while waited < most {
            let wait = patience.min(deadline.saturating_duration_since(Instant::now()));
            match timeout(wait, sent.as_mut()).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => return Err(self.not_sent(host, &error, began)),
                Err(_) => waited += wait,
            }
            // That the request had less time than that says nothing of the host.
            if wait < patience || !host.health.has_answered_since(began) {
                break;
            }
        }
        tracing::warn!(host = host.name, ?waited, "host did not answer in time");
        if waited >= patience {
            host.health.hung(began);
        }
        Err(timed_out(host, &format!("answer within {waited:?}")))
    }

    fn not_sent(&self, host: &Host, error: &legacy::Error, began: std::time::Instant) -> Problem {
        if is_timeout(error) {
            host.health.failed_by(Cause::NoConnection, began);
            tracing::warn!(host = host.name, error = %Causes(error), "host did not accept in time");
            return timed_out(host, &format!("accept a connection within {:?}", self.times.connect));
        }
        tracing::warn!(host = host.name, error = %Causes(error), "host not reached");
        if is_ours(error) {
            return problems::out_of_descriptors(host);
        }
        let what = if error.is_connect() {
            host.health.failed_by(Cause::of(error), began);
            "could not be reached: see that its secondary runs; GET /hosts shows its state"
        } else {
            "closed the connection before it answered, or does not speak HTTP: check the log of its secondary, and check which program listens at its URL (GET /hosts shows the URL)"
        };
        problems::unreachable(host, what)
    }
}

/// The body of a problem, or of another short answer; nothing where it is longer or broken off.
async fn small(
    body: impl Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
) -> Option<Bytes> {
    Limited::new(body, SMALL_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}
