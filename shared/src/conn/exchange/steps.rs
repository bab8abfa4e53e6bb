//! When a secondary did what for one request.

use std::time::Instant;

/// The steps of one answer from a file, as far as it came.
#[derive(Debug, Default, Clone, Copy)]
pub struct Steps {
    /// From when to when the file was looked up and opened.
    pub open: Option<(Instant, Instant)>,
    /// When the search had its first block.
    pub first_block: Option<Instant>,
    /// When the search had ended.
    pub scanned: Option<Instant>,
    /// Blocks that were searched.
    pub blocks: u64,
}
