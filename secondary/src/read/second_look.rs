//! A second look at a file that has been read: whether its bytes are still those that it had
//! when it was opened.
//!
//! A file may be truncated while it is read, and be as long again before the end is reached,
//! as by `copytruncate` of logrotate and a writer that does not append. Its size says nothing
//! then. Two things do:
//!
//! - An inode whose times are what they were has not been written to. Writing and truncating
//!   both set them; whoever appends sets them too, so other times prove nothing.
//! - Truncating changes the bytes at the end first. So a few pieces of what was read are kept,
//!   most of them near the end, and compared with what is there now.
//!
//! What remains undetectable: bytes that change between those pieces alone, as by a program
//! that writes in place or punches a hole; a truncation after which the file has the same
//! bytes in all pieces; one between the opening and the first read; and what a network file
//! system's client does not know yet.

use super::{ReadAt, ReadFailure, Readahead};
use backscroll_shared::scan::{ReadPlan, Span};
use rustix::fs::{AtFlags, Stat, StatxFlags, StatxTimestamp, statx};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, SystemTime};

/// Bytes of a piece: some lines of a log, with their times.
const PIECE_BYTES: usize = 256;

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
    fn proves_unchanged(&self, earlier: &InodeState) -> bool {
        (self.size, self.times) == (earlier.size, earlier.times) && earlier.is_settled()
    }
}

/// What is kept of a file that is read from its end to its start.
#[derive(Debug)]
pub struct SecondLook {
    /// Bytes that the file had when it was opened.
    size: u64,
    /// Of the last moment at which all that had been read was known to be true.
    proven: InodeState,
    /// Newest first.
    pieces: Vec<Piece>,
    /// Blocks read for the first time.
    blocks: u64,
    /// Offset of the oldest byte read.
    reached: u64,
    /// Reads that may have seen other bytes than the first one.
    later_reads: u64,
    /// Whether there was one since the last look.
    is_unproven: bool,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Box<[u8]>,
}

impl SecondLook {
    /// At a file of which `opened` was said when it was opened.
    pub fn new(opened: InodeState) -> SecondLook {
        SecondLook {
            size: opened.size,
            proven: opened,
            pieces: Vec::new(),
            blocks: 0,
            reached: opened.size,
            later_reads: 0,
            is_unproven: false,
        }
    }

    /// Takes a block that has been read, for the first time or again. Keeps a piece of the
    /// first one's end, and of the beginnings of blocks 0, 1, 2, 4, 8 and so on.
    pub fn take(&mut self, span: Span, block: &[u8]) {
        if self.blocks > 0 {
            self.has_read_more();
        }
        if span.offset >= self.reached {
            return;
        }
        self.reached = span.offset;
        if self.blocks == 0 {
            let at = block.len().saturating_sub(PIECE_BYTES);
            self.keep(span.offset + at as u64, &block[at..]);
        }
        if (self.blocks == 0 && block.len() > PIECE_BYTES) || self.blocks.is_power_of_two() {
            self.keep(span.offset, &block[..block.len().min(PIECE_BYTES)]);
        }
        self.blocks += 1;
    }

    /// Bytes have been read that are not taken, as those of the lines before a record, or the
    /// first block has not been read at one go.
    pub fn has_read_more(&mut self) {
        self.later_reads += 1;
        self.is_unproven = true;
    }

    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        self.pieces.push(Piece { offset, bytes: bytes.into() });
    }

    /// Whether all that has been read so far was the file as it was when it was opened. Free
    /// where one block alone has been read, which is that of the file's end, and nearly so
    /// where the file has not been written to. May be dropped and called again; no block of
    /// the answer is to be held meanwhile, as two could be waited for by everybody at once.
    pub async fn again<F: ReadAt>(&mut self, readahead: &Readahead<F>) -> Result<(), ReadFailure> {
        if self.later_reads == 0 {
            return Ok(());
        }
        self.before_more(readahead).await
    }

    /// The same before more is read than one block: that is of the file as it was, and what
    /// follows may not be.
    pub async fn before_more<F: ReadAt>(&mut self, readahead: &Readahead<F>) -> Result<(), ReadFailure> {
        if self.blocks == 0 {
            return Ok(());
        }
        self.compare(readahead, self.pieces.len()).await
    }

    /// The same before records are sent, as they cannot be taken back then. A file that is
    /// written to all the time is checked each time, so only its old end is compared.
    pub async fn before_leaving<F: ReadAt>(&mut self, readahead: &Readahead<F>) -> Result<(), ReadFailure> {
        if !self.is_unproven {
            return Ok(());
        }
        self.compare(readahead, 1).await
    }

    async fn compare<F: ReadAt>(
        &mut self,
        readahead: &Readahead<F>,
        pieces: usize,
    ) -> Result<(), ReadFailure> {
        // Before the pieces are read: what happens afterwards is seen by the next look.
        let stamp = readahead.file().inode_state().map_err(|source| ReadFailure::Io { offset: 0, source })?;
        if stamp.size < self.size {
            return Err(ReadFailure::Shrunk { offset: stamp.size });
        }
        if !stamp.proves_unchanged(&self.proven) {
            let mut ahead = readahead.of_same_file(ReadPlan::empty());
            for Piece { offset, bytes } in self.pieces.iter().take(pieces) {
                let (_, block, _) = ahead.again(Span { offset: *offset, len: bytes.len() }).await?;
                if block.as_ref() != &bytes[..] {
                    return Err(ReadFailure::Overwritten { offset: *offset });
                }
            }
            if pieces >= self.pieces.len() {
                self.proven = stamp;
            }
        }
        self.is_unproven = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp(modified: (i64, u64), changed: (i64, u64), asked: i64) -> InodeState {
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

    proptest! {
        #[test]
        fn pieces_lie_near_the_end_are_few_and_are_what_was_read(
            file in prop::collection::vec(any::<u8>(), 1..20_000),
            cuts in prop::collection::vec(1_usize..900, 1..60),
        ) {
            let mut look = SecondLook::new(InodeState { size: file.len() as u64, ..stamp((0, 0), (0, 0), 9) });
            let mut end = file.len();
            for len in cuts {
                let start = end.saturating_sub(len);
                let span = Span { offset: start as u64, len: end - start };
                if span.len > 0 {
                    look.take(span, &file[start..end]);
                    let read = look.later_reads;
                    look.take(span, &file[start..end]);
                    prop_assert_eq!(look.later_reads, read + 1, "what is read again counts");
                }
                end = start;
            }
            prop_assert!(look.pieces.len() <= 9);
            prop_assert_eq!(look.pieces[0].offset + look.pieces[0].bytes.len() as u64, file.len() as u64);
            for piece in &look.pieces {
                let at = usize::try_from(piece.offset).unwrap();
                prop_assert_eq!(&file[at..at + piece.bytes.len()], &piece.bytes[..]);
            }
        }
    }
}
