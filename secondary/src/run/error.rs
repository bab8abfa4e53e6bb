//! Why the server could not start, or not end well.

use crate::read::probe::Refusal;
use std::io;

/// Why the server could not start, or not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration can never work here.
    #[error("{0}")]
    Config(String),
    /// io_uring was asked for by name.
    #[error("--io uring: io_uring is not available: {0}")]
    NoRing(#[from] Refusal),
    /// The system refused a thread, a runtime or the listener.
    #[error("could not start: {0}")]
    Start(#[from] io::Error),
    /// Reads hung in the kernel; their memory has been leaked, and the process should end.
    #[error("{0} reads were still pending in the kernel when the time to stop had run out")]
    ReadsPending(usize),
    /// A ring thread panicked.
    #[error("a ring thread panicked")]
    Panicked,
}
