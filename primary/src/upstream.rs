//! One request to one secondary.

use crate::app::Room;
use crate::fleet::Host;
use crate::health::REQUESTS;
use crate::retries::Retries;
use crate::routes::headless;
use axum::body::Body;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::{frames, headers};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::{BodyExt as _, Limited};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until, timeout};

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

/// The statuses of the contract that a secondary may answer with. Any other is no
/// secondary's: a redirect, say, which is never followed.
const STATUSES: [u16; 13] = [400, 401, 403, 404, 405, 406, 414, 415, 429, 431, 500, 501, 503];

/// The header fields of a host's problem that are passed on.
const PASSED: [http::HeaderName; 3] = [header::CONTENT_TYPE, header::RETRY_AFTER, header::ALLOW];

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
    /// A status of its own, to be passed on as it is.
    Refused(Response<Body>),
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
    /// asked.
    pub async fn ask(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        content_type: &str,
        deadline: Instant,
    ) -> Result<Answer, Problem> {
        if let Some(time) = host.health.down_for() {
            return Err(not_asked(host, time));
        }
        let place = timeout(
            self.times.head.min(deadline.saturating_duration_since(Instant::now())),
            host.health.place(),
        );
        let place = place.await.map_err(|_| too_many(host))?;
        let stream = timeout(self.times.head, Arc::clone(&self.room.streams).acquire_owned()).await;
        let stream = stream.ok().and_then(Result::ok).ok_or_else(|| {
            let detail = "too many answers of hosts are under way at once: try again in a moment";
            Problem::new(Code::Overloaded, detail).on_host(&host.name)
        })?;
        let mut fields = HeaderMap::new();
        fields.insert(header::ACCEPT, headers::value(essence(content_type)));
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
        fields.insert(headers::RELAY, headers::value(&host.name));
        let remaining = deadline.saturating_duration_since(Instant::now());
        let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
        fields.insert(headers::REMAINING, HeaderValue::from(remaining_ms));
        let response = self.send(host, method, target, fields, remaining.min(self.times.head)).await?;
        let status = response.status();
        if status == StatusCode::OK {
            let given = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(essence(content_type))) {
                return Err(no_secondary(host, &format!("its answer is of the type {given:?}")));
            }
            let is_framed = content_type == frames::CONTENT_TYPE;
            let idle = if is_framed { self.times.framed_idle } else { self.times.idle };
            return Ok(Answer::Streaming(Pieces::new(response, idle, Some((deadline, (place, stream))))));
        }
        if !STATUSES.contains(&status.as_u16()) {
            return Err(no_secondary(host, &format!("it answered with status {}", status.as_u16())));
        }
        let mut refused = self.refusal(host, response).await?;
        if method == Method::HEAD {
            // Its length would be none, and a GET's is another.
            *refused.body_mut() = headless();
        }
        Ok(Answer::Refused(refused))
    }

    /// The status and the body of `/readyz`; nothing where the host cannot be reached.
    pub async fn probe(&self, host: &Host) -> Option<(StatusCode, Bytes)> {
        let probed = async {
            let response = self
                .client
                .get(format!("{}/readyz", host.url))
                // A large fleet's connections are not kept for the next time.
                .header(header::CONNECTION, "close")
                .send()
                .await
                // Health logs when a host is down, not each time that it still is.
                .inspect_err(
                    |error| tracing::debug!(host = host.name, error = %Causes(error), "probe failed"),
                )
                .ok()?;
            let status = response.status();
            small(Pieces::new(response, self.times.idle, None)).await.map(|body| (status, body))
        };
        timeout(self.times.probe, probed).await.ok().flatten()
    }

    async fn send(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        fields: HeaderMap,
        head: Duration,
    ) -> Result<reqwest::Response, Problem> {
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
            Ok(Ok(response)) => {
                host.health.answered();
                Ok(response)
            }
            Ok(Err(error)) if error.is_timeout() => {
                host.health.failed();
                tracing::warn!(host = host.name, error = %Causes(&error), "host did not accept in time");
                Err(timed_out(host, &format!("accept a connection within {:?}", self.times.connect)))
            }
            Ok(Err(error)) => {
                tracing::warn!(host = host.name, error = %Causes(&error), "host not reached");
                let what = if is_ours(&error) {
                    let detail =
                        format!("host {}: the primary is out of descriptors or ports: ask again", host.name);
                    return Err(Problem::new(Code::Overloaded, detail).on_host(&host.name));
                } else if error.is_connect() {
                    host.health.failed();
                    "could not be reached: see that its secondary runs; GET /hosts shows its state"
                } else {
                    "broke off before it answered: see its secondary's log"
                };
                let detail = format!("host {} {what}", host.name);
                Err(Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name))
            }
            Err(_) => {
                tracing::warn!(host = host.name, "host did not answer in time");
                Err(timed_out(host, &format!("answer within {head:?}")))
            }
        }
    }

    async fn refusal(&self, host: &Host, response: reqwest::Response) -> Result<Response<Body>, Problem> {
        let status = response.status();
        let fields = response.headers().clone();
        let body = timeout(self.times.head, small(Pieces::new(response, self.times.idle, None)))
            .await
            .ok()
            .flatten();
        let body = body.ok_or_else(|| no_secondary(host, "its problem is too long or was cut off"))?;
        let mut passed = Response::new(Body::from(body));
        *passed.status_mut() = status;
        for name in PASSED {
            if let Some(value) = fields.get(&name) {
                passed.headers_mut().insert(name, value.clone());
            }
        }
        Ok(passed)
    }
}

