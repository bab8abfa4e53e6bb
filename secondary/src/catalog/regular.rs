//! Opens regular files, and nothing else: what a name leads to is looked at through a descriptor
//! that opens nothing (`O_PATH`), and then that very inode is opened, through `/proc/self/fd`.
//!
//! A look by name and an opening by name would be cheaper, by 2 of the 6 µs that this takes, but
//! a FIFO that takes the file's place in between would be opened. Linux has no other way from a
//! descriptor that opens nothing to one that reads, without privileges.

use super::LogFile;
use super::errors::{Meaning, meaning};
use super::log_dir::Held;
use crate::read::InodeState;
use rustix::fs::{FileType, Mode, OFlags, fstat, open, openat};
use rustix::io::Errno;
use rustix::path::DecInt;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::SystemTime;

/// The way from a descriptor that was looked at to one that reads.
#[derive(Debug)]
pub(super) struct Regular {
    /// `/proc/self/fd`: held, so that only the last part of the path is looked up each time.
    descriptors: OwnedFd,
}

/// Why a name leads to no file that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// A part of it begins with a dot.
    Hidden,
    Directory,
    /// A FIFO, a socket or a device.
    Special,
    Errno(Errno),
}

impl Refused {
    /// Whether it says for certain that there is no such file.
    pub(super) fn is_not_here(self) -> bool {
        match self {
            Refused::Errno(errno) => meaning(errno) == Meaning::NotHere,
            Refused::Hidden | Refused::Directory | Refused::Special => true,
        }
    }
}

impl From<Errno> for Refused {
    fn from(errno: Errno) -> Refused {
        Refused::Errno(errno)
    }
}

impl Regular {
    /// Fails where there is no `/proc`.
    pub(super) fn new() -> Result<Regular, Errno> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let regular = Regular { descriptors: open("/proc/self/fd", flags, Mode::empty())? };
        // Whether it is a real one shows only when something is opened through it.
        regular.reopen(&regular.descriptors, flags)?;
        Ok(regular)
    }

    /// Opens a regular file below a log directory.
    pub(super) fn open_below(&self, held: &Held, path: &[u8]) -> Result<LogFile, Refused> {
        let found = held.resolve(path, OFlags::PATH | OFlags::CLOEXEC)?;
        match FileType::from_raw_mode(fstat(&found)?.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Refused::Directory),
            _ => return Err(Refused::Special),
        }
        // Where somebody has a lease on it, the open would wait for that.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = self.reopen(&found, flags)?;
        let asked = SystemTime::now();
        // Once more: opening is what makes a network file system ask for the size.
        let stat = fstat(&file)?;
        let opened = InodeState::new(&stat, asked);
        Ok(LogFile { file, opened, device: stat.st_dev, inode: stat.st_ino })
    }

    fn reopen(&self, found: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
        openat(&self.descriptors, DecInt::from_fd(found.as_fd()), flags, Mode::empty()).map_err(|errno| {
            // The file is held, so it is `/proc` that is not here.
            if meaning(errno) == Meaning::NotHere { Errno::IO } else { errno }
        })
    }
}
