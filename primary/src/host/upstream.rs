//! Sends requests to secondaries: a second time where the first one failed early, and no longer
//! than the host's health allows.

use super::Host;
use super::cause::{Cause, Causes};
use super::client::{Client, client, is_timeout};
use super::problems::{self, is_ours, timed_out};
use super::retries::Retries;
use super::times::Times;
use crate::capacity::Capacity;
use backscroll_shared::wire::problem::Problem;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body::Body;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy;
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
    times: Times,
    retries: Arc<Retries>,
    capacity: Capacity,
}

impl Upstream {
    /// A client of all secondaries.
    pub fn new(times: Times, capacity: Capacity) -> Upstream {
        let client = client(times.connect.min(times.head));
        Upstream { client, times, retries: Arc::default(), capacity }
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

    /// Sends a request. The host is to begin its answer within the time `head`, and before the
    /// `deadline`.
    pub(super) async fn send(
        &self,
        host: &Host,
        method: &Method,
        target: &str,
        fields: HeaderMap,
        (head, deadline): (Duration, Instant),
    ) -> Result<Response<Incoming>, Problem> {
        // No error of the client names the target, so what was asked for is in no log.
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
                // Not where it timed out: that host has enough to do.
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
            // If the request had less time than that, this says nothing about the host.
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

/// The body of a problem, or of another short answer; None where it is too long or broken off.
pub(super) async fn small(
    body: impl Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
) -> Option<Bytes> {
    Limited::new(body, SMALL_BODY_BYTES).collect().await.ok().map(http_body_util::Collected::to_bytes)
}
