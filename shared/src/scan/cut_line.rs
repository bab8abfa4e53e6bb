//! A line that lies in several blocks. It is matched while it grows, with the NUL bytes before it.

use super::limits::Limits;
use super::open_line::OpenLine;
use super::window::Span;
use crate::filter::{LineFilter, Match, PartialMatch};
use crate::nuls;

/// The part of the line that has been read so far.
#[derive(Debug)]
pub(super) struct CutLine {
    open: OpenLine,
    partial: PartialMatch,
    /// If the filter has looked at a part of the bytes that are being added: where the rest ends.
    left: Option<usize>,
    /// The first match in that part.
    first_match: Option<Span>,
    /// NUL bytes before that part. It is not known yet whether the line begins with them.
    nuls: u64,
    /// Whether this is the last line of a window that ends without a line feed.
    is_unended: bool,
    limits: Limits,
}

impl CutLine {
    pub(super) fn new(limits: Limits) -> CutLine {
        CutLine {
            open: OpenLine::default(),
            partial: PartialMatch::default(),
            left: None,
            first_match: None,
            nuls: 0,
            is_unended: false,
            limits,
        }
    }

    /// The beginning of the known part, as far as it is held, and the length of the part in bytes.
    pub(super) fn line(&self) -> (&[u8], u64) {
        (self.open.head(), self.open.len())
    }

    /// The first match in the known part.
    pub(super) fn first_match(&self) -> Option<Span> {
        self.first_match
    }

    pub(super) fn held(&self) -> usize {
        self.open.head().len()
    }

    /// Forgets the line, which has been delivered.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Forgets the line, and frees its memory.
    pub(super) fn free(&mut self) {
        self.open.free();
        self.partial.free();
    }

    /// Begins with another line.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.partial.restart();
        self.left = None;
        self.first_match = None;
    }

    /// Notes that this is the last line of a window that ends without a line feed.
    pub(super) fn set_unended(&mut self) {
        self.is_unended = true;
    }

    /// Gives up the held bytes. They are read again before the line grows.
    pub(super) fn give_up(&mut self) {
        self.open.give_up();
        self.partial.free();
    }

    /// Whether bytes have to be read again.
    pub(super) fn has_lost(&self) -> bool {
        self.open.has_lost()
    }

    /// The bytes that have to be read again next, if any. `base` is the offset of the oldest byte
    /// read so far. Between it and the line lie NUL bytes that may not be part of the line.
    pub(super) fn lost(&self, base: u64) -> Option<Span> {
        self.open.lost(base + self.nuls)
    }

    /// Takes bytes that [`CutLine::lost`] has asked for.
    pub(super) fn take_again(&mut self, filter: &LineFilter, bytes: &[u8]) {
        self.open.take_again(bytes, self.kept(filter));
    }

    /// Whether bytes have been added only in part.
    pub(super) fn is_growing(&self) -> bool {
        self.left.is_some()
    }

    /// Adds the bytes before the known part. `offset` is where they begin in the file. False if other
    /// tasks should run before the same bytes are given again: the filter has looked at a piece.
    pub(super) fn grow(&mut self, filter: &LineFilter, offset: u64, bytes: &[u8]) -> bool {
        let nuls = nuls::leading(bytes);
        if nuls < bytes.len() {
            if self.left.is_none() {
                self.hold_nuls(filter, offset + bytes.len() as u64);
            }
            let end = self.left.unwrap_or(bytes.len()).min(bytes.len());
            let start = end.saturating_sub(filter.piece()).max(nuls).min(end);
            let rest = if end == bytes.len() { self.open.head() } else { &bytes[end..] };
            let first = filter.extend(&mut self.partial, &bytes[start..end], rest);
            if let Some(Match { at, len }) = first {
                self.first_match = Some(Span { offset: offset + (start + at) as u64, len });
            }
            self.left = (start > nuls).then_some(start);
            if self.is_growing() {
                return false;
            }
            self.open.prepend(&bytes[nuls..], self.kept(filter));
        }
        // The bytes before these NUL bytes will show whether they are part of the line.
        self.nuls += nuls as u64;
        true
    }

    /// Adds a hole before the known part.
    pub(super) fn grow_by_hole(&mut self, len: u64) {
        self.nuls += len;
    }

    /// Completes the line, whose first byte is at `offset` in the file. Returns whether it is a
    /// record, and the length of the run of NUL bytes before it that is not part of it.
    pub(super) fn complete(&mut self, filter: &LineFilter, offset: u64) -> (bool, u64) {
        let is_unended = std::mem::take(&mut self.is_unended);
        if self.nuls < self.limits.nul_run as u64 {
            self.hold_nuls(filter, offset);
            return (filter.is_match(&self.partial), 0);
        }
        // If the last line holds only the run, there is no line.
        let is_line = !is_unended || self.open.len() > 0;
        (is_line && filter.is_match(&self.partial), std::mem::take(&mut self.nuls))
    }

    /// Bytes of the line that are held: those that are delivered, those that a match may reach
    /// into, and those that a pattern looks at, with the byte behind them.
    fn kept(&self, filter: &LineFilter) -> usize {
        (self.limits.line + usize::from(filter.needs_whole_lines())).max(filter.reach())
    }

    /// Adds the NUL bytes before the known part to the line. They begin at `offset` in the file.
    fn hold_nuls(&mut self, filter: &LineFilter, offset: u64) {
        let nuls = std::mem::take(&mut self.nuls);
        if nuls == 0 {
            return;
        }
        // Enough bytes for a match that reaches from them into a line that holds fewer.
        let most = self.kept(filter).max(filter.reach() + 1);
        let piece = vec![0; usize::try_from(nuls).unwrap_or(usize::MAX).min(most)];
        let first = filter.extend(&mut self.partial, &piece, self.open.head());
        if let Some(Match { at, len }) = first {
            // `piece` may be shorter than the run. A match inside the run counts from the run's
            // beginning, and one that reaches past the run counts from its end.
            let before = if at == 0 { 0 } else { nuls - piece.len() as u64 };
            self.first_match = Some(Span { offset: offset + before + at as u64, len });
        }
        self.open.prepend_nuls(nuls, &piece, most);
    }
}
