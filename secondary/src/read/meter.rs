//! Counts what is read.

use super::{Engine, ReadFailure};
use backscroll_shared::metrics::{Counts, Metric};
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

/// Counts the reads of one engine. By default, nothing.
#[derive(Debug, Clone, Default)]
pub struct Meter(Option<(Arc<Counts>, usize)>);

/// Why a read had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// All blocks were in use.
    Block,
    /// Too many blocks waited for the disk.
    Disk,
}

impl Meter {
    /// Counts the reads of this engine.
    pub fn of<E: Engine>(counts: &Arc<Counts>) -> Meter {
        // Every engine but the pool of threads is the ring.
        Meter(Some((Arc::clone(counts), usize::from(E::NAME == "threads"))))
    }

    /// Counts a block with so many bytes.
    pub(super) fn block(&self, bytes: usize) {
        if let Some((counts, engine)) = &self.0 {
            counts.add(Metric::BlocksRead, *engine, 1);
            counts.add(Metric::ReadBytes, *engine, bytes as u64);
        }
    }

    /// Counts for how long a scan read a block, or waited for one.
    pub(super) fn took(&self, time: Duration) {
        if let Some((counts, engine)) = &self.0 {
            counts.observe(Metric::ReadDuration, *engine, time);
        }
    }

    /// Counts a read that failed for this reason.
    pub(super) fn failed(&self, failure: &ReadFailure) {
        let Some((counts, engine)) = &self.0 else { return };
        let is_of_the_disk = match failure {
            // There was no memory for a block.
            ReadFailure::Io { source, .. } => source.kind() != ErrorKind::OutOfMemory,
            ReadFailure::Hung { .. } => true,
            _ => false,
        };
        if is_of_the_disk {
            counts.add(Metric::ReadErrors, *engine, 1);
        }
    }

    /// Counts a read that has to wait.
    pub(super) fn waits(&self, wait: Wait) {
        if let Some((counts, _)) = &self.0 {
            counts.add(Metric::ReadWaits, usize::from(wait == Wait::Disk), 1);
        }
    }

    /// Counts an answer that ends since its file is not what it was.
    pub(crate) fn truncated(&self) {
        if let Some((counts, _)) = &self.0 {
            counts.one(Metric::TruncatedFiles);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::threads::Threads;
    use super::super::uring::Uring;
    use super::*;
    use backscroll_shared::metrics::{Metrics, Program};
    use backscroll_shared::wire::accept::Exposition;

    #[tokio::test]
    async fn what_is_read_and_what_fails_is_counted_for_its_engine() {
        let metrics = Metrics::start(Program::Secondary, 1).unwrap();
        let (ring, pool) = (Meter::of::<Uring>(metrics.counts()), Meter::of::<Threads>(metrics.counts()));
        ring.block(512);
        ring.took(Duration::from_millis(3));
        pool.block(7);
        let source = std::io::Error::other("the disk");
        pool.failed(&ReadFailure::Io { offset: 0, source });
        pool.failed(&ReadFailure::Hung { offset: 0 });
        // These are not the disk's fault.
        pool.failed(&ReadFailure::Io { offset: 0, source: ErrorKind::OutOfMemory.into() });
        pool.failed(&ReadFailure::Shrunk { offset: 0 });
        pool.failed(&ReadFailure::Starved);
        ring.waits(Wait::Disk);
        ring.waits(Wait::Disk);
        pool.waits(Wait::Block);
        ring.truncated();
        Meter::default().block(1);
        let page = metrics.page(Exposition::Text).await.unwrap();
        let page = std::str::from_utf8(&page).unwrap();
        for line in [
            "backscroll_blocks_read_total{engine=\"uring\"} 1",
            "backscroll_blocks_read_total{engine=\"threads\"} 1",
            "backscroll_read_bytes_total{engine=\"uring\"} 512",
            "backscroll_read_bytes_total{engine=\"threads\"} 7",
            "backscroll_read_errors_total{engine=\"uring\"} 0",
            "backscroll_read_errors_total{engine=\"threads\"} 2",
            "backscroll_read_duration_seconds_count{engine=\"uring\"} 1",
            "backscroll_read_waits_total{reason=\"disk\"} 2",
            "backscroll_read_waits_total{reason=\"block\"} 1",
            "backscroll_truncated_files_total 1",
        ] {
            assert!(page.lines().any(|found| found == line), "{line}: {page}");
        }
    }
}
