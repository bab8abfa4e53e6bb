//! Why a configuration is not valid: one line for the operator.

use super::{MAX_THREADS, extra_log_dir};

/// Why a configuration is not valid.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name would be mistaken for something else in answers and fleets.
    #[error(
        "--hostname {0:?}: a name has at least one character, and no space, control character, *, ?, = or comma"
    )]
    Hostname(String),
    /// No threads, or too many.
    #[error("--threads {0}: give a number from 1 to {MAX_THREADS}")]
    Threads(usize),
    /// An extra directory that cannot be served.
    #[error(transparent)]
    ExtraLogDir(#[from] extra_log_dir::Error),
}
