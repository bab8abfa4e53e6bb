//! Why the log directories cannot be opened: one line for the operator.

use backscroll_shared::text::quoted;
use rustix::io::Errno;
use std::path::PathBuf;

/// Why the log directories cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// `--log-dir` cannot be opened.
    #[error("the log directory {} cannot be opened: {errno}; name one with --log-dir", .dir.display())]
    LogDir {
        /// Where it is.
        dir: PathBuf,
        /// What the system says.
        errno: Errno,
    },
    /// An extra directory cannot be opened.
    #[error("--extra-log-dir {}: the directory {} cannot be opened: {errno}", quoted(.name), .dir.display())]
    ExtraLogDir {
        /// The name of its files' first part.
        name: Vec<u8>,
        /// Where it is.
        dir: PathBuf,
        /// What the system says.
        errno: Errno,
    },
    /// There is no `/proc`.
    #[error("/proc/self/fd cannot be opened: {0}; log files are opened through it: mount /proc")]
    NoProc(Errno),
    /// The kernel does not confine look-ups.
    #[error(
        "openat2 is refused ({0}): Linux 5.6 or later is needed, and neither a container's profile nor RestrictSUIDSGID= of a systemd unit, which DynamicUser= brings, may refuse it"
    )]
    NoOpenat2(Errno),
}

/// Why each of some log directories cannot be served.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub(crate) struct Unservable(pub(crate) Vec<String>);
