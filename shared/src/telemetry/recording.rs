//! What both programs record of each request beside the audit: a message in the log, and a trace.

use super::logs::LogArgs;
use super::request_log::RequestLog;
use super::sampling::Sampling;
use super::traces::{self, Traces};
use super::writer::FINISH_TIME;
use crate::cli::EXIT_USAGE;
use crate::conn::exchange::Recorder;
use crate::secret_files::SecretFiles;
use std::io;
use std::sync::Arc;
use std::time::Instant;

/// What is recorded of each request. By default nothing. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    request_log: Option<RequestLog>,
    traces: Option<Traces>,
}

/// Why nothing can be recorded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The header fields for the collector.
    #[error(transparent)]
    Headers(#[from] traces::headers::Error),
    /// The system refused a thread.
    #[error("no thread to record requests: {0}")]
    Thread(#[from] io::Error),
}

impl From<traces::Error> for Error {
    fn from(error: traces::Error) -> Error {
        match error {
            traces::Error::Headers(error) => Error::Headers(error),
            traces::Error::Thread(error) => Error::Thread(error),
        }
    }
}

impl Error {
    /// The exit status of a program that ends with it.
    pub fn status(&self) -> u8 {
        match self {
            Error::Headers(_) => EXIT_USAGE,
            Error::Thread(_) => 1,
        }
    }
}

impl Recording {
    /// These files of secrets, and the one that the variables of OpenTelemetry name.
    pub fn secret_files(files: SecretFiles) -> SecretFiles {
        match traces::headers::file(|name| std::env::var(name).ok()) {
            Some((name, path)) => files.and(name, Some(path)),
            None => files,
        }
    }

    /// What these flags, and the variables of OpenTelemetry, say. The log has begun.
    pub fn start(args: &LogArgs, program: &'static str) -> Result<Recording, Error> {
        let request_log = RequestLog::start(args.request_log, args.log_format)?;
        Ok(Recording { request_log, traces: Traces::start(program)? })
    }

    /// Those who record.
    pub fn recorders(&self) -> impl Iterator<Item = Arc<dyn Recorder>> + use<> {
        let request_log = self.request_log.clone().map(|log| Arc::new(log) as Arc<dyn Recorder>);
        let traces = self.traces.clone().map(|traces| Arc::new(traces) as Arc<dyn Recorder>);
        request_log.into_iter().chain(traces)
    }

    /// Which traces are recorded; None where none is.
    pub fn sampling(&self) -> Option<Sampling> {
        self.traces.as_ref().map(Traces::sampling)
    }

    /// Writes and sends what waits, if that does not take too long. For the end of the program.
    pub fn finish(&self) {
        let until = Instant::now() + FINISH_TIME;
        if let Some(request_log) = &self.request_log {
            request_log.finish(until);
        }
        if let Some(traces) = &self.traces {
            traces.finish(until);
        }
    }
}
