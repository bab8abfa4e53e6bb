//! Finds holes of a file: bytes that were never written, and so need not be read.
//!
//! `lseek` finds them. It moves the offset of the descriptor itself, but nothing here reads at that
//! offset. Local file systems answer from memory or from a few blocks of the disk. A server, or a
//! program behind FUSE, may take long, and nothing may block a ring thread; so their holes are read
//! like other bytes. So are those of ZFS, which may write dirty pages first, and of overlayfs,
//! whose magic number does not tell which file system lies below it.

use rustix::fs::{SeekFrom, fstat, fstatfs, seek};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

/// The file systems that are asked: ext2 to ext4, XFS, Btrfs, F2FS and tmpfs. (Sources: `statfs(2)`
/// and `include/uapi/linux/magic.h`.)
const LOCAL: [i128; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];

/// The most calls of `lseek` for one hole. Half of them double the step, the others halve it.
const QUESTIONS: usize = 100;

/// Bytes of the first step back.
const STEP: u64 = 64 << 10;
const PAGE: u64 = 4096;

/// What is known of a file's holes.
#[derive(Debug, Default)]
pub(super) struct Holes {
    may_be_there: OnceLock<bool>,
}

impl Holes {
    /// Offset where the hole begins that ends at `end`. `None` if there is none, or if it cannot be
    /// found quickly.
    pub(super) fn before(&self, file: &OwnedFd, end: u64) -> Option<u64> {
        if !*self.may_be_there.get_or_init(|| may_be_in(file)) {
            return None;
        }
        // `lseek` finds data only forwards. So go back in steps that double, and then search
        // between the last two.
        let is_hole = |from| match seek(file, SeekFrom::Data(from)) {
            Ok(data) => data >= end,
            // There is only a hole up to the end of the file.
            Err(Errno::NXIO) => true,
            Err(_) => false,
        };
        let (mut hole, mut data, mut step) = (end, None, STEP);
        for _ in 0..QUESTIONS {
            let from = match data {
                None => hole.saturating_sub(step),
                Some(data) => u64::midpoint(data, hole).next_multiple_of(PAGE),
            };
            if from >= hole {
                break;
            }
            if is_hole(from) {
                hole = from;
                step = step.saturating_mul(2);
            } else {
                data = Some(from);
            }
        }
        (hole < end).then_some(hole)
    }
}

fn may_be_in(file: &OwnedFd) -> bool {
    // The kernel counts in units of 512 bytes.
    let has_fewer_blocks = fstat(file).is_ok_and(|stat| stat.st_blocks.saturating_mul(512) < stat.st_size);
    // The field has different types on different architectures.
    has_fewer_blocks
        && fstatfs(file).is_ok_and(|found| LOCAL.contains(&(i128::from(found.f_type) & 0xffff_ffff)))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn the_hole_before_an_offset_is_found_whole() {
        let file = tempfile::tempfile().unwrap();
        let at = [0, 8 << 20, (8 << 20) + (1 << 16), 5 << 30];
        for offset in at {
            file.write_all_at(&[b'x'; 4096], offset).unwrap();
        }
        file.set_len(6 << 30).unwrap();
        let fd = OwnedFd::from(file);
        if !may_be_in(&fd) {
            eprintln!("skipped: this file system has no holes");
            return;
        }
        let holes = Holes::default();
        for (data, next) in at.into_iter().zip([8 << 20, (8 << 20) + (1 << 16), 5 << 30, 6 << 30]) {
            for end in [next, next - 1, data + 4096 + 100] {
                assert_eq!(holes.before(&fd, end), Some(data + 4096), "{data} {end}");
            }
            assert_eq!(holes.before(&fd, data + 4096), None);
            assert_eq!(holes.before(&fd, data + 1), None);
        }
        let empty = tempfile::tempfile().unwrap();
        empty.set_len(4 << 30).unwrap();
        assert_eq!(Holes::default().before(&empty.into(), 4 << 30), Some(0));
    }

    #[test]
    fn a_file_without_holes_and_what_is_no_disk_are_not_asked() {
        let full = tempfile::tempfile().unwrap();
        full.write_all_at(&vec![0; 1 << 20], 0).unwrap();
        full.sync_all().unwrap();
        assert_eq!(Holes::default().before(&full.into(), 1 << 20), None);
        let proc = std::fs::File::open("/proc/version").unwrap();
        assert!(!may_be_in(&proc.into()));
    }
}
