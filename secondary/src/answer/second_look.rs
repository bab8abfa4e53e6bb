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

use crate::read::{BlockSource, InodeState, ReadFailure};
use backscroll_shared::scan::Span;

/// Bytes of a piece: some lines of a log, with their times.
const PIECE_BYTES: usize = 256;

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
    pub async fn again(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if self.later_reads == 0 {
            return Ok(());
        }
        self.before_more(source).await
    }

    /// The same before more is read than one block: that is of the file as it was, and what
    /// follows may not be.
    pub async fn before_more(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if self.blocks == 0 {
            return Ok(());
        }
        self.compare(source, self.pieces.len()).await
    }

    /// The same before records are sent, as they cannot be taken back then. A file that is
    /// written to all the time is checked each time, so only its old end is compared.
    pub async fn before_leaving(&mut self, source: &impl BlockSource) -> Result<(), ReadFailure> {
        if !self.is_unproven {
            return Ok(());
        }
        self.compare(source, 1).await
    }

    async fn compare(&mut self, source: &impl BlockSource, pieces: usize) -> Result<(), ReadFailure> {
        // Before the pieces are read: what happens afterwards is seen by the next look.
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
