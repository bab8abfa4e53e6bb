//! What one host did for one request of a primary.

use super::Exchange;
use crate::telemetry::request_id::REQUEST_ID;
use crate::telemetry::trace_context::new_span_id;
use crate::wire::code::Code;
use crate::wire::verdict::{Status, Verdict};
use http::HeaderMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Hosts' parts that are kept of one request. More of them are counted.
pub(super) const PARTS: usize = 64;

/// What one host did.
#[derive(Debug, Clone)]
pub struct Part {
    /// The span that the host was told.
    pub span_id: u64,
    /// Its name in the fleet.
    pub host: String,
    /// Its URL.
    pub url: String,
    /// When it was asked.
    pub began: Instant,
    /// How long its part took.
    pub took: Duration,
    /// How it ended; None where the primary needed no more of it, or its client had left.
    pub ended: Option<Status>,
    /// Why it failed.
    pub code: Option<Code>,
    /// Bytes that came from it.
    pub bytes: u64,
    /// Lines of it that were passed on.
    pub lines: u64,
}

/// A part that is under way. It is noted when this is dropped.
#[derive(Debug, Default)]
pub struct HostPart(Option<Box<(Arc<Exchange>, Part)>>);

impl HostPart {
    /// Begins the part of a host, and adds to the fields of its request what names the request
    /// there. Only where the trace is recorded, it costs more than that.
    pub fn begin(
        exchange: Option<&Arc<Exchange>>,
        host: &str,
        url: &str,
        fields: &mut HeaderMap,
    ) -> HostPart {
        let Some(exchange) = exchange else { return HostPart::default() };
        let span_id = new_span_id();
        fields.insert(REQUEST_ID, exchange.id.value());
        exchange.trace.pass_on(span_id, fields);
        HostPart(exchange.trace.is_recorded.then(|| {
            let part = Part {
                span_id,
                host: host.to_owned(),
                url: url.to_owned(),
                began: Instant::now(),
                took: Duration::ZERO,
                ended: None,
                code: None,
                bytes: 0,
                lines: 0,
            };
            Box::new((Arc::clone(exchange), part))
        }))
    }

    fn note(&mut self, note: impl FnOnce(&mut Part)) {
        if let Some(part) = &mut self.0 {
            note(&mut part.1);
        }
    }

    /// Counts bytes that have come.
    pub fn came(&mut self, bytes: usize) {
        self.note(|part| part.bytes += bytes as u64);
    }

    /// Counts lines that were passed on.
    pub fn passed_on(&mut self, lines: u64) {
        self.note(|part| part.lines = part.lines.saturating_add(lines));
    }

    /// Notes the verdict with which the host ended.
    pub fn ended(&mut self, verdict: &Verdict) {
        self.note(|part| {
            part.ended = Some(verdict.status);
            part.code = verdict.error.as_ref().map(|error| error.code);
        });
    }

    /// Notes that the host failed, or refused.
    pub fn failed(&mut self, code: Option<Code>) {
        let is_missing = code == Some(Code::NotFound);
        let status = if is_missing { Status::NotFound } else { Status::Failed };
        self.note(|part| (part.ended, part.code) = (Some(status), code));
    }

    /// Notes that all of its answer has come, if nothing else is known of its end.
    pub fn came_to_its_end(&mut self) {
        self.note(|part| _ = part.ended.get_or_insert(Status::Complete));
    }
}

impl Drop for HostPart {
    fn drop(&mut self) {
        let Some(part) = self.0.take() else { return };
        let (exchange, mut part) = *part;
        part.took = part.began.elapsed();
        exchange.note(|noted| {
            if noted.parts.len() < PARTS {
                noted.parts.push(part);
            } else {
                noted.parts_left_out += 1;
            }
        });
    }
}
