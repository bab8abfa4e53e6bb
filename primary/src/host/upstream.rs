//! Sends requests to secondaries: a second time where the first one failed early, and no longer
//! than the host's health allows.

use super::Host;
use super::cause::{Cause, Causes};
use super::client::{Client, client, is_timeout};
use super::counts::{Meter, Outcome};
use super::credentials::Credentials;
use super::problems::{self, is_ours, timed_out};
use super::retries::Retries;
use super::target::Target;
use super::times::Times;
use super::under_way::UnderWay;
use crate::capacity::Capacity;
use backscroll_shared::metrics::Counts;
use backscroll_shared::telemetry::request_id::REQUEST_ID;
use backscroll_shared::tls::{ClientTls, SPEAKS_TLS};
use backscroll_shared::wire::form_body;
use backscroll_shared::wire::problem::Problem;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use memchr::memmem;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How many times as long as usual a host may take to begin an answer if it answers other requests
/// meanwhile: it is busy, and does not hang.
const BUSY_TIMES: u32 = 3;

/// How many times as long as usual a listing may take to begin: the secondary reads directories
/// before.
pub(super) const LISTING_TIMES: u32 = 3;

/// Bytes of a problem, or of a `/readyz`, that are read.
const SMALL_BODY_BYTES: usize = 64 << 10;

/// The client of all secondaries.
#[derive(Debug, Clone)]
pub struct Upstream {
    client: Client,
    credentials: Credentials,
    times: Times,
    retries: Arc<Retries>,
    capacity: Capacity,
    meter: Meter,
}

impl Upstream {
    /// A client of all secondaries. Those whose URL says `https` are asked over `tls`, and all are
    /// shown the `credentials`.
    pub fn new(
        times: Times,
        capacity: Capacity,
        tls: Option<ClientTls>,
        credentials: Credentials,
    ) -> Upstream {
        let client = client(times.connect.min(times.head), tls);
        Upstream { client, credentials, times, retries: Arc::default(), capacity, meter: Meter::default() }
    }

    /// The same, and these count what it does.
    #[must_use]
    pub fn counted_by(self, counts: Arc<Counts>) -> Upstream {
        Upstream { meter: Meter::new(counts), ..self }
    }

    /// Counts for all hosts together.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// What all requests together may hold.
    pub fn capacity(&self) -> &Capacity {
        &self.capacity
    }

    /// How long a host may take.
    pub fn times(&self) -> Times {
        self.times
    }

    /// The HTTP client, for requests that are sent once and only tell whether the host is alive.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What the secondaries are shown.
    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Sends a request. The host is to begin its answer within the time `head`, and before the
    /// `deadline`.
    pub(super) async fn send(
        &self,
        host: &Host,
        method: &Method,
        target: &Target,
        mut fields: HeaderMap,
        (head, deadline): (Duration, Instant),
        under_way: &mut UnderWay,
    ) -> Result<Response<Incoming>, Problem> {
        let id = fields.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let request_id = id.as_ref().map(tracing::field::display);
        // No error of the client names the target, so what was asked for is in no log.
        let url: Uri = format!("{}{}", host.url, target.uri)
            .try_into()
            .map_err(|_| problems::unreachable(host, "has a URL that cannot be asked for this"))?;
        let method = if target.form.is_some() { &Method::POST } else { method };
        if target.form.is_some() {
            fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(form_body::CONTENT_TYPE));
        }
        let ask = || {
            let mut request = Request::new(Full::new(target.form.clone().unwrap_or_default()));
            *request.method_mut() = method.clone();
            *request.uri_mut() = url.clone();
            *request.headers_mut() = fields.clone();
            self.client.request(request)
        };
        self.retries.earn();
        let sent = async {
            match ask().await {
                // Not where it timed out: that host has enough to do. A certificate stays as it is.
                Err(error)
                    if !is_timeout(&error) && !Cause::of(&error).is_of_tls() && self.retries.spend() =>
                {
                    tracing::debug!(host = host.name, error = %Causes(&error), request_id, "asked once more");
                    self.meter.retried();
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
                Ok(Ok(response)) => {
                    under_way.began(began.elapsed());
                    return Ok(response);
                }
                Ok(Err(error)) => {
                    if let Some(outcome) = outcome(&error) {
                        under_way.is(outcome);
                    }
                    return Err(self.not_sent(host, &error, began, id.as_deref()));
                }
                Err(_) => waited += wait,
            }
            // If the request had less time than that, this says nothing about the host.
            if wait < patience || !host.health.has_answered_since(began) {
                break;
            }
        }
        tracing::warn!(host = host.name, ?waited, request_id, "host did not answer in time");
        if waited >= patience {
            host.health.hung(began);
        }
        under_way.is(Outcome::Timeout);
        Err(timed_out(host, &format!("answer within {waited:?}")))
    }

    fn not_sent(
        &self,
        host: &Host,
        error: &legacy::Error,
        began: std::time::Instant,
        id: Option<&str>,
    ) -> Problem {
        let request_id = id.map(tracing::field::display);
        if is_timeout(error) {
            host.health.failed_by(Cause::NoConnection, began);
            tracing::warn!(host = host.name, error = %Causes(error), request_id, "host did not accept in time");
            return timed_out(host, &format!("accept a connection within {:?}", self.times.connect));
        }
        tracing::warn!(host = host.name, error = %Causes(error), request_id, "host not reached");
        if is_ours(error) {
            return problems::out_of_descriptors(host);
        }
        let cause = Cause::of(error);
        if cause.is_of_tls() {
            host.health.failed_by(cause, began);
            return problems::not_secured(host, cause);
        }
        let what = if error.is_connect() {
            host.health.failed_by(cause, began);
            "could not be reached: see that its secondary runs; GET /hosts shows its state"
        } else {
            "closed the connection before it answered, or does not speak HTTP: check the log of its secondary, and check which program listens at its URL (GET /hosts shows the URL)"
        };
        problems::unreachable(host, what)
    }
}

/// What became of a request that was not answered because of this.
fn outcome(error: &legacy::Error) -> Option<Outcome> {
    match error {
        // It says nothing of the host.
        error if is_ours(error) => None,
        error if is_timeout(error) => Some(Outcome::Timeout),
        error if error.is_connect() || Cause::of(error).is_of_tls() => Some(Outcome::Unreachable),
        _ => Some(Outcome::Broken),
    }
}

/// Whether this is how a server answers that speaks TLS, and was asked plainly.
pub(super) fn wants_tls(host: &Host, status: StatusCode, body: &[u8]) -> bool {
    status == StatusCode::BAD_REQUEST
        && host.url.starts_with("http://")
        && memmem::find(body, SPEAKS_TLS.as_bytes()).is_some()
}

/// The body of a problem, or of another short answer; None where it is too long or broken off.
pub(super) async fn small(
    body: impl Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
) -> Option<Bytes> {
    Limited::new(body, SMALL_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}
