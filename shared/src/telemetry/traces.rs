//! Traces: spans of requests, sent to a collector over OTLP (HTTP, protobuf) where
//! `OTEL_EXPORTER_OTLP_ENDPOINT` is set.
//!
//! The thread that serves a request only notes a few moments. When the request is over and its trace
//! is recorded, it puts it in a queue. The thread `traces` makes spans of it and sends them. If the
//! collector is slow or gone, the queue becomes full, and spans are lost and counted.

mod exporter;
pub(super) mod headers;
mod resource;
mod settings;
mod spans;

use super::losses;
use super::queue::{Bounds, Queue};
use super::sampling::Sampling;
use crate::conn::exchange::{Ended, Recorder};
use exporter::Exporter;
use settings::Settings;
use spans::Moment;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The bytes of memory that a span takes while it waits, at most.
const SPAN_BYTES: usize = 2 << 10;

/// The shortest time between two warnings of lost spans.
const WARNING_REST: Duration = Duration::from_mins(1);

/// Why traces cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Headers(#[from] headers::Error),
    #[error(transparent)]
    Thread(#[from] io::Error),
}

/// Records the traces of requests. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Traces {
    queue: Queue<Arc<Ended>>,
    sampling: Sampling,
}

impl Traces {
    /// Begins to record traces, as the variables of OpenTelemetry say. None if they name no
    /// collector. A value that is not understood is warned of, and its default is used. Blocks.
    pub(super) fn start(service: &'static str) -> Result<Option<Traces>, Error> {
        let variable = |name: &str| std::env::var(name).ok();
        let Some(settings) = Settings::read(variable) else { return Ok(None) };
        let headers = headers::read(variable)?;
        for warning in &settings.warnings {
            tracing::warn!("{warning}");
        }
        let sampling = settings.sampling;
        let bounds = Bounds {
            weight: settings.queued_spans,
            enough: settings.batch_spans.min(settings.queued_spans),
            linger: settings.delay,
        };
        let queue = Queue::new(bounds);
        let taken = queue.clone();
        let run = move || match Exporter::new(&settings, headers, service) {
            Ok(exporter) => export(&taken, &exporter, settings.batch_spans),
            Err(error) => {
                tracing::warn!(error, "no traces are sent");
                while let Some(requests) = taken.take() {
                    losses::TRACES.add(requests.iter().map(|ended| spans::count(ended) as u64).sum());
                }
            }
        };
        std::thread::Builder::new().name("traces".to_owned()).spawn(run)?;
        Ok(Some(Traces { queue, sampling }))
    }

    /// Which traces are recorded.
    pub(super) fn sampling(&self) -> Sampling {
        self.sampling
    }

    /// Sends what waits, and waits for that until this time.
    pub(super) fn finish(&self, until: Instant) {
        self.queue.finish(until);
    }
}

impl Recorder for Traces {
    fn ended(&self, ended: &Arc<Ended>) {
        if !ended.exchange.trace.is_recorded || ended.is_of_health() {
            return;
        }
        let spans = spans::count(ended);
        // One that holds much memory counts as more spans.
        if !self.queue.push(Arc::clone(ended), spans.max(ended.weight() / SPAN_BYTES)) {
            losses::TRACES.add(spans as u64);
        }
    }
}

/// Sends spans until the queue ends. Warns of lost ones at most once a minute.
fn export(queue: &Queue<Arc<Ended>>, exporter: &Exporter, batch_spans: usize) {
    let mut warned: Option<Instant> = None;
    let mut told = 0;
    while let Some(requests) = queue.take() {
        let moment = Moment::now();
        let mut all = requests.iter().flat_map(|ended| spans::of(ended, &moment)).peekable();
        let mut why = None;
        while all.peek().is_some() {
            let batch: Vec<_> = all.by_ref().take(batch_spans).collect();
            let spans = batch.len();
            if let Err(error) = exporter.export(batch) {
                losses::TRACES.add(spans as u64);
                why = Some(error);
            }
        }
        let lost = losses::losses().traces;
        if lost > told && warned.is_none_or(|last| last.elapsed() >= WARNING_REST) {
            let why = why.unwrap_or_else(|| "more came than could be sent".to_owned());
            tracing::warn!(spans = lost - told, why, "spans of traces were lost");
            (warned, told) = (Some(Instant::now()), lost);
        }
    }
}
