//! Finding files, confined below the log directory and the extra ones.
//!
//! An extra directory is a mount of sorts: its name hides an entry of the log directory.
//! Every look-up starts at a descriptor that is held for as long as the directory's path leads
//! to it, and the kernel itself refuses to leave it: `openat2` with `RESOLVE_BENEATH`, `RESOLVE_NO_SYMLINKS` and
//! `RESOLVE_NO_MAGICLINKS`. There is no check that something else could get in between.
//!
//! What a name leads to is looked at before it is opened, because opening is an act of its own:
//! it lets a writer go that waits at a FIFO, rewinds a tape, or starts a watchdog. The look and
//! the opening are of the same inode (`regular.rs`), whatever happens to the name meanwhile.
//!
//! These calls run on a ring thread. They look at names and inodes, not at data; the ring
//! has no confined open that would not start a kernel worker thread.

mod entries;
mod errors;
mod log_dir;
mod open_error;
mod regular;

use crate::config::{Excludes, ExtraLogDir};
use crate::read::InodeState;
use backscroll_shared::auth::FileGrants;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::FileName;
use backscroll_shared::wire::problem::{Code, Problem};
pub(crate) use entries::{ENTRIES, entries};
pub(crate) use errors::{Meaning, meaning};
pub(crate) use log_dir::Held;
use log_dir::{LogDir, Trouble};
pub use open_error::OpenError;
pub(crate) use open_error::Unservable;
use regular::{Refused, Regular};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid, getgroups};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

/// A path that leads nowhere: no file system has a name of more than 255 bytes.
const NOWHERE: &[u8] = &[b'x'; 300];

/// Times that a look-up goes on in a directory that has taken the place of another one.
const REPLACED_TRIES: u32 = 3;

/// The only way from a name to a file.
#[derive(Debug)]
pub struct Catalog {
    main: LogDir,
    extra: Vec<LogDir>,
    regular: Regular,
    excludes: Excludes,
}

/// A log file, opened.
#[derive(Debug)]
pub struct LogFile {
    /// Its descriptor, for reading; non-blocking, which the ring does not want.
    pub file: OwnedFd,
    /// What its inode said when it was opened. Bytes past the size are never read.
    pub opened: InodeState,
    /// The device of its file system.
    pub device: u64,
    /// Its inode there.
    pub inode: u64,
}

impl Catalog {
    /// Opens the directories.
    pub fn open(dir: &Path, extra: &[ExtraLogDir]) -> Result<Catalog, OpenError> {
        let main =
            LogDir::open(None, dir).map_err(|errno| OpenError::LogDir { dir: dir.to_owned(), errno })?;
        let regular = Regular::new().map_err(OpenError::NoProc)?;
        let mut catalog = Catalog { main, extra: Vec::new(), regular, excludes: Excludes::default() };
        catalog.main.held().can_resolve().map_err(OpenError::NoOpenat2)?;
        warn(&catalog.main, dir);
        for given in extra {
            let dir = LogDir::open(Some(given.name()), given.dir()).map_err(|errno| {
                OpenError::ExtraLogDir { name: given.name().to_owned(), dir: given.dir().to_owned(), errno }
            })?;
            warn(&dir, given.dir());
            match catalog.main.held().has(given.name()) {
                Ok(false) => {}
                Ok(true) => tracing::warn!(
                    log_dir = %given.dir().display(),
                    "{dir} hides what has that name in --log-dir: give it another name to have both"
                ),
                Err(errno) => tracing::warn!(
                    log_dir = %given.dir().display(), %errno,
                    "{dir} may hide an entry with the same name in --log-dir; this could not be checked: give it another name to be sure"
                ),
            }
            catalog.extra.push(dir);
        }
        Ok(catalog)
    }

    /// The same without these files: for nobody who asks they are there.
    #[must_use]
    pub fn without(self, excludes: Excludes) -> Catalog {
        Catalog { excludes, ..self }
    }

    /// Whether the file of this name does not exist for anybody.
    pub(crate) fn is_excluded(&self, name: &[u8]) -> bool {
        self.excludes.has(name)
    }

    /// Whether no file below this directory exists for anybody.
    pub(crate) fn excludes_below(&self, dir: &[u8]) -> bool {
        self.excludes.has_all_below(dir)
    }

    /// Opens a log file. What is excluded or hidden, a symlink, or no regular file does not exist for
    /// the caller. The log names the request if that fails.
    pub fn open_file(&self, name: &FileName, exchange: Option<&Arc<Exchange>>) -> Result<LogFile, Problem> {
        if name.is_hidden() {
            return Err(not_found(name, Refused::Hidden));
        }
        let (dir, path) = self.locate(name.as_bytes());
        // An excluded one is looked up as a path that leads nowhere, so that it takes the time of a
        // file that is not there.
        let path = if self.is_excluded(name.as_bytes()) { NOWHERE } else { path };
        if path.is_empty() {
            return Err(self.not_found(name, Refused::Directory));
        }
        let mut held = dir.current().map_err(|trouble| dir.problem(trouble))?;
        for _ in 0..REPLACED_TRIES {
            match self.regular.open_below(&held, path) {
                Err(refused) if refused.is_not_here() => {
                    // It is not to be said of one that was removed or replaced meanwhile.
                    let now = dir.current().map_err(|trouble| dir.problem(trouble))?;
                    if Arc::ptr_eq(&now, &held) {
                        held.check().map_err(|trouble| dir.problem(trouble))?;
                        return Err(self.not_found(name, refused));
                    }
                    held = now;
                }
                Err(Refused::Errno(errno)) => return Err(problem(name, errno, exchange)),
                Err(refused) => return Err(self.not_found(name, refused)),
                Ok(file) => return Ok(file),
            }
        }
        Err(Problem::new(Code::IoError, format!("{dir} is being replaced all the time: ask again")))
    }

