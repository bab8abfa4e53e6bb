//! The line that edges of blocks cut, matched as it grows, with the NUL bytes before it.

use super::matcher::{Found, LineMatcher};
use super::nuls;
use super::open_line::OpenLine;
use super::search::Limits;

/// What has been read of the line so far.
#[derive(Debug)]
pub(super) struct CutLine {
    open: OpenLine,
    found: Found,
    /// NUL bytes before it, of which it is not known yet whether its line begins with them.
    nuls: u64,
    /// Whether it is the last one of a file that ends without a line feed.
    is_unended: bool,
    limits: Limits,
    scratch: Vec<u8>,
}

impl CutLine {
    pub(super) fn new(limits: Limits) -> CutLine {
        CutLine {
            open: OpenLine::default(),
            found: Found::default(),
            nuls: 0,
            is_unended: false,
            limits,
            scratch: Vec::new(),
        }
    }

    /// Its beginning, as far as it is held, and how long it is.
    pub(super) fn line(&self) -> (&[u8], u64) {
        (self.open.head(), self.open.len())
    }

    pub(super) fn held(&self) -> usize {
        self.open.head().len()
    }

    /// Lets go of it, once it has been delivered.
    pub(super) fn clear(&mut self) {
        self.open.clear();
    }

    /// Begins with the next one.
    pub(super) fn restart(&mut self) {
        self.open.clear();
        self.found = Found::default();
    }

    /// It is the last one of a file that ends without a line feed.
    pub(super) fn set_unended(&mut self) {
        self.is_unended = true;
    }

    /// Adds bytes that stand before it.
    pub(super) fn grow(&mut self, matcher: &LineMatcher, bytes: &[u8]) {
        let nuls = nuls::leading(bytes);
        let piece = &bytes[nuls..];
        if !piece.is_empty() {
            self.hold_nuls(matcher);
            matcher.accumulate(&mut self.found, piece, self.open.head(), &mut self.scratch);
            self.open.prepend(piece, self.limits.line.max(matcher.overlap()));
        }
        // Whether they are a part of the line is known once it is known what is before them.
        self.nuls += nuls as u64;
    }

    /// Adds a hole that lies before it.
    pub(super) fn grow_by_hole(&mut self, len: u64) {
        self.nuls += len;
    }

    /// Its beginning is known. Says whether it is a record, and how many NUL bytes it began with
    /// that are no part of it.
    pub(super) fn complete(&mut self, matcher: &LineMatcher) -> (bool, u64) {
        let is_unended = std::mem::take(&mut self.is_unended);
        if self.nuls < self.limits.nul_run as u64 {
            self.hold_nuls(matcher);
            return (matcher.is_match(self.found), 0);
        }
        // Without the run there is no last line where nothing else is in it.
        let is_line = !is_unended || self.open.len() > 0;
        (is_line && matcher.is_match(self.found), std::mem::take(&mut self.nuls))
    }

    /// The NUL bytes before it are a part of it.
    fn hold_nuls(&mut self, matcher: &LineMatcher) {
        let nuls = std::mem::take(&mut self.nuls);
        if nuls == 0 {
            return;
        }
        // As many as a keyword may reach over, where the line holds fewer than that.
        let most = self.limits.line.max(matcher.overlap() + 1);
        let piece = vec![0; usize::try_from(nuls).unwrap_or(usize::MAX).min(most)];
        matcher.accumulate(&mut self.found, &piece, self.open.head(), &mut self.scratch);
        self.open.prepend_nuls(nuls, &piece, most);
    }
}
