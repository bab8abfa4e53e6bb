//! What an inode says of its file's bytes, and when it was asked.

use rustix::fs::{AtFlags, Stat, StatxFlags, StatxTimestamp, statx};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

/// How old an inode's times have to be so that a later change gives it others. The kernel's
/// clock for them advances every 10 ms at most, but some file systems keep whole seconds, and
/// FAT two of them.
const SETTLED_AFTER: Duration = Duration::from_secs(3);

/// What an inode says of its file's bytes, and when it was asked.
#[derive(Debug, Clone, Copy)]
pub struct InodeState {
    /// Bytes of the file.
    pub size: u64,
    /// When it was last written, in seconds since 1970.
    pub modified_seconds: i64,
    /// When it was last written and last changed, in seconds and nanoseconds.
    times: [(i64, u64); 2],
    asked: SystemTime,
}

impl InodeState {
    /// Of an open file, as the kernel knows it: no disk and no server is asked.
    pub fn of(file: &OwnedFd) -> io::Result<InodeState> {
        // Before the inode is: what changes meanwhile is not to look old.
        let asked = SystemTime::now();
        let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
        let found = statx(file, c"", flags, StatxFlags::BASIC_STATS)?;
        let time = |time: StatxTimestamp| (time.tv_sec, u64::from(time.tv_nsec));
        Ok(InodeState {
            size: found.stx_size,
            modified_seconds: found.stx_mtime.tv_sec,
            times: [time(found.stx_mtime), time(found.stx_ctime)],
            asked,
        })
    }

    /// Of a file that was opened after `asked`.
    pub fn new(stat: &Stat, asked: SystemTime) -> InodeState {
        // Its type differs from one architecture to the other.
        #[allow(clippy::useless_conversion, reason = "not on all of them")]
        let nanos = |nanos| u64::try_from(nanos).unwrap_or(0);
        InodeState {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_seconds: stat.st_mtime,
            times: [(stat.st_mtime, nanos(stat.st_mtime_nsec)), (stat.st_ctime, nanos(stat.st_ctime_nsec))],
            asked,
        }
    }

    /// Whether a change after this one was taken shows in a later one.
    fn is_settled(&self) -> bool {
        self.times.iter().all(|(seconds, _)| {
            let at =
                u64::try_from(*seconds).map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
            // A time before 1970 is old; one in the future may be anything.
            at.map_or(true, |at| self.asked.duration_since(at).is_ok_and(|age| age > SETTLED_AFTER))
        })
    }

    /// Whether the file's bytes are known to be what they were at `earlier`.
    pub(crate) fn proves_unchanged(&self, earlier: &InodeState) -> bool {
        (self.size, self.times) == (earlier.size, earlier.times) && earlier.is_settled()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A file's state with these times, in seconds and nanoseconds, asked for then.
    pub(crate) fn stamp(modified: (i64, u64), changed: (i64, u64), asked: i64) -> InodeState {
        let asked = SystemTime::UNIX_EPOCH + Duration::from_secs(asked.cast_unsigned());
        InodeState { size: 9, modified_seconds: modified.0, times: [modified, changed], asked }
    }

    #[test]
    fn only_old_times_that_have_stayed_the_same_prove_that_nothing_happened() {
        let old = stamp((1000, 5), (1000, 5), 1010);
        assert!(stamp((1000, 5), (1000, 5), 2000).proves_unchanged(&old));
        for other in [
            stamp((1000, 6), (1000, 5), 2000),
            stamp((1000, 5), (1000, 6), 2000),
            stamp((1001, 5), (1000, 5), 2000),
            InodeState { size: 8, ..old },
            InodeState { size: 10, ..old },
        ] {
            assert!(!other.proves_unchanged(&old), "{other:?}");
        }
        // Written just before, in the same second, or in the future.
        for (modified, changed) in [(1010, 1000), (1000, 1010), (1008, 1000), (1000, 1008), (1000, 9000)] {
            let fresh = stamp((modified, 5), (changed, 5), 1010);
            assert!(!fresh.proves_unchanged(&fresh), "{fresh:?}");
        }
        let ancient = stamp((-5, 0), (-5, 0), 1010);
        assert!(ancient.proves_unchanged(&ancient));
    }
}
