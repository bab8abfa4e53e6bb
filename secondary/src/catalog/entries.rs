//! Reads a directory, and lets the other tasks of its thread take turns.

use crate::read::{Engine, TURN};
use rustix::fs::{AtFlags, FileType, RawDir, statat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::time::Instant;

/// Bytes of entries that are read at once: about as many as one turn has time for.
const READ_BYTES: usize = 8 << 10;

/// The most entries of one directory that are looked at. Kubelet keeps some hundred pods on a host,
/// and rotation a few dozen files.
pub(crate) const ENTRIES: usize = if cfg!(test) { 200 } else { 10_000 };

/// Calls `each` for the entries of a directory that a client could ask for, each with its kind.
/// Returns whether these were all: at most [`ENTRIES`] are looked at.
pub(crate) async fn entries<E: Engine>(
    engine: E,
    dir: &OwnedFd,
    mut each: impl FnMut(&CStr, FileType) -> Result<(), Errno>,
) -> Result<bool, Errno> {
    let mut buffer = Vec::with_capacity(READ_BYTES);
    let mut read = RawDir::new(dir, buffer.spare_capacity_mut());
    let (mut seen, mut since) = (0, Instant::now());
    loop {
        if since.elapsed() >= TURN {
            engine.pause().await;
            since = Instant::now();
        }
        let entry = match read.next() {
            // The directory was removed while it was read.
            None | Some(Err(Errno::NOENT)) => return Ok(true),
            Some(entry) => entry?,
        };
        seen += 1;
        if seen > ENTRIES {
            return Ok(false);
        }
        let name = entry.file_name();
        if name.to_bytes().starts_with(b".") || name.to_bytes().iter().any(u8::is_ascii_control) {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno),
            },
            kind => kind,
        };
        each(name, kind)?;
    }
}
