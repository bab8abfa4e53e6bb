//! One request to one host, from its permits to the beginning of its answer.

use super::Host;
use super::body::{HeldPermits, HostBody};
use super::client::Pacing;
use super::permits::Permits;
use super::problems::{self, no_secondary, timed_out};
use super::pulse::Pulse;
use super::refusal::{Refusal, essence};
use super::upstream::{LISTING_TIMES, Upstream, small};
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::{frames, headers};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What a host answered before the first byte of its body.
#[derive(Debug)]
pub enum HostAnswer {
    /// 200: its body is on its way.
    Streaming(HostBody),
    /// A problem of its own, to be passed on as it is.
    Refused(Refusal),
}

impl Upstream {
    /// Asks `host` for `target` (path and query). An answer with status 200 has to be of the type
    /// `content_type`, and has to end before the `deadline`, which the host is told. The request
    /// takes one of the `permits`. A host that is down is not asked. An answer without an
    /// [`Instance`] is another server's, and nothing of it is passed on.
    pub async fn ask(
        &self,
        host: &Arc<Host>,
        method: &Method,
        target: &str,
        content_type: &str,
        deadline: Instant,
        permits: &Permits,
    ) -> Result<(Instance, HostAnswer), Problem> {
        let permits = self.permits(host, deadline, permits).await?;
        let fields = fields(host, content_type, remaining(deadline));
        let is_listing = target.starts_with("/files");
        let patience = self.times().head * if is_listing { LISTING_TIMES } else { 1 };
        let response = self.send(host, method, target, fields, (patience, deadline)).await?;
        let (head, body) = response.into_parts();
        let instance = Instance::of(&head.headers).ok_or_else(|| {
            no_secondary(host, &format!("it answered with status {}", head.status.as_u16()))
        })?;
        host.health.answered(instance);
        if head.status != StatusCode::OK {
            return Ok((
                instance,
                HostAnswer::Refused(self.refusal(host, method, &head, body, deadline).await?),
            ));
        }
        let given = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(essence(content_type))) {
            return Err(no_secondary(host, &format!("its answer is of the type {given:?}")));
        }
        let is_framed = content_type == frames::CONTENT_TYPE;
        let idle = if is_framed { self.times().framed_idle } else { self.times().idle };
        let pacing = Pacing::of(&head.extensions, &self.capacity().quick);
        let pulse = (!is_framed).then(|| (self.client().clone(), self.times().probe));
        let pulse = Pulse::new(host, instance, pulse);
        Ok((instance, HostAnswer::Streaming(HostBody::new(body, idle, deadline, permits, pacing, pulse))))
    }

    /// Takes a permit of the request and one of the host.
    async fn permits(
        &self,
        host: &Host,
        deadline: Instant,
        permits: &Permits,
    ) -> Result<HeldPermits, Problem> {
        let head = self.times().head;
        let unsettled = permits.unsettled();
        let stream = permits.take();
        if let Some(time) = host.health.down_for() {
            return Err(problems::not_asked(host, time));
        }
        let stream = match stream {
            Some(stream) => stream,
            None => permits.wait(head).await.ok_or_else(|| problems::no_permit(host))?,
        };
        drop(unsettled);
        let at_host = match host.health.permit().now_or_never() {
            Some(permit) => permit,
            None => timeout(head.min(remaining(deadline)), host.health.permit())
                .await
                .map_err(|_| problems::too_many(host))?,
        };
        Ok((at_host, stream))
    }

    /// Reads and checks the problem with which a host refuses the request.
    async fn refusal(
        &self,
        host: &Host,
        method: &Method,
        head: &http::response::Parts,
        body: Incoming,
        deadline: Instant,
    ) -> Result<Refusal, Problem> {
        let wait = self.times().head.min(remaining(deadline));
        let body = timeout(wait, small(body));
        let body = body.await.map_err(|_| timed_out(host, &format!("end its answer within {wait:?}")))?;
        let body = body.ok_or_else(|| no_secondary(host, "its problem is too long or was cut off"))?;
        Refusal::new(method, head.status, &head.headers, &body)
            .map_err(|what| no_secondary(host, &what.to_string()))
    }
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// The header fields of a request for which so much time is left.
fn fields(host: &Host, content_type: &str, remaining: Duration) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(header::ACCEPT, headers::value(essence(content_type)));
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    fields.insert(headers::RELAY, headers::value(&host.name));
    let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
    fields.insert(headers::REMAINING, HeaderValue::from(remaining_ms));
    fields
}
