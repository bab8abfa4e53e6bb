//! The thread that writes the log. Other threads put lines in a queue and go on, so a pipe that
//! nobody reads, or a disk that hangs, does not delay an answer. Lines are lost if the queue is
//! full, or if they cannot be written. Afterwards the log says how many were lost, and why.

mod log_queue;

pub(super) use log_queue::LogQueue;

use super::format::LogFormat;
use super::losses;
use super::queue::Queue;
use crate::cli::complain;
use crate::whole_line::write_line;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long the program waits at its end for queued lines to be written.
pub(super) const FINISH_TIME: Duration = Duration::from_millis(1500);

/// The shortest time between two complaints on standard error about a log that cannot be written. A
/// disk may fail again and again, and each complaint needs a thread until somebody reads it.
const COMPLAINT_REST: Duration = Duration::from_mins(1);

/// Lines are written together up to so many bytes. A pipe takes so many at once, so that the lines
/// of two programs that share it do not mix.
pub(super) const WRITE_BYTES: usize = 4096;

/// The process's log, once it has begun.
static LOG: Mutex<Option<LogQueue>> = Mutex::new(None);

/// Starts the thread that writes to `out`. If `out` fails, a complaint goes to standard error and
/// begins with `complaint`, which is `None` if `out` is standard error itself.
pub(super) fn start(
    out: impl Write + Send + 'static,
    format: LogFormat,
    complaint: Option<String>,
) -> io::Result<LogQueue> {
    let queue = LogQueue::new(log_queue::QUEUED_BYTES);
    Writer::new(out, format, complaint, queue.lost()).start(queue.lines())?;
    *LOG.lock().unwrap_or_else(PoisonError::into_inner) = Some(queue.clone());
    Ok(queue)
}

/// The process's log, if it has begun.
pub(super) fn log() -> Option<LogQueue> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Writes the queued lines, if that does not take too long. Called when the program ends.
pub(super) fn finish() {
    if let Some(queue) = log() {
        queue.finish(Instant::now() + FINISH_TIME);
    }
}

/// Writes lines, and reports lost ones.
struct Writer<W> {
    out: W,
    format: LogFormat,
    /// Begins the complaint on standard error if `out` cannot be written.
    complaint: Option<String>,
    complained: Option<Instant>,
    /// Counts the lines that did not fit in the queue.
    dropped: Arc<AtomicU64>,
    /// How many of these the log has reported.
    dropped_before: u64,
    /// Lines that could not be written, and have not been reported.
    unwritten: u64,
    why: Option<io::Error>,
    /// Whether the last line was written only in part.
    is_in_a_line: bool,
}

impl<W: Write> Writer<W> {
    fn new(out: W, format: LogFormat, complaint: Option<String>, dropped: Arc<AtomicU64>) -> Writer<W> {
        Writer {
            out,
            format,
            complaint,
            complained: None,
            dropped,
            dropped_before: 0,
            unwritten: 0,
            why: None,
            is_in_a_line: false,
        }
    }

    fn start(mut self, lines: Queue<Vec<u8>>) -> io::Result<()>
    where
        W: Send + 'static,
    {
        let run = move || {
            while let Some(taken) = lines.take() {
                let mut together = Vec::with_capacity(WRITE_BYTES);
                for lines in taken {
                    if together.len() + lines.len() > WRITE_BYTES {
                        self.lines(&together);
                        together.clear();
                    }
                    together.extend_from_slice(&lines);
                }
                self.lines(&together);
                // A failure shows up again when the next line is written.
                let _ = self.out.flush();
            }
        };
        std::thread::Builder::new().name("log-writer".to_owned()).spawn(run)?;
        Ok(())
    }

    fn lines(&mut self, lines: &[u8]) {
        self.tell_losses();
        let Err((error, lost)) = self.put(lines) else { return };
        if self.unwritten == 0
            && self.may_complain(Instant::now())
            && let Some(complaint) = &self.complaint
        {
            complain(complaint, &format!("{error}: the lines of the log are lost until it can be written"));
        }
        self.unwritten += lost;
        losses::LOG.add(lost);
        self.why = Some(error);
    }

    fn tell_losses(&mut self) {
        let dropped = self.dropped.load(Relaxed);
        if self.unwritten > 0 {
            let why = self.why.as_ref().map_or_else(String::new, ToString::to_string);
            if self.put(&loss(self.format, self.unwritten, &why)).is_err() {
                return;
            }
            self.unwritten = 0;
        }
        if dropped > self.dropped_before {
            let why = "more came than could be written";
            if self.put(&loss(self.format, dropped - self.dropped_before, why)).is_ok() {
                self.dropped_before = dropped;
            }
        }
    }

    /// Whether the last complaint is long enough ago. If so, notes `now` as the time of the last
    /// one.
    fn may_complain(&mut self, now: Instant) -> bool {
        let may = self.complained.is_none_or(|last| now.saturating_duration_since(last) >= COMPLAINT_REST);
        if may {
            self.complained = Some(now);
        }
        may
    }

    /// Writes lines. The error comes with the number of those that are lost.
    fn put(&mut self, lines: &[u8]) -> Result<(), (io::Error, u64)> {
        let was_in_a_line = self.is_in_a_line;
        let mut counted = Counted { out: &mut self.out, bytes: 0 };
        let Err(error) = write_line(&mut counted, &mut self.is_in_a_line, lines) else { return Ok(()) };
        let written = &lines[..counted.bytes.saturating_sub(usize::from(was_in_a_line)).min(lines.len())];
        // The end of an older line may be all that was written.
        let ended = was_in_a_line && counted.bytes > 0;
        self.is_in_a_line = match written.last() {
            Some(last) => *last != b'\n',
            None => was_in_a_line && !ended,
        };
        Err((error, feeds(lines) - feeds(written)))
    }
}

/// Counts the bytes that are taken.
struct Counted<'w, W> {
    out: &'w mut W,
    bytes: usize,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.out.write(bytes)?;
        self.bytes += len;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn feeds(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

/// The line that reports lost lines, in the log's own format.
fn loss(format: LogFormat, lines: u64, why: &str) -> Vec<u8> {
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let buffer = Buffer::default();
    let into = buffer.clone();
    let builder = tracing_subscriber::fmt().with_writer(move || into.clone()).with_ansi(false);
    let tell = || tracing::warn!(lines, why, "lines of this log were lost");
    match format {
        LogFormat::Text => tracing::subscriber::with_default(builder.finish(), tell),
        LogFormat::Json => tracing::subscriber::with_default(builder.json().finish(), tell),
    }
    let mut line = buffer.0.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut line)
}

#[cfg(test)]
mod tests;
