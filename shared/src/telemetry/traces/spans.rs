//! The spans of one request: that of the server, on a primary one for each host's part, on a
//! secondary one for each step. Never a keyword.

use crate::VERSION;
use crate::conn::exchange::{Ended, Part};
use crate::wire::code::Code;
use crate::wire::verdict::Status as Verdict;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use std::borrow::Cow;
use std::time::{Instant, SystemTime};

/// Tells the time of day of an instant.
pub(super) struct Moment {
    instant: Instant,
    time: SystemTime,
    scope: InstrumentationScope,
}

impl Moment {
    pub(super) fn now() -> Moment {
        let scope = InstrumentationScope::builder("backscroll").with_version(VERSION).build();
        Moment { instant: Instant::now(), time: SystemTime::now(), scope }
    }

    fn at(&self, instant: Instant) -> SystemTime {
        self.time - self.instant.saturating_duration_since(instant)
    }
}

/// How many spans a request has, at most.
pub(super) fn count(ended: &Ended) -> usize {
    /// Those of a secondary's steps.
    const STEPS: usize = 4;
    let steps = if ended.noted.steps.open.is_some() { STEPS } else { 0 };
    1 + ended.noted.parts.len() + steps
}

/// The spans of this request.
pub(super) fn of(ended: &Ended, moment: &Moment) -> Vec<SpanData> {
    let of_request = OfRequest { ended, moment };
    let mut spans = vec![of_request.server()];
    spans.extend(ended.noted.parts.iter().map(|part| of_request.part(part)));
    spans.extend(of_request.steps());
    spans
}

struct OfRequest<'e> {
    ended: &'e Ended,
    moment: &'e Moment,
}

