//! How many lines and spans were lost, since the program began: their queue was full, or they could
//! not be written or sent.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Lines of the log.
pub(crate) static LOG: Loss = Loss(AtomicU64::new(0));

/// Lines of the audit.
pub(crate) static AUDIT: Loss = Loss(AtomicU64::new(0));

/// Spans of traces.
pub(crate) static TRACES: Loss = Loss(AtomicU64::new(0));

/// What has been lost of one kind.
#[derive(Debug)]
pub(crate) struct Loss(AtomicU64);

impl Loss {
    /// Counts more of them.
    pub(crate) fn add(&self, lost: u64) {
        self.0.fetch_add(lost, Relaxed);
    }
}

/// What this process has lost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Losses {
    /// Lines of the log.
    pub log: u64,
    /// Lines of the audit.
    pub audit: u64,
    /// Spans of traces.
    pub traces: u64,
}

/// What this process has lost so far.
pub fn losses() -> Losses {
    let so_far = |of: &Loss| of.0.load(Relaxed);
    Losses { log: so_far(&LOG), audit: so_far(&AUDIT), traces: so_far(&TRACES) }
}
