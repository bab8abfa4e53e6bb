//! One directory whose files are served, by a descriptor that is held.
//!
//! The descriptor is one that gives no right to read (`O_PATH`): the kernel asks anew at
//! each look-up, so that a permission which is granted later counts without a restart.

use backscroll_shared::query::quoted;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, ResolveFlags, fstat, openat2, stat, statat};
use rustix::io::Errno;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

/// The log directory, or an extra one.
#[derive(Debug)]
pub(crate) struct LogDir {
    /// The first part of its files' names, where it is an extra one.
    pub(super) name: Option<Vec<u8>>,
    fd: OwnedFd,
    path: PathBuf,
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Bytes of entries that are read to see whether there is one: the longest has 280.
const ENTRIES_BYTES: usize = 512;

/// Why a directory cannot be served as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    Removed,
    /// Its path leads elsewhere now: it was renamed, or something is mounted over it.
    Replaced,
    /// No permission to read it, or to search it.
    Forbidden,
    Empty,
    Failed(Errno),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Trouble {
        if errno == Errno::ACCESS { Trouble::Forbidden } else { Trouble::Failed(errno) }
    }
}

/// Times that a look-up is begun again where a rename elsewhere got in its way.
const RETRIES: u32 = 16;

impl LogDir {
    pub(super) fn open(name: Option<&[u8]>, path: &Path) -> Result<LogDir, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(LogDir { name: name.map(<[u8]>::to_owned), fd, path: path.to_owned() })
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

    /// Whether look-ups are possible at all, whatever the permissions: an empty path is
    /// nowhere, which only the call itself can say.
    pub(super) fn can_resolve(&self) -> Result<(), Errno> {
        match self.resolve(b"", OFlags::PATH | OFlags::CLOEXEC) {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// Whether it is still there.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        match fstat(&self.fd) {
            Ok(stat) if stat.st_nlink > 0 => Ok(()),
            Ok(_) => Err(Trouble::Removed),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether it is still what its path leads to.
    fn check_path(&self) -> Result<(), Trouble> {
        let held = fstat(&self.fd)?;
        match stat(&self.path) {
            Ok(found) if (found.st_dev, found.st_ino) == (held.st_dev, held.st_ino) => Ok(()),
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Err(Trouble::Replaced),
            // The parents may have become unsearchable, which is no matter to what is held.
            Err(_) => Ok(()),
        }
    }

    /// Whether it is there, may be read and searched, and has something in it. On a mount
    /// whose server is gone that may take for ever.
    pub(super) fn look(&self) -> Result<(), Trouble> {
        self.check()?;
        self.check_path()?;
        if self.is_empty()? { Err(Trouble::Empty) } else { Ok(()) }
    }

    /// Whether nothing is in it, as in a place where a volume was to be.
    pub(super) fn is_empty(&self) -> Result<bool, Errno> {
        let dir = self.open_dir(b"")?;
        let mut buffer = [MaybeUninit::uninit(); ENTRIES_BYTES];
        let mut entries = RawDir::new(dir, &mut buffer);
        while let Some(entry) = entries.next() {
            if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// As a client may read it: without its path.
    pub(super) fn told(&self, trouble: Trouble) -> String {
        match trouble {
            Trouble::Removed => {
                format!("{self} has been removed: restart the secondary once it is there again")
            }
            Trouble::Replaced => {
                format!("{self} has been replaced, or something is mounted over it: restart the secondary")
            }
            Trouble::Forbidden => format!(
                "{self} may not be read by the secondary's own user: give it read and search permission, as with the group adm"
            ),
            Trouble::Empty => format!("{self} is empty: is the volume mounted?"),
            Trouble::Failed(errno) => format!("{self} cannot be looked at: {errno}"),
        }
    }

    /// Why it cannot be listed, as a client may read it.
    pub(crate) fn unlisted(&self, errno: Errno) -> String {
        match Trouble::from(errno) {
            Trouble::Failed(errno) => format!("{self} cannot be listed: {errno}"),
            trouble => self.told(trouble),
        }
    }
}

/// What it is called where its path must not be told.
impl fmt::Display for LogDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log directory")?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {}", quoted(name)))
    }
}