impl OfRequest<'_> {
    /// A span below that of the server, without attributes.
    fn span(&self, id: u64, name: Cow<'static, str>, from: Instant, to: Instant) -> SpanData {
        let trace = &self.ended.exchange.trace;
        let state: TraceState = trace.state().and_then(|state| state.parse().ok()).unwrap_or_default();
        let trace_id = TraceId::from(trace.trace_id);
        SpanData {
            span_context: SpanContext::new(trace_id, SpanId::from(id), TraceFlags::SAMPLED, false, state),
            parent_span_id: SpanId::from(trace.span_id),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name,
            start_time: self.moment.at(from),
            end_time: self.moment.at(to.max(from)),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: self.moment.scope.clone(),
        }
    }

    fn over(&self) -> Instant {
        self.ended.exchange.began + self.ended.took
    }

    fn server(&self) -> SpanData {
        let Ended { exchange, noted, .. } = self.ended;
        let is_known = exchange.endpoint.starts_with('/');
        let method = if exchange.method == "other" { "HTTP" } else { exchange.method };
        let name = if is_known { format!("{method} {}", exchange.endpoint).into() } else { method.into() };
        let mut span = self.span(exchange.trace.span_id, name, exchange.began, self.over());
        span.span_kind = SpanKind::Server;
        span.parent_span_id = exchange.trace.parent.map_or(SpanId::INVALID, SpanId::from);
        span.parent_span_is_remote = exchange.trace.parent.is_some();
        let mut attributes = Attributes(Vec::with_capacity(24));
        attributes.text("http.request.method", if method == "HTTP" { "_OTHER" } else { method });
        if is_known {
            attributes.text("http.route", exchange.endpoint);
            attributes.text("url.path", exchange.endpoint);
        }
        if let Some(status) = noted.status {
            attributes.number("http.response.status_code", u64::from(status.as_u16()));
        }
        if let Some(client) = exchange.client {
            attributes.text("network.peer.address", client.ip().to_string());
            attributes.number("network.peer.port", u64::from(client.port()));
        }
        attributes.text("backscroll.request_id", exchange.id.as_str().to_owned());
        if let Some(caller) = &noted.caller {
            attributes.text("backscroll.caller", caller.clone());
        }
        if let Some(file) = &noted.filename {
            attributes.text("backscroll.file", String::from_utf8_lossy(file).into_owned());
            attributes.number("backscroll.keywords", noted.filters.keywords as u64);
            attributes.number("backscroll.lines", noted.lines);
            attributes.number("backscroll.bytes_scanned", noted.bytes_scanned);
        }
        if let Some(n) = noted.n {
            attributes.number("backscroll.n", n);
        }
        if noted.hosts_asked > 0 {
            attributes.number("backscroll.hosts_asked", noted.hosts_asked as u64);
        }
        if noted.parts_left_out > 0 {
            attributes.number("backscroll.hosts_without_span", noted.parts_left_out);
        }
        attributes.number("http.response.body.size", self.ended.bytes_sent);
        attributes.0.push(KeyValue::new("backscroll.whole", self.ended.is_whole));
        attributes.verdict(noted.verdict, noted.code);
        let is_error = noted.status.is_none_or(|status| status.is_server_error())
            || noted.verdict.is_some_and(|verdict| verdict != Verdict::Complete);
        if is_error {
            let status = noted.status.map(|status| status.as_str().to_owned());
            let what = noted.code.as_ref().map(|code| Code::as_str(code).to_owned());
            let what = what.or(status.filter(|_| noted.verdict.is_none()));
            attributes.text("error.type", what.unwrap_or_else(|| "incomplete".to_owned()));
            span.status = Status::error("");
        }
        span.attributes = attributes.0;
        span
    }

    fn part(&self, part: &Part) -> SpanData {
        let exchange = &self.ended.exchange;
        let name = format!("{} {}", exchange.method, exchange.endpoint).into();
        let mut span = self.span(part.span_id, name, part.began, part.began + part.took);
        span.span_kind = SpanKind::Client;
        let mut attributes = Attributes(Vec::with_capacity(10));
        attributes.text("http.request.method", exchange.method);
        attributes.text("backscroll.host", part.host.clone());
        if let Some((address, port)) = server(&part.url) {
            attributes.text("server.address", address);
            attributes.number("server.port", u64::from(port));
        }
        attributes.text("backscroll.outcome", part.ended.map_or("left", Verdict::as_str));
        attributes.number("http.response.body.size", part.bytes);
        attributes.number("backscroll.lines", part.lines);
        if let Some(code) = &part.code {
            attributes.text("backscroll.code", code.as_str().to_owned());
        }
        if part.ended.is_some_and(|ended| !matches!(ended, Verdict::Complete | Verdict::NotFound)) {
            let what = part.code.as_ref().map_or("incomplete", Code::as_str);
            attributes.text("error.type", what.to_owned());
            span.status = Status::error("");
        }
        span.attributes = attributes.0;
        span
    }

    fn steps(&self) -> Vec<SpanData> {
        let Ended { exchange, noted, .. } = self.ended;
        let steps = &noted.steps;
        let Some((from, opened)) = steps.open else { return Vec::new() };
        let step = |name: &'static str, from, to, fill: &dyn Fn(&mut Attributes)| {
            let mut span = self.span(fastrand::u64(1..), name.into(), from, to);
            let mut attributes = Attributes(Vec::new());
            fill(&mut attributes);
            span.attributes = attributes.0;
            span
        };
        let mut spans = vec![step("open", from, opened, &|_| ())];
        if let Some(first) = steps.first_block {
            spans.push(step("first_block", opened, first, &|_| ()));
            spans.push(step("scan", opened, steps.scanned.unwrap_or_else(|| self.over()), &|attributes| {
                attributes.number("backscroll.bytes_scanned", noted.bytes_scanned);
                attributes.number("backscroll.blocks", steps.blocks);
                attributes.number("backscroll.lines", noted.lines);
                attributes.verdict(noted.verdict, noted.code);
            }));
        }
        if let Some(first) = noted.first_record {
            spans.push(step("write", exchange.began + first, self.over(), &|attributes| {
                attributes.number("http.response.body.size", self.ended.bytes_sent);
                attributes.number("backscroll.lines", noted.lines);
            }));
        }
        spans
    }
}

struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn text(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        let value: Cow<'static, str> = value.into();
        self.0.push(match value {
            Cow::Borrowed(text) => KeyValue::new(name, text),
            Cow::Owned(text) => KeyValue::new(name, text),
        });
    }

    fn number(&mut self, name: &'static str, value: u64) {
        self.0.push(KeyValue::new(name, i64::try_from(value).unwrap_or(i64::MAX)));
    }

    fn verdict(&mut self, verdict: Option<Verdict>, code: Option<Code>) {
        if let Some(verdict) = verdict {
            self.text("backscroll.verdict", verdict.as_str());
        }
        if let Some(code) = code {
            self.text("backscroll.code", code.as_str().to_owned());
        }
    }
}

/// The host and the port in a URL of the fleet.
fn server(url: &str) -> Option<(String, u16)> {
    let uri: http::Uri = url.parse().ok()?;
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        _ => Some(80),
    })?;
    Some((uri.host()?.trim_matches(['[', ']']).to_owned(), port))
}