    /// Of a directory below which everything is excluded it is not said that it is there.
    fn not_found(&self, name: &FileName, refused: Refused) -> Problem {
        match refused {
            Refused::Directory if self.excludes_below(name.as_bytes()) => name.not_found(),
            refused => not_found(name, refused),
        }
    }

    /// Looks where the path of the log directory leads now in which this name lies, and that it has not
    /// been removed.
    pub(crate) fn refresh(&self, name: &[u8]) -> Result<(), Problem> {
        let (dir, _) = self.locate(name);
        let checked = dir.current().and_then(|held| held.check());
        checked.map_err(|trouble| dir.problem(trouble))
    }

    /// Opens the directory of this name, below what was found last: the log directory has
    /// the empty one.
    pub(crate) fn open_dir(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        let (dir, path) = self.locate(name);
        dir.held().open_dir(path)
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

    /// What the paths of the directories that a client may see lead to now, and that none of them has
    /// been removed.
    pub(crate) fn current(&self, files: &FileGrants) -> Result<Vec<Arc<Held>>, Problem> {
        let of = |dir: &LogDir| dir.current().and_then(|held| held.check().map(|()| held));
        self.visible(files).map(|dir| of(dir).map_err(|trouble| dir.problem(trouble))).collect()
    }

    /// Why it cannot be known that there is no file of this name: its directory is empty, or
    /// nobody can tell.
    pub(crate) fn unknown(&self, name: &FileName) -> Option<Problem> {
        Catalog::empty(self.locate(name.as_bytes()).0)
    }

    /// Why it cannot be known that a listing is all there is, for a client that may see these files.
    pub(crate) fn unknown_listing(&self, files: &FileGrants) -> Option<Problem> {
        self.visible(files).find_map(Catalog::empty)
    }

    fn empty(dir: &LogDir) -> Option<Problem> {
        match dir.held().is_empty() {
            Ok(false) => None,
            Ok(true) => Some(dir.problem(Trouble::Empty)),
            Err(errno) => Some(dir.unlisted(errno)),
        }
    }

    /// Whether each directory can be served and has something to serve. The error names all
    /// that cannot.
    pub(crate) fn ready(&self) -> Result<(), Unservable> {
        let of = |dir: &LogDir| dir.look().err().map(|trouble| dir.describe(trouble));
        let reasons: Vec<String> = self.dirs().filter_map(of).collect();
        if reasons.is_empty() { Ok(()) } else { Err(Unservable(reasons)) }
    }

    /// The log directory, and those of the extra ones that a client may see anything of. Problems
    /// name them.
    fn visible(&self, files: &FileGrants) -> impl Iterator<Item = &LogDir> {
        self.dirs().filter(|dir| dir.name.as_deref().is_none_or(|name| files.may_see_below(name)))
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
                "{dir} may not be read by this process, which is not ready until it may: give it read and search permission, as with the group adm (group_add in compose, SupplementaryGroups= in systemd; a new group needs a restart)"
            );
        }
        Err(Trouble::Empty) => tracing::warn!(
            log_dir = %path,
            "{dir} is empty, and the program not ready until something is in it: is the volume mounted?"
        ),
        Err(trouble) => tracing::warn!(log_dir = %path, "{}", dir.describe(trouble)),
    }
}

/// Says why a name leads to nothing that is served. It tells no more than what lies below the
/// log directory: of a symlink not where it leads to, and of a hidden name not whether it is there.
fn not_found(name: &FileName, refused: Refused) -> Problem {
    let why = match refused {
        Refused::Directory => {
            format!("{name} is a directory: GET /files lists the log files, those in it among them")
        }
        Refused::Special => format!(
            "{name} is a FIFO, a socket or a device, and only regular files are served: GET /files lists them"
        ),
        Refused::Errno(Errno::LOOP) => format!(
            "{name} is a symlink or lies below one, and symlinks are not followed: ask for the file that it leads to by the name that GET /files lists; if that file is not listed, have its directory served with --extra-log-dir NAME=DIR"
        ),
        Refused::Hidden | Refused::Errno(_) => return name.not_found(),
    };
    Problem::new(Code::NotFound, why)
}

fn problem(name: &FileName, errno: Errno, exchange: Option<&Arc<Exchange>>) -> Problem {
    match meaning(errno) {
        Meaning::NotHere => not_found(name, Refused::Errno(errno)),
        Meaning::Forbidden => Problem::new(
            Code::Forbidden,
            format!(
                "the secondary's own user may not read {name}: give it read permission on the file and search permission on its directories, as with the group adm"
            ),
        ),
        Meaning::Exhausted => exhausted(),
        Meaning::Busy => {
            Problem::new(Code::Overloaded, format!("{name} cannot be opened at this moment: try again"))
        }
        Meaning::Failed => {
            tracing::warn!(file = %name, %errno, request_id = Exchange::logged(exchange), "opening failed");
            Problem::new(
                Code::IoError,
                format!(
                    "{name} cannot be opened: {errno}: look whether its disk works, and whether the server of its mount is there"
                ),
            )
        }
    }
}

/// What is told where descriptors or memory have run out.
pub(crate) fn exhausted() -> Problem {
    Problem::new(Code::Overloaded, "the secondary is out of descriptors or memory: try again")
}
