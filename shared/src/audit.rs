//! The audit: who asked what of whom, with which outcome. `--audit-file PATH`, one JSON object a
//! line, for each request at its end. It holds no token, no keyword, and nothing of an answer.
//!
//! Lines wait in a bounded queue for a thread of their own, so a disk that hangs holds up no answer.
//! What cannot be written is counted, and the file says how many lines are missing as soon as it
//! can be written again. The log says so too.

mod file;
mod line;

pub use file::AuditFile;

use crate::conn::exchange::{Ended, Recorder};
use crate::telemetry::losses;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// The most lines that wait to be written.
const QUEUED_LINES: usize = 4096;

/// The most bytes of them.
const QUEUED_BYTES: usize = 16 << 20;

/// How often the thread looks whether the file was rotated away, and whether lines were lost.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How long the program waits at its end for queued lines to be written.
const FINISH_TIME: Duration = Duration::from_millis(1500);

/// Why there is no audit: one line that names the flag.
#[derive(Debug, thiserror::Error)]
#[error("--audit-file {}: {why}: name a file that this user may write to", .path.display())]
pub struct Error {
    path: PathBuf,
    why: io::Error,
}

/// Where records go. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct Audit {
    queue: SyncSender<Order>,
    /// Bytes of the lines that wait.
    queued: Arc<AtomicUsize>,
    /// Lines that did not fit in the queue, and have not been reported.
    lost: Arc<AtomicU64>,
}

enum Order {
    Line(String),
    /// Answered once all lines before it have been written.
    Finish(SyncSender<()>),
}

impl Audit {
    /// Opens the file, which is made if there is none, and starts the thread that writes to it.
    pub fn open(path: &Path) -> Result<Audit, Error> {
        let refuse = |why| Error { path: path.to_owned(), why };
        let file = AuditFile::open(path).map_err(refuse)?;
        Audit::start(file, QUEUED_LINES).map_err(refuse)
    }

    fn start(file: impl Output + Send + 'static, lines: usize) -> io::Result<Audit> {
        let (queue, orders) = sync_channel(lines);
        let (lost, queued) = (Arc::<AtomicU64>::default(), Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&lost), Arc::clone(&queued));
        let writer = Writer { file, lost: counts.0, queued: counts.1, unwritten: 0, is_failing: false };
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run(&orders))?;
        Ok(Audit { queue, queued, lost })
    }

    /// Waits until what is queued has been written, but not for long. For the end of the program.
    pub fn finish(&self) {
        let (written, wait) = sync_channel(1);
        let until = std::time::Instant::now() + FINISH_TIME;
        let mut order = Order::Finish(written);
        while std::time::Instant::now() < until {
            match self.queue.try_send(order) {
                Ok(()) => {
                    let left = until.saturating_duration_since(std::time::Instant::now());
                    // If that takes too long, the disk hangs, and the program ends all the same.
                    let _ = wait.recv_timeout(left);
                    return;
                }
                Err(std::sync::mpsc::TrySendError::Full(again)) => order = again,
                Err(std::sync::mpsc::TrySendError::Disconnected(_)) => return,
            }
            // The queue is full: the thread takes a line as soon as the disk does.
            let _ = wait.recv_timeout(Duration::from_millis(5));
        }
    }
}

impl Recorder for Audit {
    fn ended(&self, ended: &Arc<Ended>) {
        if ended.is_of_health() {
            return;
        }
        let line = line::of(ended);
        let len = line.len();
        let has_room = self.queued.fetch_add(len, Relaxed) + len <= QUEUED_BYTES;
        if !has_room || self.queue.try_send(Order::Line(line)).is_err() {
            self.queued.fetch_sub(len, Relaxed);
            self.lost.fetch_add(1, Relaxed);
            losses::AUDIT.add(1);
        }
    }
}

/// What lines are written to.
trait Output {
    /// Writes a line, whole or not at all as far as can be told.
    fn line(&mut self, line: &str) -> io::Result<()>;

    /// Looks whether the file is still the one of this name.
    fn look(&mut self);
}

/// Writes lines, and reports lost ones.
struct Writer<F> {
    file: F,
    lost: Arc<AtomicU64>,
    queued: Arc<AtomicUsize>,
    /// Lines that could not be written, and have not been reported.
    unwritten: u64,
    /// Whether the last write failed, which the log has said.
    is_failing: bool,
}

impl<F: Output> Writer<F> {
    fn run(mut self, orders: &Receiver<Order>) {
        let mut looked = std::time::Instant::now();
        loop {
            let order = orders.recv_timeout(LOOK_INTERVAL);
            if looked.elapsed() >= LOOK_INTERVAL {
                self.file.look();
                looked = std::time::Instant::now();
            }
            self.tell_losses();
            match order {
                Ok(Order::Line(line)) => {
                    self.put(&line);
                    self.queued.fetch_sub(line.len(), Relaxed);
                }
                Ok(Order::Finish(written)) => {
                    self.tell_losses();
                    // Nobody waits any more if it took too long.
                    let _ = written.try_send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.tell_losses(),
            }
        }
    }

    fn put(&mut self, line: &str) {
        match self.file.line(line) {
            Ok(()) => self.is_failing = false,
            Err(error) => {
                if !self.is_failing {
                    tracing::error!(%error, "the audit cannot be written: lines are lost until it can");
                    self.is_failing = true;
                }
                self.unwritten += 1;
                losses::AUDIT.add(1);
            }
        }
    }

    fn tell_losses(&mut self) {
        self.unwritten += self.lost.swap(0, Relaxed);
        if self.unwritten > 0 && self.file.line(&line::lost(self.unwritten)).is_ok() {
            tracing::error!(lines = self.unwritten, "lines of the audit were lost");
            self.unwritten = 0;
            self.is_failing = false;
        }
    }
}

#[cfg(test)]
mod tests;
