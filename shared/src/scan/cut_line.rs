//! The line that edges of blocks cut, matched as it grows, with the NUL bytes before it.

use super::limits::Limits;
use super::open_line::OpenLine;
use super::window::Span;
use crate::filter::{LineFilter, Match, PartialMatch};
use crate::nuls;

/// What has been read of the line so far.
#[derive(Debug)]
pub(super) struct CutLine {
    open: OpenLine,
    partial: PartialMatch,
    /// The first match in it, as far as it has been read.
    first_match: Option<Span>,
    /// NUL bytes before it, of which it is not known yet whether its line begins with them.
    nuls: u64,
    /// Whether it is the last one of a file that ends without a line feed.
    is_unended: bool,
    limits: Limits,
}

impl CutLine {
    pub(super) fn new(limits: Limits) -> CutLine {
        CutLine {
            open: OpenLine::default(),
            partial: PartialMatch::default(),
            first_match: None,
            nuls: 0,
            is_unended: false,
            limits,
        }
    }

    /// Its beginning, as far as it is held, and how long it is.
    pub(super) fn line(&self) -> (&[u8], u64) {
        (self.open.head(), self.open.len())
    }

    /// The first match in it.
    pub(super) fn first_match(&self) -> Option<Span> {
        self.first_match
    }

    pub(super) fn held(&self) -> usize {
        self.open.head().len()
    }

    /// Lets go of it, once it has been delivered.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// The same, and gives its memory back.
    pub(super) fn free(&mut self) {
        self.open.free();
    }

    /// Begins with the next one.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.partial.restart();
        self.first_match = None;
    }

    /// It is the last one of a file that ends without a line feed.
    pub(super) fn set_unended(&mut self) {
        self.is_unended = true;
    }

    /// Gives up what is held of it: it is read again before the line grows.
    pub(super) fn give_up(&mut self) {
        self.open.give_up();
    }

    /// What has to be read again of it, where all bytes of the file from `base` on have been
    /// read: NUL bytes that may be no part of it lie before it.
    pub(super) fn lost(&self, base: u64) -> Option<Span> {
        self.open.lost(base + self.nuls)
    }

    /// Takes that again.
    pub(super) fn take_again(&mut self, filter: &LineFilter, bytes: &[u8]) {
        self.open.take_again(bytes, self.kept(filter));
    }

    /// Adds bytes that stand before it, at `offset` in the file.
    pub(super) fn grow(&mut self, filter: &LineFilter, offset: u64, bytes: &[u8]) {
        let nuls = nuls::leading(bytes);
        let piece = &bytes[nuls..];
        if !piece.is_empty() {
            self.hold_nuls(filter, offset + bytes.len() as u64);
            let first = filter.extend(&mut self.partial, piece, self.open.head());
            if let Some(Match { at, len }) = first {
                self.first_match = Some(Span { offset: offset + (nuls + at) as u64, len });
            }
            self.open.prepend(piece, self.kept(filter));
        }
        // Whether they are a part of the line is known once it is known what is before them.
        self.nuls += nuls as u64;
    }

    /// Adds a hole that lies before it.
    pub(super) fn grow_by_hole(&mut self, len: u64) {
        self.nuls += len;
    }

    /// It begins at `offset` in the file. Says whether it is a record, and how many NUL bytes it
    /// began with that are no part of it.
    pub(super) fn complete(&mut self, filter: &LineFilter, offset: u64) -> (bool, u64) {
        let is_unended = std::mem::take(&mut self.is_unended);
        if self.nuls < self.limits.nul_run as u64 {
            self.hold_nuls(filter, offset);
            return (filter.is_match(&self.partial), 0);
        }
        // Without the run there is no last line where nothing else is in it.
        let is_line = !is_unended || self.open.len() > 0;
        (is_line && filter.is_match(&self.partial), std::mem::take(&mut self.nuls))
    }

    /// Bytes of it that are held: what is delivered, and what a keyword may reach into.
    fn kept(&self, filter: &LineFilter) -> usize {
        self.limits.line.max(filter.reach())
    }

    /// The NUL bytes before it are a part of it. They stand at `offset` in the file.
    fn hold_nuls(&mut self, filter: &LineFilter, offset: u64) {
        let nuls = std::mem::take(&mut self.nuls);
        if nuls == 0 {
            return;
        }
        // As many as a keyword may reach over, where the line holds fewer than that.
        let most = self.limits.line.max(filter.reach() + 1);
        let piece = vec![0; usize::try_from(nuls).unwrap_or(usize::MAX).min(most)];
        let first = filter.extend(&mut self.partial, &piece, self.open.head());
        if let Some(Match { at, len }) = first {
            // A match within them stands at their beginning; one that reaches past them is
            // counted from their end.
            let before = if at == 0 { 0 } else { nuls - piece.len() as u64 };
            self.first_match = Some(Span { offset: offset + before + at as u64, len });
        }
        self.open.prepend_nuls(nuls, &piece, most);
    }
}
