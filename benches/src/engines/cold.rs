//! Files that are not in the page cache: cold for this kernel, though a virtual machine's
//! host may still hold them.

use rustix::fs::{Advice, fadvise, fsync};
use rustix::io::{Errno, ReadWriteFlags, preadv2};
use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;

/// Places of a file that are asked for.
const PROBES: u64 = 16;

/// Puts what of `file` is in memory on the disk, and out of memory.
pub fn evict(file: &OwnedFd) -> io::Result<()> {
    // Pages that still have to be written cannot be dropped.
    fsync(file)?;
    fadvise(file, 0, None, Advice::DontNeed)?;
    Ok(())
}

/// Evicts `file`, and looks whether that worked. It does not in a file system that is
/// memory, or where somebody has mapped the file: what were measured then would not be cold.
pub fn check_evicts(file: &OwnedFd, size: u64) -> io::Result<()> {
    evict(file)?;
    let resident = resident_probes(file, size)?;
    // A probe of a page that is not there may have the kernel fetch it.
    evict(file)?;
    match resident {
        0 => Ok(()),
        stay => Err(io::Error::other(format!("{stay} of {PROBES} probed pages stay in the page cache"))),
    }
}

/// How many of some places, spread over the file, are in the page cache.
fn resident_probes(file: &OwnedFd, size: u64) -> io::Result<u64> {
    let mut resident = 0;
    // From the end to the start, which the kernel takes for no stream to be read ahead.
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
            // A file system that cannot say.
            Err(error) => assert_eq!(error.raw_os_error(), Some(Errno::OPNOTSUPP.raw_os_error())),
        }
    }
}
