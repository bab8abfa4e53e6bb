//! One request to one host, from its permits to the beginning of its answer.

use super::Host;
use super::body::{Held, HeldPermits, HostBody};
use super::cause::Cause;
use super::client::Pacing;
use super::counts::Outcome;
use super::permits::Permits;
use super::problems::{self, no_secondary, timed_out};
use super::pulse::Pulse;
use super::refusal::{Refusal, essence};
use super::target::Targets;
use super::under_way::UnderWay;
use super::upstream::{LISTING_TIMES, Upstream, small, wants_tls};
use backscroll_shared::conn::exchange::{Exchange, HostPart};
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::server_timing::Timing;
use backscroll_shared::wire::{frames, headers};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What a host answered before the first byte of its body.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are the large one, and a box would cost each of them"
)]
pub enum HostAnswer {
    /// 200: its body is on its way.
    Streaming(HostBody),
    /// A problem of its own, to be passed on as it is.
    Refused(Refusal),
}

/// What all hosts of a request are asked.
#[derive(Debug)]
pub struct Asking {
    /// GET, or HEAD: then no record is asked for.
    pub method: Method,
    /// What they are asked for.
    pub targets: Targets,
    /// When the answer is to have ended.
    pub deadline: Instant,
    /// For whom.
    pub on_behalf: OnBehalf,
    /// The request for which they are asked.
    pub exchange: Option<Arc<Exchange>>,
}

/// For whom a host is asked: fields that it believes from a primary alone.
#[derive(Debug, Clone, Default)]
pub struct OnBehalf {
    /// Who asks, for the host's audit.
    pub caller: Option<HeaderValue>,
    /// The files that the caller may see; None where it may see all.
    pub files: Option<HeaderValue>,
}

impl Upstream {
    /// Asks `host`. An answer with status 200 has to be of the type `content_type`, and has to end
    /// before the deadline, which the host is told. The request takes one of the `permits`. A host
    /// that is down is not asked. An answer without an [`Instance`] is another server's, and nothing
    /// of it is passed on.
    pub async fn ask(
        &self,
        host: &Arc<Host>,
        asking: &Asking,
        content_type: &str,
        permits: &Permits,
    ) -> Result<(Instance, HostAnswer), Problem> {
        let mut fields = HeaderMap::new();
        let mut part = HostPart::begin(asking.exchange.as_ref(), &host.name, &host.url, &mut fields);
        let mut answered = self.answered(host, asking, fields, content_type, permits).await;
        match &mut answered {
            Ok((_, HostAnswer::Streaming(body))) => body.set_part(part),
            Ok((_, HostAnswer::Refused(refusal))) => part.failed(refusal.code()),
            Err(problem) => part.failed(Some(problem.code())),
        }
        answered
    }

    async fn answered(
        &self,
        host: &Arc<Host>,
        asking: &Asking,
        mut fields: HeaderMap,
        content_type: &str,
        permits: &Permits,
    ) -> Result<(Instance, HostAnswer), Problem> {
        let Asking { method, targets, deadline, on_behalf, exchange } = asking;
        let (deadline, exchange) = (*deadline, exchange.as_ref());
        let permits = self.permits(host, deadline, permits).await?;
        let mut under_way = UnderWay::new(self.meter(), &host.health);
        add_fields(&mut fields, host, content_type, remaining(deadline));
        fields.extend(on_behalf.caller.iter().map(|caller| (headers::CALLER, caller.clone())));
        fields.extend(on_behalf.files.iter().map(|files| (headers::FILES, files.clone())));
        self.credentials().add(&mut fields);
        let target = targets.of(&host.name);
        let is_listing = target.uri.starts_with("/files");
        let patience = self.times().head * if is_listing { LISTING_TIMES } else { 1 };
        let response = self.send(host, method, &target, fields, (patience, deadline), &mut under_way).await?;
        let (head, body) = response.into_parts();
        under_way.is(Outcome::Broken);
        let Some(instance) = Instance::of(&head.headers) else {
            return Err(self.foreign(host, head.status, body, asking).await);
        };
        host.health.answered(instance);
        if head.status != StatusCode::OK {
            under_way.is(Outcome::Refused);
        }
        if is_not_let_in(&head) {
            return Err(problems::not_let_in(host, exchange));
        }
        if head.status != StatusCode::OK {
            return Ok((instance, HostAnswer::Refused(self.refusal(host, asking, &head, body).await?)));
        }
        let given = head.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !given.is_some_and(|given| essence(given).eq_ignore_ascii_case(essence(content_type))) {
            return Err(no_secondary(host, &format!("its answer is of the type {given:?}"), exchange));
        }
        let is_framed = content_type == frames::CONTENT_TYPE;
        let idle = if is_framed { self.times().framed_idle } else { self.times().idle };
        let pacing = Pacing::of(&head.extensions, &self.capacity().quick);
        let pulse = (!is_framed).then(|| (self.client().clone(), self.times().probe));
        let pulse = Pulse::new(host, instance, pulse);
        let timing = Timing::of(&head.headers);
        let file = head.headers.get(headers::FILE).cloned();
        under_way.is(Outcome::Answered);
        let kept = Held { permits, under_way };
        let body =
            HostBody::new(body, idle, deadline, kept, pacing, pulse).with_timing(timing).with_file(file);
        Ok((instance, HostAnswer::Streaming(body)))
    }

    /// Why an answer of another server than a secondary is not used.
    async fn foreign(&self, host: &Host, status: StatusCode, body: Incoming, asking: &Asking) -> Problem {
        if status == StatusCode::BAD_REQUEST {
            let body = timeout(self.times().head.min(remaining(asking.deadline)), small(body)).await;
            if let Ok(Some(body)) = body
                && wants_tls(host, status, &body)
            {
                return problems::not_secured(host, Cause::WantsTls);
            }
        }
        no_secondary(host, &format!("it answered with status {}", status.as_u16()), asking.exchange.as_ref())
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
            host.health.counts.ended(Outcome::Unreachable);
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
        asking: &Asking,
        head: &http::response::Parts,
        body: Incoming,
    ) -> Result<Refusal, Problem> {
        let no_secondary = |what: &str| no_secondary(host, what, asking.exchange.as_ref());
        let wait = self.times().head.min(remaining(asking.deadline));
        let body = timeout(wait, small(body));
        let body = body.await.map_err(|_| timed_out(host, &format!("end its answer within {wait:?}")))?;
        let body = body.ok_or_else(|| no_secondary("its problem is too long or was cut off"))?;
        Refusal::new(&asking.method, head.status, &head.headers, &body)
            .map(|refusal| refusal.explained(&host.name))
            .map_err(|what| no_secondary(&what.to_string()))
    }
}

/// Whether the host does not let this primary in. That is this primary's business, and not that of
/// the client, whose token may be valid. A secondary's `/readyz` tells strangers with the same field
/// that it would say more to others.
pub(super) fn is_not_let_in(head: &http::response::Parts) -> bool {
    head.status == StatusCode::UNAUTHORIZED || head.headers.contains_key(header::WWW_AUTHENTICATE)
}

fn remaining(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// Adds the header fields of a request for which so much time is left.
fn add_fields(fields: &mut HeaderMap, host: &Host, content_type: &str, remaining: Duration) {
    fields.insert(header::ACCEPT, headers::value(essence(content_type)));
    fields.insert(header::TE, HeaderValue::from_static("trailers"));
    fields.insert(headers::RELAY, headers::value(&host.name));
    let remaining_ms = u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX);
    fields.insert(headers::REMAINING, HeaderValue::from(remaining_ms));
}
