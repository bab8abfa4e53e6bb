//! A file that may be the one of a place.

use crate::catalog::LogFile;
use crate::read::admission::Admission;
use crate::read::block::Pool;
use crate::read::head::{self, Head, Wanted};
use crate::read::{BlockSource as _, Engine, ReadFailure, Readahead};
use backscroll_shared::scan::{ReadPlan, Span};
use backscroll_shared::wire::cursor::{ANCHOR_BYTES, Digest, Direction, Place};
use rustix::io::fcntl_dupfd_cloexec;
use std::sync::Arc;

/// Bytes that are read at once while the beginning of a line is looked for.
const BACK_BYTES: u64 = 64 << 10;

/// Bytes in which it is looked for. Nothing admits these reads, so they may not be many.
pub(super) const LINE_START_BYTES: u64 = 8 << 20;

/// An open file, and its first bytes.
pub(super) struct Candidate<E: Engine> {
    pub(super) log: LogFile,
    pub(super) head: Head,
    source: Readahead<E::File>,
    engine: E,
}

/// Whether a file is the one of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Likeness {
    /// Another file.
    None,
    /// It has the same bytes.
    Content,
    /// It is the same inode, and has the same bytes.
    Same,
}

impl<E: Engine> Candidate<E> {
    /// Reads the first bytes of a file.
    pub(super) async fn open(
        engine: E,
        log: LogFile,
        pool: &Arc<Pool>,
        admission: &Arc<Admission>,
    ) -> Result<Candidate<E>, ReadFailure> {
        // What reads it here and what answers have a descriptor each.
        let file = fcntl_dupfd_cloexec(&log.file, 0)
            .map_err(|errno| ReadFailure::Io { offset: 0, source: errno.into() })?;
        let file = engine.adopt(file);
        let at_hand = head::cached(&file, log.opened.size, Wanted::Identity);
        let source = Readahead::new(file, ReadPlan::empty(), Arc::clone(pool), Arc::clone(admission));
        let head = match at_hand {
            Some(head) => head,
            None => {
                head::read(source.beside(None), log.opened.size, Wanted::Identity).await?.unwrap_or_default()
            }
        };
        Ok(Candidate { log, head, source, engine })
    }

    /// Whether this file is the one of the place.
    pub(super) async fn likeness(
        &mut self,
        direction: Direction,
        place: &Place,
    ) -> Result<Likeness, ReadFailure> {
        if self.log.opened.size < place.end || !self.head.is_of(&place.file) {
            return Ok(Likeness::None);
        }
        if !self.has_anchor(direction, place).await? {
            return Ok(Likeness::None);
        }
        if (self.log.device, self.log.inode) == (place.file.device, place.file.inode) {
            return Ok(Likeness::Same);
        }
        // A few bytes are the same in many files.
        let head_len = usize::from(place.file.head_len);
        let is_told_by_bytes = head_len >= ANCHOR_BYTES || head_len > 0 && place.anchor.is_some();
        Ok(if is_told_by_bytes { Likeness::Content } else { Likeness::None })
    }

    /// Whether the record at the place, or the bytes before it, are still there.
    async fn has_anchor(&mut self, direction: Direction, place: &Place) -> Result<bool, ReadFailure> {
        let Some(anchor) = place.anchor else { return Ok(true) };
        match direction {
            Direction::Newer => Ok(self.anchor_before(place.offset).await? == Some(anchor)),
            Direction::Older => {
                // A last line that had no end yet may have grown since.
                let bytes =
                    self.bytes(place.offset, place.end.min(place.offset + ANCHOR_BYTES as u64)).await?;
                // A run of NUL bytes may stand before the record. Where it ends is not looked for.
                let is_run = bytes.first() == Some(&0) && bytes.iter().all(|byte| *byte == 0);
                Ok(is_run || Digest::anchor(&bytes) == anchor)
            }
        }
    }

    /// The anchor of a cursor for what stands from this offset on.
    pub(super) async fn anchor_before(&mut self, offset: u64) -> Result<Option<Digest>, ReadFailure> {
        let bytes = self.bytes(offset.saturating_sub(ANCHOR_BYTES as u64), offset).await?;
        Ok((!bytes.is_empty()).then(|| Digest::of(&bytes)))
    }

    /// Whether a line begins at this offset.
    pub(super) async fn is_line(&mut self, offset: u64) -> Result<bool, ReadFailure> {
        Ok(offset == 0 || self.bytes(offset - 1, offset).await? == b"\n")
    }

    /// Whether the line before this offset ends with the byte at it.
    pub(super) async fn has_feed(&mut self, offset: u64) -> Result<bool, ReadFailure> {
        Ok(self.bytes(offset, self.log.opened.size.min(offset + 1)).await? == b"\n")
    }

    /// Where the line begins that the byte before this offset belongs to. None if that is further away
    /// than [`LINE_START_BYTES`].
    pub(super) async fn line_start(&mut self, offset: u64) -> Result<Option<u64>, ReadFailure> {
        let mut end = offset;
        while end > 0 {
            if offset - end >= LINE_START_BYTES {
                return Ok(None);
            }
            let start = end.saturating_sub(BACK_BYTES);
            let bytes = self.bytes(start, end).await?;
            if let Some(feed) = memchr::memrchr(b'\n', &bytes) {
                return Ok(Some(start + feed as u64 + 1));
            }
            end = start;
            self.engine.pause().await;
        }
        Ok(Some(0))
    }

    /// The bytes from one offset to another one. None of them may lie past the size at opening.
    async fn bytes(&mut self, start: u64, end: u64) -> Result<Vec<u8>, ReadFailure> {
        let len = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
        if len == 0 {
            return Ok(Vec::new());
        }
        Ok(self.source.again(Span { offset: start, len }).await?.block.as_ref().to_vec())
    }
}