/// Whether it is this machine that could not, whatever the host is like.
fn is_ours(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let errno = error.downcast_ref::<std::io::Error>().and_then(rustix::io::Errno::from_io_error);
        if let Some(errno) = errno {
            use rustix::io::Errno;
            return [Errno::MFILE, Errno::NFILE, Errno::ADDRNOTAVAIL, Errno::NOBUFS, Errno::NOMEM]
                .contains(&errno);
        }
        cause = error.source();
    }
    false
}

fn timed_out(host: &Host, what: &str) -> Problem {
    let detail = format!("host {} did not {what}: try again; GET /hosts shows its state", host.name);
    Problem::new(Code::UpstreamTimeout, detail).on_host(&host.name)
}

fn not_asked(host: &Host, time: Duration) -> Problem {
    let detail = format!(
        "host {} has not answered for {}s: it is not asked until it does; GET /hosts shows its state",
        host.name,
        time.as_secs()
    );
    Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name)
}

fn too_many(host: &Host) -> Problem {
    let detail = format!("host {}: {REQUESTS} requests are under way there already: ask again", host.name);
    Problem::new(Code::Overloaded, detail).on_host(&host.name)
}

fn no_secondary(host: &Host, what: &str) -> Problem {
    tracing::warn!(host = host.name, what, "host does not answer like a secondary");
    let detail =
        format!("host {}: {what}, as no secondary does: see what listens at its URL (GET /hosts)", host.name);
    Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name)
}

async fn small(body: Pieces) -> Option<Bytes> {
    Limited::new(body, SMALL_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}

/// A media type without its parameters.
fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

/// An error with what caused it: reqwest's own text leaves that out.
struct Causes<'e>(&'e (dyn std::error::Error + 'static));

impl std::fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut error = Some(self.0);
        let mut sep = "";
        while let Some(this) = error {
            write!(f, "{sep}{this}")?;
            (error, sep) = (this.source(), ": ");
        }
        Ok(())
    }
}

/// Why a host's body ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection broke, or what came was no HTTP.
    #[error("the connection to the host broke: {}", Causes(.0))]
    Connection(#[source] reqwest::Error),
    /// Nothing came for too long.
    #[error("the host sent nothing for {0:?}")]
    Idle(Duration),
    /// The time for the request was over.
    #[error("the host had not ended when the time for the request was over")]
    Late,
}

/// A place at the host, and one among all answers under way.
type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A host's body as it comes: its data, then its trailers. Dropping it closes the
/// connection, and so stops the host's reading.
#[derive(Debug)]
pub struct Pieces {
    body: reqwest::Body,
    idle: Duration,
    deadline: Option<Instant>,
    _places: Option<Places>,
    /// Runs only while the host is waited for: a client that does not read is not the
    /// host's fault.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Pieces {
    fn new(response: reqwest::Response, idle: Duration, request: Option<(Instant, Places)>) -> Pieces {
        let body = http::Response::<reqwest::Body>::from(response).into_body();
        let (deadline, places) = request.unzip();
        Pieces { body, idle, deadline, _places: places, waiting: None }
    }
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Broken::Connection)));
        }
        let (idle, deadline) = (this.idle, this.deadline);
        let waiting = this.waiting.get_or_insert_with(|| {
            let until = Instant::now() + idle;
            Box::pin(sleep_until(deadline.map_or(until, |deadline| deadline.min(until))))
        });
        waiting.as_mut().poll(cx).map(|()| {
            let is_late = deadline.is_some_and(|deadline| deadline <= Instant::now());
            Some(Err(if is_late { Broken::Late } else { Broken::Idle(idle) }))
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
