//! A message in the log for each request, at its end: `--request-log`.
//!
//! The thread that serves the request puts it in a queue. The thread `telemetry` writes the
//! messages, in the form of all others of the log, and gives them to the thread that writes the
//! log, several at once. If the queue is full, messages are lost, and the log says how many.

mod fields;
mod line;
mod which;

pub use which::Which;

use super::format::LogFormat;
use super::queue::{Bounds, Queue};
use super::writer::{self, LogQueue, WRITE_BYTES};
use crate::conn::exchange::{Ended, Recorder};
use crate::wire::code::Code;
use line::Clock;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Level;

/// The target of these messages, for `--log-level`.
pub const TARGET: &str = "backscroll::request";

/// The most bytes of requests that wait to be logged: more than 4,096 of the usual ones.
const QUEUED_BYTES: usize = 8 << 20;

/// How long a message may wait for others, so that few wakes and writes are needed.
const LINGER: Duration = Duration::from_millis(20);

/// So many bytes do not wait for more: those of about 1,024 requests.
const ENOUGH_BYTES: usize = 1 << 20;

/// Logs each request. Clones are the same.
#[derive(Debug, Clone)]
pub struct RequestLog {
    queue: Queue<Arc<Ended>>,
    which: Which,
    /// Whether those of the level `debug` are logged, too.
    logs_all: bool,
    log: LogQueue,
}

impl RequestLog {
    /// Begins to log requests, in the log that has begun. None if there is none, or if it does not
    /// show such messages.
    pub fn start(which: Which, format: LogFormat) -> io::Result<Option<RequestLog>> {
        let Some(log) = writer::log() else { return Ok(None) };
        let logs_any = tracing::enabled!(target: TARGET, Level::INFO);
        let logs_all = tracing::enabled!(target: TARGET, Level::DEBUG);
        if !logs_any || which == Which::Off {
            return Ok(None);
        }
        RequestLog::begin(which, format, log, logs_all).map(Some)
    }

    fn begin(which: Which, format: LogFormat, log: LogQueue, logs_all: bool) -> io::Result<RequestLog> {
        let queue = Queue::new(Bounds { weight: QUEUED_BYTES, enough: ENOUGH_BYTES, linger: LINGER });
        let request_log = RequestLog { queue, which, logs_all, log };
        let (queue, log) = (request_log.queue.clone(), request_log.log.clone());
        let run = move || {
            while let Some(requests) = queue.take() {
                write(&requests, format, &log);
            }
        };
        std::thread::Builder::new().name("telemetry".to_owned()).spawn(run)?;
        Ok(request_log)
    }

    /// Hands what waits to the log, and waits for that until this time.
    pub(super) fn finish(&self, until: Instant) {
        self.queue.finish(until);
    }
}

impl Recorder for RequestLog {
    fn ended(&self, ended: &Arc<Ended>) {
        if is_for_debug(ended) && !self.logs_all || !self.which.includes(ended) {
            return;
        }
        if !self.queue.push(Arc::clone(ended), ended.weight()) {
            self.log.lose(1);
        }
    }
}

/// Whether a request is logged only at the level `debug`: one of health, and one whose sender is not
/// known. Strangers are not to fill the log. It warns of them by itself, less and less often.
fn is_for_debug(ended: &Ended) -> bool {
    ended.is_of_health() || ended.noted.code == Some(Code::Unauthorized)
}

fn write(requests: &[Arc<Ended>], format: LogFormat, log: &LogQueue) {
    let clock = Clock::now();
    let (mut lines, mut count) = (Vec::with_capacity(WRITE_BYTES), 0);
    for ended in requests {
        let begun = lines.len();
        line::write(ended, format, &clock, &mut lines);
        count += 1;
        if lines.len() > WRITE_BYTES && count > 1 {
            let last = lines.split_off(begun);
            log.push(std::mem::replace(&mut lines, last), count - 1);
            count = 1;
        }
    }
    log.push(lines, count);
}

#[cfg(test)]
mod tests;
