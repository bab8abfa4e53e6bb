//! Finding files, confined below the log directory.
//!
//! Every look-up starts at a descriptor that has been held since the start, and the kernel
//! itself refuses to leave it: `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS` and
//! `RESOLVE_NO_MAGICLINKS`. There is no check that something else could get in between.
//!
//! These calls run on a ring thread. They look at names and inodes, not at data; the ring
//! has no confined open that would not start a kernel worker thread.

use backscroll_shared::query::FileName;
use backscroll_shared::wire::problem::{Code, Problem};
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The log directory.
#[derive(Debug)]
pub struct Catalog {
    dir: OwnedFd,
}

/// A log file, opened.
#[derive(Debug)]
pub struct LogFile {
    /// Its descriptor, for reading; non-blocking, which the ring does not want.
    pub file: OwnedFd,
    /// Its size when it was opened. Bytes past it are never read.
    pub size: u64,
    /// When it was last written, in seconds since 1970.
    pub modified_seconds: i64,
}

const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// Times that a look-up is begun again where a rename elsewhere got in its way.
const RETRIES: u32 = 16;

impl Catalog {
    /// Opens the log directory. The error is for the operator.
    pub fn open(dir: &Path) -> Result<Catalog, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(dir, flags, Mode::empty()).map_err(|errno| {
            format!("the log directory {} cannot be opened: {errno}; name one with --log-dir", dir.display())
        })?;
        let catalog = Catalog { dir: fd };
        catalog.open_dir(b".").map_err(|errno| {
            format!("openat2 is refused ({errno}): Linux 5.6 or later is needed, and neither a container's profile nor RestrictSUIDSGID= of a systemd unit, which DynamicUser= brings, may refuse it")
        })?;
        Ok(catalog)
    }

    /// Opens a log file. What is hidden, a symlink, or no regular file does not exist for
    /// the caller.
    pub fn open_file(&self, name: &FileName) -> Result<LogFile, Problem> {
        if name.is_hidden() {
            return Err(not_found(name));
        }
        // A FIFO without a writer would block the open, a terminal would become ours.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = self.resolve(name.as_bytes(), flags).map_err(|errno| match self.check() {
            Err(why) if errno == Errno::NOENT => Problem::new(Code::IoError, why),
            _ => problem(name, errno),
        })?;
        let stat = fstat(&file).map_err(|errno| problem(name, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_found(name));
        }
        Ok(LogFile { file, size: u64::try_from(stat.st_size).unwrap_or(0), modified_seconds: stat.st_mtime })
    }

    /// Opens a directory below the log directory; `.` is that itself.
    pub(crate) fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC)
    }

    /// Whether the directory is still there.
    pub(crate) fn check(&self) -> Result<(), String> {
        match fstat(&self.dir) {
            Ok(stat) if stat.st_nlink > 0 => Ok(()),
            Ok(_) => {
                Err("the log directory has been removed: restart the secondary once it is there again"
                    .to_owned())
            }
            Err(errno) => Err(format!("the log directory cannot be looked at: {errno}")),
        }
    }

    fn resolve(&self, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut tries = 0;
        loop {
            match openat2(&self.dir, path, flags, Mode::empty(), RESOLVE) {
                Err(Errno::AGAIN | Errno::INTR) if tries < RETRIES => tries += 1,
                result => return result,
            }
        }
    }
}

fn not_found(name: &FileName) -> Problem {
    Problem::new(Code::NotFound, format!("there is no log file {name} here: GET /files lists what there is"))
}

fn problem(name: &FileName, errno: Errno) -> Problem {
    match errno {
        Errno::ACCESS | Errno::PERM => Problem::new(
            Code::Forbidden,
            format!(
                "the secondary's own user may not read {name}: give it read access, as with the group adm"
            ),
        ),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM => {
            Problem::new(Code::Overloaded, "the secondary is out of descriptors or memory: try again")
        }
        Errno::IO | Errno::STALE => {
            tracing::warn!(file = %name, %errno, "opening failed");
            Problem::new(Code::IoError, format!("the disk failed while {name} was opened: {errno}"))
        }
        _ => not_found(name),
    }
}
