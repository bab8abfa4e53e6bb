//! A request to a host while it is under way, for the metrics.

use super::counts::{Meter, Outcome};
use super::health::Health;
use std::sync::Arc;
use std::time::Duration;

/// A request to a host that is under way. When it is dropped the request has ended, with the outcome
/// that is known by then. One without an outcome was given up, and says nothing of the host.
#[derive(Debug)]
pub(super) struct UnderWay {
    meter: Meter,
    health: Arc<Health>,
    outcome: Option<Outcome>,
}

impl UnderWay {
    pub(super) fn new(meter: &Meter, health: &Arc<Health>) -> UnderWay {
        meter.began();
        UnderWay { meter: meter.clone(), health: Arc::clone(health), outcome: None }
    }

    /// Notes the outcome. A later one takes its place.
    pub(super) fn is(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }

    /// Notes how long the head of the answer took.
    pub(super) fn began(&self, took: Duration) {
        self.health.counts.first_byte.observe(took);
        self.health.latency.request(took);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.meter.ended();
        if let Some(outcome) = self.outcome {
            self.health.counts.ended(outcome);
        }
    }
}
