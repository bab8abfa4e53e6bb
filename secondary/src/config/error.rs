//! Why a configuration is not valid: one line for the operator.

use super::{MAX_THREADS, exclude, extra_log_dir};
use backscroll_shared::cli::access;
use backscroll_shared::http_host::BadName;
use backscroll_shared::listen;
use backscroll_shared::tls;

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
    /// `--listen` or `--health-listen`.
    #[error(transparent)]
    Listen(#[from] listen::Error),
    /// `--allowed-host`.
    #[error(transparent)]
    AllowedHost(#[from] BadName),
    /// `--token-file` or `--audit-file`.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// Certificates and keys.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// `--exclude`.
    #[error(transparent)]
    Exclude(#[from] exclude::Error),
    /// An extra directory that cannot be served.
    #[error(transparent)]
    ExtraLogDir(#[from] extra_log_dir::Error),
}
