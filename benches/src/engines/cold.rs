//! Files that are not in the page cache. They are cold for this kernel, but the host of a virtual
//! machine may still have them in memory.

use rustix::fs::{Advice, fadvise, fsync};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;

/// How many places of a file are checked.
const PROBES: u64 = 16;

/// Writes the pages of `file` to the disk, and drops them from memory.
pub fn evict(file: &OwnedFd) -> io::Result<()> {
    // Pages that still have to be written cannot be dropped.
    fsync(file)?;
    fadvise(file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// Evicts `file`, and checks that this worked. It does not work in a file system in memory, or if
/// the file is mapped: then a measurement would not be cold.
pub fn check_evicts(file: &OwnedFd, size: u64) -> io::Result<()> {
    evict(file)?;
    let resident = resident_probes(file, size)?;
    // A probe of a missing page may make the kernel read it.
    evict(file)?;
    match resident {
        0 => Ok(()),
        stay => Err(io::Error::other(format!("{stay} of {PROBES} probed pages stay in the page cache"))),
    }
}

/// How many of the checked places, spread over the file, are in the page cache.
fn resident_probes(file: &OwnedFd, size: u64) -> io::Result<u64> {
    let mut resident = 0;
    // From the end to the beginning, so that the kernel does not read ahead.
    for probe in (0..PROBES).rev() {
        let mut byte = [0];
        let offset = size / PROBES * probe;
        match preadv2(file, &mut [IoSliceMut::new(&mut byte)], offset, ReadWriteFlags::NOWAIT) {
            Ok(len) => resident += u64::from(len > 0),
            Err(Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(resident)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_just_written_is_in_the_page_cache() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("warm.log");
        std::fs::write(&path, vec![b'x'; 1 << 20]).unwrap();
        let file = OwnedFd::from(File::open(&path).unwrap());
        match resident_probes(&file, 1 << 20) {
            Ok(resident) => assert_eq!(resident, PROBES),
            // The file system cannot tell.
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error())),
        }
    }
}
