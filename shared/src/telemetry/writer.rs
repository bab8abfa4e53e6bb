//! The thread that writes the log. Other threads put lines in a queue and go on, so a pipe that
//! nobody reads, or a disk that hangs, does not delay an answer. Lines are lost if the queue is
//! full, or if they cannot be written. Afterwards the log says how many were lost, and why.

use super::format::LogFormat;
use crate::cli::complain;
use std::io::{self, Write};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};

/// The most lines that wait to be written: a few MiB.
const QUEUED_LINES: usize = 4096;

/// How long the program waits at its end for queued lines to be written.
const FINISH_TIME: Duration = Duration::from_millis(1500);

/// The shortest time between two complaints on standard error about a log that cannot be written. A
/// disk may fail again and again, and each complaint needs a thread until somebody reads it.
const COMPLAINT_REST: Duration = Duration::from_mins(1);

/// The guard of the process's writer thread, until the log has been finished.
static WRITER: Mutex<Option<WorkerGuard>> = Mutex::new(None);

/// Starts the thread that writes to `out`. If `out` fails, a complaint goes to standard error and
/// begins with `complaint`, which is `None` if `out` is standard error itself.
pub(super) fn start(
    out: impl Write + Send + 'static,
    format: LogFormat,
    complaint: Option<String>,
) -> NonBlocking {
    let (queue, guard) = queue(out, format, complaint, QUEUED_LINES);
    *WRITER.lock().unwrap_or_else(PoisonError::into_inner) = Some(guard);
    queue
}

fn queue(
    out: impl Write + Send + 'static,
    format: LogFormat,
    complaint: Option<String>,
    lines: usize,
) -> (NonBlocking, WorkerGuard) {
    let dropped = Arc::new(OnceLock::new());
    let writer = Writer {
        out,
        format,
        complaint,
        complained: None,
        dropped: Arc::clone(&dropped),
        dropped_before: 0,
        unwritten: 0,
        why: None,
        is_in_a_line: false,
    };
    let builder = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(lines);
    let (queue, guard) = builder.thread_name("log-writer").finish(writer);
    // It cannot fail: nothing was set before.
    let _ = dropped.set(queue.error_counter());
    (queue, guard)
}

/// Writes the queued lines, if that does not take too long. Called when the program ends.
pub(super) fn finish() {
    let Some(guard) = WRITER.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
    // Another thread drops the guard, since that waits for as long as nobody reads.
    let (ended, wait) = channel::<()>();
    let thread = std::thread::Builder::new().name("log-end".to_owned()).spawn(move || {
        drop(guard);
        drop(ended);
    });
    if thread.is_ok() {
        // It ends with an error once the sender is dropped: everything has been written.
        let _ = wait.recv_timeout(FINISH_TIME);
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
    dropped: Arc<OnceLock<ErrorCounter>>,
    /// How many of these the log has reported.
    dropped_before: usize,
    /// Lines that could not be written, and have not been reported.
    unwritten: usize,
    why: Option<io::Error>,
    /// Whether the last line was written only in part.
    is_in_a_line: bool,
}

impl<W: Write> Writer<W> {
    fn line(&mut self, line: &[u8]) {
        self.tell_losses();
        if let Err(error) = self.put(line) {
            if self.unwritten == 0
                && self.may_complain(Instant::now())
                && let Some(complaint) = &self.complaint
            {
                complain(
                    complaint,
                    &format!("{error}: the lines of the log are lost until it can be written"),
                );
            }
            self.unwritten += 1;
            self.why = Some(error);
        }
    }

    fn tell_losses(&mut self) {
        let dropped = self.dropped.get().map_or(0, ErrorCounter::dropped_lines);
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

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_in_a_line {
            self.bytes(b"\n")?;
        }
        self.bytes(line)
    }

    fn bytes(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    bytes = &bytes[len..];
                    self.is_in_a_line = !bytes.is_empty();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // A failure shows up again when the next line is written.
        let _ = self.out.flush();
        Ok(())
    }
}

/// The line that reports lost lines, in the log's own format.
fn loss(format: LogFormat, lines: usize, why: &str) -> Vec<u8> {
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
