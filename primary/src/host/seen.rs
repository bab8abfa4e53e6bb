//! What probes and requests have found out about one host.

use jiff::Timestamp;
use std::time::Instant;

/// The state of a host, by its last probe or a later request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It has not been probed yet.
    #[default]
    Unknown,
    /// It serves.
    Ready,
    /// It answers, but does not serve.
    NotReady,
    /// It does not answer, or not like a secondary.
    Unreachable,
}

impl State {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Unknown => "unknown",
            State::Ready => "ready",
            State::NotReady => "not_ready",
            State::Unreachable => "unreachable",
        }
    }
}

/// What probes and requests have found out about a host.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Its state.
    pub state: State,
    /// Its version, by its own word.
    pub version: Option<String>,
    /// Its read engine, by its own word.
    pub io_engine: Option<String>,
    /// Why it is not ready, or why it does not answer; None where it is ready, or does not say why.
    pub reason: Option<String>,
    /// What it warns of, by its own word.
    pub warnings: Vec<String>,
    /// Since when it has not answered: when the first of its last failures began; None where the last
    /// request or probe was answered.
    pub failing_since: Option<Timestamp>,
    /// When the last probe ended.
    pub last_probe: Option<Timestamp>,
    /// When the last probe began.
    pub(super) probe_began: Option<Instant>,
    /// When a probe last failed; None where one was answered since, or where a request has hung since.
    pub(super) probe_failed: Option<Instant>,
    /// When it became suspect.
    pub(super) suspect_since: Option<Instant>,
    pub(super) failures: u32,
    pub(super) first_failure: Option<Instant>,
    pub(super) last_failure: Option<Instant>,
}
