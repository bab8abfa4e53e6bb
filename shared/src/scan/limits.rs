//! What one search may hold.

use crate::limits;

/// What one search may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a line that are delivered.
    pub line: usize,
    /// Bytes of a record, each line's feed included.
    pub record: usize,
    /// NUL bytes at the beginning of a line from which on they are no part of it.
    pub nul_run: usize,
    /// Runs of NUL bytes between the lines of one record: where the next begins, as it does at the
    /// record limit.
    pub runs: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            line: limits::LINE_BYTES,
            record: limits::RECORD_BYTES,
            nul_run: limits::NUL_RUN_BYTES,
            runs: limits::RECORD_RUNS,
        }
    }
}
