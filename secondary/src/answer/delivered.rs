//! What an answer has sent.

use std::time::Instant;

/// What has been sent so far.
#[derive(Debug, Default)]
pub(super) struct Delivered {
    /// When the last chunk was handed out; `None` before the first.
    pub(super) at: Option<Instant>,
    /// Whether the client asked for the next chunk within [`PATIENCE`](super::PATIENCE).
    pub(super) keeps_up: bool,
    pub(super) bytes: u64,
    /// Lines of whole records, and how many of those lines were cut.
    pub(super) lines: u64,
    pub(super) truncated_lines: u64,
    /// Whether the last chunk ended inside a record.
    pub(super) ends_within_record: bool,
}
