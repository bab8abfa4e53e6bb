//! One directory whose files are served, by a descriptor that is held.

use backscroll_shared::query::quoted;
use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, fstat, openat2, statat};
use rustix::io::Errno;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The log directory, or an extra one.
#[derive(Debug)]
pub(crate) struct LogDir {
    /// The first part of its files' names, where it is an extra one.
    pub(super) name: Option<Vec<u8>>,
    fd: OwnedFd,
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Times that a look-up is begun again where a rename elsewhere got in its way.
const RETRIES: u32 = 16;

impl LogDir {
    pub(super) fn open(name: Option<&[u8]>, path: &Path) -> Result<LogDir, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(LogDir { name: name.map(<[u8]>::to_owned), fd })
    }

    /// Opens what is below it, or itself as `.`.
    pub(super) fn resolve(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut tries = 0;
        loop {
            match openat2(&self.fd, path, flags, Mode::empty(), RESOLVE) {
                Err(Errno::AGAIN | Errno::INTR) if tries < RETRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// Whether it has an entry of this name, of whatever kind.
    pub(super) fn has(&self, name: &[u8]) -> bool {
        statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Whether it is still there.
    pub(super) fn check(&self) -> Result<(), String> {
        match fstat(&self.fd) {
            Ok(stat) if stat.st_nlink > 0 => Ok(()),
            Ok(_) => Err(format!("{self} has been removed: restart the secondary once it is there again")),
            Err(errno) => Err(format!("{self} cannot be looked at: {errno}")),
        }
    }
}

/// As a client may read it: without its path.
impl fmt::Display for LogDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log directory")?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {}", quoted(name)))
    }
}
