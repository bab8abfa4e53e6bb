//! An open file, and the read flags that its file system supports. All who read the file share it:
//! the thread that answers, the threads that help it, and the pool. So a flag that is refused is
//! tried once, and not with each read.

use super::CacheUse;
use super::holes::Holes;
use backscroll_shared::scan::Span;
use rustix::fs::{Advice, fadvise, fstatfs};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};
use std::io::{self, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Since Linux 6.14: pages that a read brings into the page cache do not stay there. The crates
/// have no name for the flag yet. The value is the kernel's (`include/uapi/linux/fs.h`).
pub(super) const RWF_DONTCACHE: u32 = 0x80;

/// An open file.
#[derive(Debug)]
pub struct OpenFile {
    fd: OwnedFd,
    /// Whether the file system supports reads that do not wait.
    can_nowait: AtomicBool,
    /// Whether the file system and the kernel support reads that leave the page cache as it was.
    can_dontcache: AtomicBool,
    /// Whether the kernel was told not to read ahead.
    is_advised: AtomicBool,
    holes: Holes,
    is_on_fuse: OnceLock<bool>,
}

/// The magic number of file systems that a process serves (`include/uapi/linux/magic.h`).
const FUSE: i128 = 0x6573_5546;

impl OpenFile {
    /// A file of which nothing is known yet. Every flag is tried first.
    pub fn new(fd: OwnedFd) -> OpenFile {
        OpenFile {
            fd,
            can_nowait: AtomicBool::new(true),
            can_dontcache: AtomicBool::new(true),
            is_advised: AtomicBool::new(false),
            holes: Holes::default(),
            is_on_fuse: OnceLock::new(),
        }
    }

    /// The file's descriptor.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The file's size now, in bytes. The kernel knows it without asking a disk.
    pub fn size(&self) -> io::Result<u64> {
        Ok(u64::try_from(rustix::fs::fstat(&self.fd)?.st_size).unwrap_or(0))
    }

    /// Whether the file can be read without waiting, as far as is known.
    pub fn can_nowait(&self) -> bool {
        self.can_nowait.load(Relaxed)
    }

    /// Whether the file is on FUSE, whose reads a process serves. The first call may ask that
    /// process, as opening the file did.
    pub(super) fn is_on_fuse(&self) -> bool {
        // The field has different types on different architectures.
        let look = || fstatfs(&self.fd).is_ok_and(|found| i128::from(found.f_type) & 0xffff_ffff == FUSE);
        *self.is_on_fuse.get_or_init(look)
    }

    /// Whether a read can leave the page cache as it was, as far as is known.
    pub fn can_leave_cache_as_found(&self) -> bool {
        self.can_dontcache.load(Relaxed)
    }

    /// Tells the kernel, once, not to read ahead.
    pub(super) fn advise_random(&self) {
        if !self.is_advised.swap(true, Relaxed)
            && let Err(error) = fadvise(&self.fd, 0, None, Advice::Random)
        {
            tracing::warn!(%error, "the kernel may read ahead, and those pages stay in the page cache");
        }
    }

    /// The flag for a read that uses the page cache in this way, as far as is known.
    ///
    /// With `RWF_DONTCACHE`, only the pages of the read itself are dropped. So the kernel is first
    /// told not to read ahead: to the kernel, two reads of one file side by side may look like one
    /// that goes forwards, and nothing would drop the pages that it reads ahead.
    pub(super) fn cache_flag(&self, cache: CacheUse) -> ReadWriteFlags {
        if cache == CacheUse::Keep || !self.can_leave_cache_as_found() {
            return ReadWriteFlags::empty();
        }
        self.advise_random();
        ReadWriteFlags::from_bits_retain(RWF_DONTCACHE)
    }

    /// Notes that a read was refused because of the flag of [`OpenFile::cache_flag`].
    pub(super) fn refuses_dontcache(&self) {
        self.can_dontcache.store(false, Relaxed);
    }

    /// Reads what the page cache has at `offset`. Returns how many bytes came. `None` if the disk
    /// would have to be waited for, or after any error: a read that waits then reports it.
    ///
    /// The kernel begins to read the missing pages. They stay in the page cache unless this read
    /// has the flag against that as well.
    pub fn read_cached(&self, memory: &mut [u8], offset: u64, cache: CacheUse) -> Option<usize> {
        if !self.can_nowait() {
            return None;
        }
        let flag = self.cache_flag(cache);
        let mut result = self.preadv2(memory, offset, ReadWriteFlags::NOWAIT | flag);
        if !flag.is_empty() && is_refused(result) {
            // One of the two flags is refused. A read with only the other flag shows which.
            result = self.preadv2(memory, offset, ReadWriteFlags::NOWAIT);
            if !is_refused(result) {
                self.refuses_dontcache();
            }
        }
        if is_refused(result) {
            self.can_nowait.store(false, Relaxed);
        }
        result.ok().filter(|len| *len > 0)
    }

    /// Reads at `offset`, and waits if necessary. Returns how many bytes came.
    pub fn read(&self, memory: &mut [u8], offset: u64, cache: CacheUse) -> io::Result<usize> {
        let flag = self.cache_flag(cache);
        if !flag.is_empty() {
            let result = self.preadv2(memory, offset, flag);
            if !is_refused(result) {
                return Ok(result?);
            }
            self.refuses_dontcache();
        }
        Ok(pread(&self.fd, memory, offset)?)
    }

    /// Offset where the hole begins that ends at `end`, if there is one and it can be found
    /// quickly.
    pub fn hole_before(&self, end: u64) -> Option<u64> {
        self.holes.before(&self.fd, end)
    }

    /// Asks the kernel to drop the pages of a span. It may keep them: this is advice.
    pub fn forget(&self, span: Span) {
        let len = NonZeroU64::new(span.len as u64);
        if let Err(error) = fadvise(&self.fd, span.offset, len, Advice::DontNeed) {
            tracing::debug!(%error, "pages that were read again stay in the page cache");
        }
    }

    fn preadv2(&self, memory: &mut [u8], offset: u64, flags: ReadWriteFlags) -> Result<usize, Errno> {
        preadv2(&self.fd, &mut [IoSliceMut::new(memory)], offset, flags)
    }
}

fn is_refused(result: Result<usize, Errno>) -> bool {
    result.is_err_and(is_refused_flag)
}

/// Whether a read failed because the kernel or the file system does not support a flag.
pub(super) fn is_refused_flag(error: Errno) -> bool {
    matches!(error, Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
mod tests {
    use super::*;

    fn open(path: &str) -> OpenFile {
        OpenFile::new(std::fs::File::open(path).unwrap().into())
    }

    #[test]
    fn a_refused_cache_flag_is_remembered_and_what_is_at_hand_is_read_all_the_same() {
        // `/dev/zero` never waits, and has no pages.
        let zeros = open("/dev/zero");
        assert!(zeros.cache_flag(CacheUse::Keep).is_empty() && zeros.can_leave_cache_as_found());
        let mut memory = [7; 100];
        assert_eq!(zeros.read_cached(&mut memory, 0, CacheUse::LeaveAsFound), Some(100));
        assert_eq!(memory, [0; 100]);
        assert!(zeros.can_nowait() && !zeros.can_leave_cache_as_found());
        let zeros = open("/dev/zero");
        memory.fill(7);
        assert_eq!(zeros.read(&mut memory, 0, CacheUse::LeaveAsFound).unwrap(), 100);
        assert_eq!(memory, [0; 100]);
        assert!(!zeros.can_leave_cache_as_found());
    }

    #[test]
    fn where_both_flags_are_refused_both_are_remembered() {
        let version = open("/proc/version");
        let mut memory = [0; 5];
        assert_eq!(version.read_cached(&mut memory, 0, CacheUse::LeaveAsFound), None);
        assert!(!version.can_nowait());
        assert_eq!(version.read(&mut memory, 0, CacheUse::LeaveAsFound).unwrap(), 5);
        assert_eq!(&memory, b"Linux");
        assert!(!version.can_leave_cache_as_found());
    }

    #[test]
    fn an_error_that_is_no_refusal_is_told() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let pipe = OpenFile::new(reader.into());
        let mut memory = [0; 5];
        assert_eq!(pipe.read_cached(&mut memory, 0, CacheUse::LeaveAsFound), None);
        let error = pipe.read(&mut memory, 0, CacheUse::LeaveAsFound).unwrap_err();
        assert_eq!(Errno::from_io_error(&error), Some(Errno::SPIPE));
        assert!(pipe.can_nowait() && pipe.can_leave_cache_as_found());
    }
}
