//! The lines that wait for the thread that writes the log.

use crate::telemetry::losses;
use crate::telemetry::queue::{Bounds, Queue};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tracing_subscriber::fmt::MakeWriter;

/// The most bytes of lines that wait to be written: more than 4,096 lines of the usual length.
pub(super) const QUEUED_BYTES: usize = 2 << 20;

/// Puts lines in the queue, or loses them if it is full. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct LogQueue {
    lines: Queue<Vec<u8>>,
    lost: Arc<AtomicU64>,
}

impl LogQueue {
    pub(super) fn new(bytes: usize) -> LogQueue {
        let bounds = Bounds { weight: bytes, enough: 1, linger: Duration::ZERO };
        LogQueue { lines: Queue::new(bounds), lost: Arc::default() }
    }

    /// Adds whole lines about requests: so many. They leave half of the queue to other lines, which
    /// are few and say more.
    pub(crate) fn push(&self, lines: Vec<u8>, count: u64) {
        let bytes = lines.len();
        if !self.lines.push_within(lines, bytes, self.lines.bound() / 2) {
            self.lose(count);
        }
    }

    /// Counts lines that could not be added.
    pub(crate) fn lose(&self, lines: u64) {
        self.lost.fetch_add(lines, Relaxed);
        losses::LOG.add(lines);
    }

    pub(super) fn lines(&self) -> Queue<Vec<u8>> {
        self.lines.clone()
    }

    pub(super) fn lost(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.lost)
    }

    pub(super) fn finish(&self, until: Instant) {
        self.lines.finish(until);
    }
}

impl Write for LogQueue {
    /// Takes a whole line: `tracing` writes each message at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !self.lines.push(line.to_vec(), line.len()) {
            self.lose(1);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogQueue {
    type Writer = LogQueue;

    fn make_writer(&self) -> LogQueue {
        self.clone()
    }
}

#[cfg(test)]
impl LogQueue {
    /// A log that nobody writes.
    pub(crate) fn for_test(bytes: usize) -> LogQueue {
        LogQueue::new(bytes)
    }

    /// What was added, each with the others that were added at once.
    pub(crate) fn takes(&self) -> Vec<Vec<u8>> {
        self.lines.take().unwrap_or_default()
    }

    /// What was added.
    pub(crate) fn taken(&self) -> Vec<u8> {
        self.takes().concat()
    }

    /// How many lines were lost.
    pub(crate) fn lost_so_far(&self) -> u64 {
        self.lost.load(Relaxed)
    }
}
