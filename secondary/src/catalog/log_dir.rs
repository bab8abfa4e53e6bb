//! One directory whose files are served.
//!
//! It is held by a descriptor that gives no right to read (`O_PATH`): the kernel asks anew at
//! each look-up, so that a permission which is granted later counts without a restart.
//!
//! What is held is compared at each request with what the path leads to. A deployment moves
//! a link, a volume is mounted late: from then on the new directory is served, and never the
//! old one as if it were the answer.

use super::errors::{Meaning, meaning};
use backscroll_shared::text::quoted;
use backscroll_shared::wire::problem::{Code, Problem};
use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, RawDir, ResolveFlags, StatxFlags, fstat, openat2, statat, statx,
};
use rustix::io::Errno;
use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// The log directory, or an extra one.
#[derive(Debug)]
pub(crate) struct LogDir {
    /// The first part of its files' names, where it is an extra one.
    pub(super) name: Option<Vec<u8>>,
    path: PathBuf,
    held: Mutex<Arc<Held>>,
}

/// A directory as it was found.
#[derive(Debug)]
pub(crate) struct Held {
    fd: OwnedFd,
    /// None where it could not be asked, as on a mount whose server is gone.
    id: Option<Id>,
}

/// Device and inode, which nobody else gets while it is held, and the mount: a device that is
/// mounted anew has other mounts below it. The mount is 0 before Linux 5.8.
type Id = (u32, u32, u64, u64);

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Bytes of entries that are read to see whether there is one: the longest has 280, and some
/// file systems have names that are three times as long.
const ENTRIES_BYTES: usize = 4096;

/// Why a directory cannot be served as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing is at its path.
    Gone,
    /// Its path still leads to it, but it has been removed: as where it is bind-mounted.
    Removed,
    /// No permission to read it, or to search it.
    Forbidden,
    Empty,
    Failed(Errno),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Trouble {
        if meaning(errno) == Meaning::Forbidden { Trouble::Forbidden } else { Trouble::Failed(errno) }
    }
}

/// Times that a look-up is begun again where a rename elsewhere got in its way.
const RETRIES: u32 = 16;

impl Held {
    fn open(path: &Path) -> Result<Held, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty())?;
        let id = identify(&fd, c"", AtFlags::EMPTY_PATH).ok();
        Ok(Held { fd, id })
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

    /// Whether look-ups are possible at all, whatever the permissions: an empty path is
    /// nowhere, which only the call itself can say.
    pub(super) fn can_resolve(&self) -> Result<(), Errno> {
        match self.resolve(b"", OFlags::PATH | OFlags::CLOEXEC) {
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Whether it has an entry of this name, of whatever kind.
    pub(super) fn has(&self, name: &[u8]) -> Result<bool, Errno> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(errno) if meaning(errno) == Meaning::NotHere => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// Whether it has not been removed.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        match fstat(&self.fd) {
            Ok(stat) if stat.st_nlink > 0 => Ok(()),
            Ok(_) => Err(Trouble::Removed),
            Err(errno) => Err(errno.into()),
        }
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
}

impl LogDir {
    pub(super) fn open(name: Option<&[u8]>, path: &Path) -> Result<LogDir, Errno> {
        let held = Mutex::new(Arc::new(Held::open(path)?));
        Ok(LogDir { name: name.map(<[u8]>::to_owned), path: path.to_owned(), held })
    }

    /// What was found last.
    pub(super) fn held(&self) -> Arc<Held> {
        Arc::clone(&self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What its path leads to now.
    pub(super) fn current(&self) -> Result<Arc<Held>, Trouble> {
        let held = self.held();
        match identify(CWD, self.path.as_os_str(), AtFlags::empty()) {
            Ok(id) if held.id == Some(id) => Ok(held),
            Ok(_) => self.adopt(),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(Trouble::Gone),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Holds what is at its path now. What is under way keeps the file that it has opened.
    #[cold]
    fn adopt(&self) -> Result<Arc<Held>, Trouble> {
        let new = match Held::open(&self.path) {
            Ok(new) => Arc::new(new),
            Err(Errno::NOENT | Errno::NOTDIR) => return Err(Trouble::Gone),
            Err(errno) => return Err(errno.into()),
        };
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have seen it first.
        if held.id.is_some() && held.id == new.id {
            return Ok(Arc::clone(&held));
        }
        let was_known = held.id.is_some();
        *held = Arc::clone(&new);
        drop(held);
        if was_known && new.id.is_some() {
            tracing::info!(
                log_dir = %self.path.display(),
                "{self} has been replaced: what its path leads to now is served"
            );
        }
        Ok(new)
    }

    /// Whether it is there, may be read and searched, and has something in it. On a mount
    /// whose server is gone that may take for ever.
    pub(super) fn look(&self) -> Result<(), Trouble> {
        let held = self.current()?;
        held.check()?;
        if held.is_empty()? { Err(Trouble::Empty) } else { Ok(()) }
    }

    /// As a client may read it: without its path.
    pub(super) fn describe(&self, trouble: Trouble) -> String {
        match trouble {
            Trouble::Gone => format!(
                "{self} has been removed or renamed: it is served again as soon as there is a directory at its path"
            ),
            Trouble::Removed => format!(
                "{self} has been removed, but its path still leads to the removed directory: if it is mounted into a container, create the directory again and restart the container"
            ),
            Trouble::Forbidden => format!(
                "{self} may not be read by the secondary's own user: give it read and search permission, as with the group adm"
            ),
            Trouble::Empty => format!("{self} is empty: is the volume mounted?"),
            Trouble::Failed(errno) if meaning(errno) == Meaning::Exhausted => {
                format!(
                    "{self} cannot be looked at: the secondary is out of descriptors or memory: try again"
                )
            }
            Trouble::Failed(errno) => {
                format!("{self} cannot be looked at: {errno}: is it a mount whose server is gone?")
            }
        }
    }

    /// The answer where it cannot be served.
    pub(super) fn problem(&self, trouble: Trouble) -> Problem {
        let code = match trouble {
            Trouble::Forbidden => Code::Forbidden,
            Trouble::Failed(errno) if matches!(meaning(errno), Meaning::Exhausted | Meaning::Busy) => {
                Code::Overloaded
            }
            _ => Code::IoError,
        };
        Problem::new(code, self.describe(trouble))
    }

    /// The same for a listing: that it may not be listed is no answer to who asks for a file.
    pub(crate) fn unlisted(&self, errno: Errno) -> Problem {
        match Trouble::from(errno) {
            Trouble::Forbidden => Problem::new(Code::IoError, self.describe(Trouble::Forbidden)),
            trouble => self.problem(trouble),
        }
    }
}

fn identify(at: impl AsFd, path: impl rustix::path::Arg, flags: AtFlags) -> Result<Id, Errno> {
    // No server is asked: what it would say of a directory that is the same is no matter.
    let flags = flags | AtFlags::STATX_DONT_SYNC;
    let found = statx(at, path, flags, StatxFlags::INO | StatxFlags::MNT_ID)?;
    let has_mount = found.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    let mount = if has_mount { found.stx_mnt_id } else { 0 };
    Ok((found.stx_dev_major, found.stx_dev_minor, found.stx_ino, mount))
}

/// What it is called where its path must not be told.
impl fmt::Display for LogDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log directory")?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, " {}", quoted(name)))
    }
}
