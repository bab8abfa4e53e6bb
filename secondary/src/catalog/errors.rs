//! What it means that a name cannot be looked up.

use rustix::io::Errno;

/// What an error of a look-up says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The kernel has looked, and there is no file that may be served under this name. A
    /// primary takes this for knowledge, so only what is certain is listed.
    NotHere,
    /// This process may not look, or not read.
    Forbidden,
    /// This process, or the system, has no descriptors or memory left.
    Exhausted,
    /// It is another matter in a moment: a lease that somebody holds, or an interruption.
    Busy,
    /// The disk, the network or the file system failed: nobody knows whether it is there.
    Failed,
}

/// What `errno` says of a name that `openat2` was to find below a log directory, or that was
/// found in one a moment ago.
pub(crate) fn meaning(errno: Errno) -> Meaning {
    match errno {
        Errno::NOENT
        | Errno::NOTDIR
        // A symlink, and one that leads out.
        | Errno::LOOP
        | Errno::XDEV
        // Names that the file system cannot hold.
        | Errno::NAMETOOLONG
        | Errno::ILSEQ => Meaning::NotHere,
        Errno::ACCESS | Errno::PERM => Meaning::Forbidden,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => Meaning::Exhausted,
        Errno::AGAIN | Errno::INTR => Meaning::Busy,
        _ => Meaning::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_certain_means_that_a_file_is_not_here() {
        // Every number that Linux has, and some that it has not.
        let all = (1..4096).map(Errno::from_raw_os_error);
        let not_here: Vec<Errno> = all.filter(|errno| meaning(*errno) == Meaning::NotHere).collect();
        let expected =
            [Errno::NOENT, Errno::XDEV, Errno::NOTDIR, Errno::NAMETOOLONG, Errno::LOOP, Errno::ILSEQ];
        assert!(not_here.len() == expected.len() && expected.iter().all(|errno| not_here.contains(errno)));
    }

    #[test]
    fn what_dead_mounts_and_broken_disks_say_is_a_failure() {
        for errno in [
            Errno::IO,
            Errno::STALE,
            Errno::NOTCONN,
            Errno::CONNABORTED,
            Errno::CONNREFUSED,
            Errno::TIMEDOUT,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::NETUNREACH,
            Errno::REMOTEIO,
            Errno::OVERFLOW,
            Errno::UCLEAN,
            Errno::BADMSG,
            Errno::NOKEY,
            Errno::NOSYS,
            Errno::INVAL,
            Errno::PROTO,
            Errno::SHUTDOWN,
            Errno::NOLINK,
            Errno::BADF,
            // A socket or a device would say so as well, but neither is ever opened.
            Errno::NXIO,
            Errno::NODEV,
            Errno::OPNOTSUPP,
        ] {
            assert_eq!(meaning(errno), Meaning::Failed, "{errno:?}");
        }
        assert_eq!(meaning(Errno::PERM), Meaning::Forbidden);
        assert_eq!(meaning(Errno::NFILE), Meaning::Exhausted);
    }
}
