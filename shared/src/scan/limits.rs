//! How much one search may hold.

use crate::limits;

/// How much one search may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one line that are delivered at most.
    pub line: usize,
    /// Bytes of one record at most, with the line feed of each line.
    pub record: usize,
    /// A line that begins with this many NUL bytes or more is delivered without them.
    pub nul_run: usize,
    /// Runs of NUL bytes between the lines of one record at most. After that the next record
    /// begins, as at the record limit.
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
