//! Checks that a file that has been read still holds the bytes that it had when it was opened.
//!
//! A file may be truncated while it is read, and be as long again before the reader reaches its
//! start. logrotate's `copytruncate` does this, with a writer that does not append. The size of the
//! file then shows nothing. Two things do:
//!
//! - If the times of the inode are unchanged, nobody has written to the file: writing and
//!   truncating both set them. Appending sets them too, so a changed time proves nothing.
//! - A truncation changes the bytes near the end first. So a few pieces of what was read are kept,
//!   most of them near the end, and compared with what is there now.
//!
//! Some changes cannot be detected: bytes that change only between those pieces, as when a program
//! writes in place or punches a hole; a truncation after which all pieces hold the same bytes
//! again; one between the opening and the first read; and what the client of a network file system
//! does not know yet.

use crate::read::{BlockSource, InodeState, ReadFailure};
use backscroll_shared::scan::Span;

/// Bytes of a piece: a few lines of a log, with their times.
const PIECE_BYTES: usize = 256;

/// What is kept of a file that is read from its end to its start.
#[derive(Debug)]
pub struct SecondLook {
    /// Bytes that the file had when it was opened.
    size: u64,
    /// State of the inode when the bytes read so far were last known to be unchanged.
    proven: InodeState,
    /// Pieces of what was read, newest first.
    pieces: Vec<Piece>,
    /// Blocks read for the first time.
    blocks: u64,
    /// Offset of the oldest byte read.
    reached: u64,
    /// Reads after the first one. The file may have changed before them.
    later_reads: u64,
    /// Whether there was such a read since the last look.
    is_unproven: bool,
}

#[derive(Debug)]
struct Piece {
    offset: u64,
    bytes: Box<[u8]>,
}

impl SecondLook {
    /// Nothing has been read yet. `opened` is the state of the inode when the file was opened.
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

    /// Takes a block that has been read, for the first time or again. Keeps pieces: the end of
    /// block 0, and the beginnings of blocks 0, 1, 2, 4, 8 and so on.
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

    /// Notes a read whose bytes [`SecondLook::take`] does not get, such as that of the lines before
    /// a record. Also notes a first block during whose reading the file may have changed.
    pub fn has_read_more(&mut self) {
        self.later_reads += 1;
        self.is_unproven = true;
    }

    /// The last bytes that were read, and the offset at which they end.
    pub(super) fn end(&self) -> Option<(u64, &[u8])> {
        let Piece { offset, bytes } = self.pieces.first()?;
        Some((offset + bytes.len() as u64, bytes))
    }

    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        self.pieces.push(Piece { offset, bytes: bytes.into() });
    }

    /// Fails if the bytes read so far are not those of the file as it was opened. This costs
    /// nothing if only one block was read, and little if nobody has written to the file. May be
    /// dropped and called again. The caller must hold no block meanwhile: if answers waited for a
    /// second block while holding a first, all of them could wait for each other.
    pub async fn check_at_end(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if self.later_reads == 0 {
            return Ok(());
        }
        self.check_before_more(source).await
    }

    /// The same check, before more than one block is read. The first block alone is from the file
    /// as it was; the next may not be.
    pub async fn check_before_more(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if self.blocks == 0 {
            return Ok(());
        }
        self.compare(source, self.pieces.len()).await
    }

    /// The same check, before records are sent, because they cannot be taken back afterwards. It
    /// runs for every chunk if the file is written to all the time, so it compares only the piece
    /// at the old end.
    pub async fn check_before_leaving(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if !self.is_unproven {
            return Ok(());
        }
        self.compare(source, 1).await
    }

    async fn compare(&mut self, source: &impl BlockSource, pieces: usize) -> Result<(), ReadFailure> {
        // Asked before the pieces are read, so that the next look sees a change that happens
        // meanwhile.
        let state = source.inode_state().map_err(|source| ReadFailure::Io { offset: 0, source })?;
        if state.size < self.size {
            return Err(ReadFailure::Shrunk { offset: state.size });
        }
        if !state.proves_unchanged(&self.proven) {
            let mut pieces_now = source.beside(None);
            for Piece { offset, bytes } in self.pieces.iter().take(pieces) {
                let now = pieces_now.again(Span { offset: *offset, len: bytes.len() }).await?;
                if now.block.as_ref() != &bytes[..] {
                    return Err(ReadFailure::Overwritten { offset: *offset });
                }
            }
            if pieces >= self.pieces.len() {
                self.proven = state;
            }
        }
        self.is_unproven = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::inode_state::tests::stamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_lie_near_the_end_are_few_and_are_what_was_read(
            file in prop::collection::vec(any::<u8>(), 1..20_000),
            cuts in prop::collection::vec(1_usize..900, 1..60),
        ) {
            let mut opened = stamp((0, 0), (0, 0), 9);
            opened.size = file.len() as u64;
            let mut look = SecondLook::new(opened);
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
