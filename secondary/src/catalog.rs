//! Finding files, confined below the log directory and the extra ones.
//!
//! An extra directory is a mount of sorts: its name hides an entry of the log directory.
//! Every look-up starts at a descriptor that has been held since the start, and the kernel
//! itself refuses to leave it: `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS` and
//! `RESOLVE_NO_MAGICLINKS`. There is no check that something else could get in between.
//!
//! These calls run on a ring thread. They look at names and inodes, not at data; the ring
//! has no confined open that would not start a kernel worker thread.

mod log_dir;

use crate::config::ExtraLogDir;
use backscroll_shared::query::{FileName, quoted};
use backscroll_shared::wire::problem::{Code, Problem};
use log_dir::{LogDir, Trouble};
use rustix::fs::{FileType, OFlags, fstat};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};
use std::os::fd::OwnedFd;
use std::path::Path;

/// The only way from a name to a file.
#[derive(Debug)]
pub struct Catalog {
    main: LogDir,
    extra: Vec<LogDir>,
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

impl Catalog {
    /// Opens the directories. The error is for the operator.
    pub fn open(dir: &Path, extra: &[ExtraLogDir]) -> Result<Catalog, String> {
        let main = LogDir::open(None, dir).map_err(|errno| {
            format!("the log directory {} cannot be opened: {errno}; name one with --log-dir", dir.display())
        })?;
        let mut catalog = Catalog { main, extra: Vec::new() };
        catalog.main.can_resolve().map_err(|errno| {
            format!("openat2 is refused ({errno}): Linux 5.6 or later is needed, and neither a container's profile nor RestrictSUIDSGID= of a systemd unit, which DynamicUser= brings, may refuse it")
        })?;
        warn(&catalog.main, dir);
        for given in extra {
            let dir = LogDir::open(Some(given.name()), given.dir()).map_err(|errno| {
                format!(
                    "--extra-log-dir {}: the directory {} cannot be opened: {errno}",
                    quoted(given.name()),
                    given.dir().display()
                )
            })?;
            warn(&dir, given.dir());
            if catalog.main.has(given.name()) {
                tracing::warn!(
                    log_dir = %given.dir().display(),
                    "{dir} hides what has that name in --log-dir: give it another name to have both"
                );
            }
            catalog.extra.push(dir);
        }
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
        let (dir, path) = self.locate(name.as_bytes());
        if path.is_empty() {
            return Err(not_found(name));
        }
        let file = dir.resolve(path, flags).map_err(|errno| match dir.check() {
            Err(trouble) if errno == Errno::NOENT => Problem::new(Code::IoError, dir.told(trouble)),
            _ => problem(name, errno),
        })?;
        let stat = fstat(&file).map_err(|errno| problem(name, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(not_found(name));
        }
        Ok(LogFile { file, size: u64::try_from(stat.st_size).unwrap_or(0), modified_seconds: stat.st_mtime })
    }

    /// Opens the directory of this name: the log directory has the empty one.
    pub(crate) fn open_dir(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let (dir, path) = self.locate(name);
        dir.open_dir(path)
    }

    /// The directory that has itself this name, and is not one below another.
    pub(crate) fn log_dir(&self, name: &[u8]) -> Option<&LogDir> {
        let (dir, path) = self.locate(name);
        Some(dir).filter(|_| path.is_empty())
    }

    /// The names of the extra directories.
    pub(crate) fn extra_names(&self) -> impl Iterator<Item = &[u8]> {
        self.extra.iter().filter_map(|dir| dir.name.as_deref())
    }

    /// Whether the directories are still there.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.dirs().try_for_each(|dir| dir.check().map_err(|trouble| dir.told(trouble)))
    }

    /// Why it cannot be known that there is no file of this name: its directory is empty.
    pub(crate) fn unknown(&self, name: &FileName) -> Option<Problem> {
        Catalog::empty(self.locate(name.as_bytes()).0)
    }

    /// Why it cannot be known that a listing is all there is.
    pub(crate) fn unknown_listing(&self) -> Option<Problem> {
        self.dirs().find_map(Catalog::empty)
    }

    fn empty(dir: &LogDir) -> Option<Problem> {
        let is_empty = dir.is_empty().unwrap_or(false);
        is_empty.then(|| Problem::new(Code::IoError, dir.told(Trouble::Empty)))
    }

    /// Whether each directory can be served and has something to serve. The error names all
    /// that cannot.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let of = |dir: &LogDir| dir.look().err().map(|trouble| dir.told(trouble));
        let reasons: Vec<String> = self.dirs().filter_map(of).collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }

    fn dirs(&self) -> impl Iterator<Item = &LogDir> {
        std::iter::once(&self.main).chain(&self.extra)
    }

    /// The directory that a name leads to, and the path below it.
    fn locate<'n>(&self, name: &'n [u8]) -> (&LogDir, &'n [u8]) {
        let (first, rest) = match name.iter().position(|b| *b == b'/') {
            Some(at) => (&name[..at], &name[at + 1..]),
            None => (name, &b""[..]),
        };
        match self.extra.iter().find(|dir| dir.name.as_deref() == Some(first)) {
            Some(dir) => (dir, rest),
            None => (&self.main, name),
        }
    }
}

/// Tells the operator at the start why a directory keeps the program from being ready.
fn warn(dir: &LogDir, path: &Path) {
    let path = path.display();
    match dir.look() {
        Ok(()) => {}
        Err(Trouble::Forbidden) => {
            let mut gids = getgroups().unwrap_or_default();
            gids.insert(0, getegid());
            let gids: Vec<u32> = gids.into_iter().map(rustix::process::Gid::as_raw).collect();
            tracing::warn!(
                log_dir = %path, uid = geteuid().as_raw(), ?gids,
                "{dir} may not be read by this process, which is not ready until it may: give it read and search permission, as with the group adm (group_add in compose, SupplementaryGroups= in systemd)"
            );
        }
        Err(Trouble::Empty) => tracing::warn!(
            log_dir = %path,
            "{dir} is empty, and the program not ready until something is in it: is the volume mounted? One that is mounted later is seen after a restart"
        ),
        Err(trouble) => tracing::warn!(log_dir = %path, "{}", dir.told(trouble)),
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
                "the secondary's own user may not read {name}: give it read permission on the file and search permission on its directories, as with the group adm"
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
