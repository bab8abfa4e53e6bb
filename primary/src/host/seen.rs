//! What probes and requests have found out about one host.

use jiff::Timestamp;
use std::time::Instant;

/// How the last probe, or a request since, found a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum State {
    /// It has not been asked yet.
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

/// What the last probes said.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// How it was found.
    pub state: State,
    /// Its version, as it last said.
    pub version: Option<String>,
    /// Its read engine, as it last said.
    pub io_engine: Option<String>,
    /// Why it is not ready, or not reached; none where it is ready, or says nothing.
    pub reason: Option<String>,
    /// What it warns of, as it last said.
    pub warnings: Vec<String>,
    /// Since when nothing has been heard of it: when the first request or probe began that
    /// failed with none after it that did not.
    pub failing_since: Option<Timestamp>,
    /// When the last probe ended.
    pub last_probe: Option<Timestamp>,
    /// When the last probe began.
    pub(super) probe_began: Option<Instant>,
    /// When a probe failed, where none was answered and no request has hung since.
    pub(super) probe_failed: Option<Instant>,
    /// When a request hung that made it suspect.
    pub(super) suspect_since: Option<Instant>,
    pub(super) failures: u32,
    pub(super) first_failure: Option<Instant>,
    pub(super) last_failure: Option<Instant>,
}
