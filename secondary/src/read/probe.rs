//! Finds out why io_uring is not available. This runs once, before anything else, because the
//! runtime panics if it gets no ring.

use super::uring::{RING_ENTRIES, ring_builder};
use rustix::io::Errno;
use std::io;

/// The kernel's switch (Linux 6.6 and later). 0: io_uring is on for everybody. 1: only for
/// privileged processes and one group. 2: off.
const SWITCH: &str = "/proc/sys/kernel/io_uring_disabled";

/// What refuses io_uring, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The kernel's switch is off.
    #[error(
        "the kernel's switch is off for this user (kernel.io_uring_disabled={0}): set it with sysctl kernel.io_uring_disabled=0, or use --io threads"
    )]
    Switch(u8),
    /// A seccomp profile refuses the call.
    #[error(
        "a seccomp profile refuses it (EPERM): run the container with --security-opt seccomp=deploy/seccomp-io-uring.json, or a profile of your own that allows io_uring_setup, io_uring_enter and io_uring_register, or use --io threads"
    )]
    Seccomp,
    /// The kernel has no io_uring, or a profile hides it.
    #[error(
        "the kernel has no io_uring, or a container's profile hides it (ENOSYS): use Linux 6.0 or later and --security-opt seccomp=deploy/seccomp-io-uring.json, or a profile of your own that allows io_uring_setup, io_uring_enter and io_uring_register, or use --io threads"
    )]
    Missing,
    /// The ring's memory does not fit the limit.
    #[error(
        "its memory does not fit the memlock limit of this user (ENOMEM), which counts across all its containers: raise ulimit -l, give each secondary a user of its own, or use --io threads"
    )]
    Memlock,
    /// The kernel does not support the ring's flags.
    #[error(
        "the kernel is too old for the ring's flags (EINVAL): use Linux 6.0 or later, or use --io threads"
    )]
    TooOld,
    /// Something else.
    #[error("the system answers with error {0}: use --io threads")]
    Other(i32),
}

/// Makes a ring with the flags that the server uses, enters it once, and drops it. Whether each
/// thread gets a ring of its own is known only when the threads start.
pub fn probe() -> Result<(), Refusal> {
    ring_builder()
        .build(RING_ENTRIES)
        .and_then(|ring| ring.submit())
        .map(|_| ())
        .map_err(|error| Refusal::of(&error))
}

impl Refusal {
    /// Why a ring could not be made.
    pub fn of(error: &io::Error) -> Refusal {
        refusal(error, switch())
    }
}

fn refusal(error: &io::Error, switch: Option<u8>) -> Refusal {
    match (Errno::from_io_error(error), switch) {
        (Some(Errno::PERM | Errno::ACCESS), Some(value @ 1..)) => Refusal::Switch(value),
        (Some(Errno::PERM | Errno::ACCESS), _) => Refusal::Seccomp,
        (Some(Errno::NOSYS), _) => Refusal::Missing,
        (Some(Errno::NOMEM), _) => Refusal::Memlock,
        (Some(Errno::INVAL), _) => Refusal::TooOld,
        _ => Refusal::Other(error.raw_os_error().unwrap_or(0)),
    }
}

#[expect(clippy::disallowed_methods, reason = "asked once at start, of a file that is no disk's")]
fn switch() -> Option<u8> {
    std::fs::read_to_string(SWITCH).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_is_told_apart() {
        let cause = |errno: Errno, switch| refusal(&io::Error::from(errno), switch);
        assert_eq!(cause(Errno::PERM, Some(2)), Refusal::Switch(2));
        assert_eq!(cause(Errno::PERM, Some(0)), Refusal::Seccomp);
        assert_eq!(cause(Errno::PERM, None), Refusal::Seccomp);
        assert_eq!(cause(Errno::NOSYS, Some(0)), Refusal::Missing);
        assert_eq!(cause(Errno::NOMEM, Some(0)), Refusal::Memlock);
        assert_eq!(cause(Errno::INVAL, Some(0)), Refusal::TooOld);
        assert_eq!(cause(Errno::MFILE, Some(0)), Refusal::Other(24));
    }
}
