//! Cuts blocks into the pieces that are searched in one turn. Runs of NUL bytes at the beginning of
//! a line are left out.

use super::{Joined, OwnedRecord};
use crate::nuls;
use crate::scan::limits::Limits;
use crate::scan::record::Step;
use crate::scan::window::{Span, Window};

/// Bytes that are searched in one turn.
const PIECE: usize = if cfg!(test) { 5 } else { 16 << 10 };

/// The same, after a piece with many records. A block of line feeds yields one record for each
/// byte, and each record is copied.
const DENSE_PIECE: usize = if cfg!(test) { 3 } else { 2 << 10 };

/// A piece with this many records or more counts as one with many.
const DENSE: usize = if cfg!(test) { 2 } else { 32 };

/// A search that goes through its blocks in pieces, each from its end.
#[derive(Debug)]
pub(in crate::scan) struct JoinedSearch<B> {
    joined: Joined,
    window: Window,
    /// The block, unless it has been given back.
    block: Option<B>,
    span: Span,
    /// Bytes of the block that have not been searched.
    left: usize,
    is_dense: bool,
    nul_run: usize,
    /// NUL bytes after the rest of the block. It is not known yet whether a line begins with them.
    nuls: u64,
    /// NUL bytes after the rest of the block that are part of their line, and have not been
    /// searched.
    inside: u64,
}

impl<B: AsRef<[u8]>> JoinedSearch<B> {
    pub(in crate::scan) fn new(keyword: &[u8], window: Window, limits: Limits) -> JoinedSearch<B> {
        JoinedSearch {
            joined: Joined::new(keyword, window, limits),
            window,
            block: None,
            span: Span { offset: window.end, len: 0 },
            left: 0,
            is_dense: false,
            nul_run: limits.nul_run,
            nuls: 0,
            inside: 0,
        }
    }

    pub(in crate::scan) fn feed(&mut self, span: Span, block: B) {
        if let Some(lost) = self.lost() {
            assert_eq!(span, lost, "what was given up is fed again");
            return self.search(block.as_ref());
        }
        if self.left == 0 {
            self.left = span.len;
        } else {
            assert_eq!(span, self.span, "the block that was given back is fed again");
        }
        self.span = span;
        self.block = Some(block);
    }

    pub(in crate::scan) fn feed_hole(&mut self, span: Span) {
        assert_eq!(self.left, 0, "a hole takes the place of the next block");
        self.nuls += span.len as u64;
        self.span = span;
    }

    pub(in crate::scan) fn skipped(&self) -> u64 {
        self.joined.runs.bytes
    }

    pub(in crate::scan) fn release(&mut self) {
        self.block = None;
        self.joined.give_up();
    }

    pub(in crate::scan) fn held(&self) -> usize {
        self.joined.held()
    }

    /// As [`Search::settled`](crate::scan::Search::settled) says.
    pub(in crate::scan) fn settled(&self) -> u64 {
        self.joined.runs.line(self.joined.newest()).0
    }

    /// Yields only what begins before this offset. Nothing has been fed yet.
    pub(in crate::scan) fn resume(&mut self, settled: u64) {
        self.joined.past = settled;
    }

    /// As [`Search::excerpt`](crate::scan::Search::excerpt) says.
    pub(in crate::scan) fn excerpt(&self) -> Option<Span> {
        self.joined.delivered.excerpt
    }

    /// As [`Search::delivered`](crate::scan::Search::delivered) says.
    pub(in crate::scan) fn delivered(&self) -> Vec<Span> {
        let OwnedRecord { excerpt, spans, .. } = &self.joined.delivered;
        excerpt.map_or_else(|| spans.clone(), |excerpt| vec![excerpt])
    }

    /// The bytes of the last record that was delivered, if `span` lies in it.
    pub(in crate::scan) fn at_hand(&self, span: Span) -> Option<&[u8]> {
        self.joined.delivered.at_hand(span)
    }

    /// The bytes that have to be fed again next, if any: the newest piece of them.
    fn lost(&self) -> Option<Span> {
        self.joined.lost(self.piece())
    }

    fn piece(&self) -> usize {
        if self.is_dense { DENSE_PIECE } else { PIECE }
    }

    fn search(&mut self, piece: &[u8]) {
        self.joined.feed(piece);
        self.is_dense = self.joined.ready.len() >= DENSE;
    }

    pub(in crate::scan) fn step(&mut self) -> Step<'_> {
        if !self.joined.ready.is_empty() {
            return self.joined.deliver();
        }
        if let Some(span) = self.lost() {
            return Step::NeedAgain(span);
        }
        if self.inside > 0 {
            let piece = [0; PIECE];
            let len = usize::try_from(self.inside).unwrap_or(PIECE).min(PIECE);
            self.joined.feed(&piece[..len]);
            self.inside -= len as u64;
            return Step::Working;
        }
        if self.left == 0 {
            self.block = None;
            if self.span.offset > self.window.start {
                return Step::NeedBlock;
            }
            if self.joined.is_at_start {
                return Step::Done;
            }
            self.decide_nuls(true);
            if self.inside == 0 {
                self.joined.finish();
            }
            return Step::Working;
        }
        // Taken out of `self`, so that its bytes can be borrowed while the rest of `self` changes.
        let Some(taken) = self.block.take() else { return Step::NeedAgain(self.span) };
        self.search_in(&taken.as_ref()[..self.left]);
        self.block = Some(taken);
        Step::Working
    }

    /// Searches the newest piece of the rest of the block, or counts the NUL bytes at its end.
    fn search_in(&mut self, block: &[u8]) {
        let nuls = nuls::trailing(block);
        if self.nuls > 0 || nuls > 0 {
            self.nuls += nuls as u64;
            self.left -= nuls;
            if self.left > 0 {
                let is_at_start = block[self.left - 1] == b'\n';
                self.decide_nuls(is_at_start);
            }
            return;
        }
        let from = piece_start(block, self.piece(), self.nul_run);
        self.search(&block[from..]);
        self.left = from;
    }

    /// Decides about the NUL bytes seen last. `is_at_start`: whether a line begins with them.
    fn decide_nuls(&mut self, is_at_start: bool) {
        let nuls = std::mem::take(&mut self.nuls);
        if is_at_start && nuls >= self.nul_run as u64 {
            self.joined.pass_run(nuls);
        } else {
            self.inside = nuls;
        }
    }
}

/// Where the next piece of a block begins. The block must not end with NUL. The piece has about
/// `len` bytes. It holds no run of `nul_run` or more NUL bytes, and does not begin with NUL bytes
/// that may be the end of such a run.
fn piece_start(block: &[u8], len: usize, nul_run: usize) -> usize {
    let from = block.len().saturating_sub(len);
    let mut at = block.len();
    while at >= from + nul_run {
        at -= nul_run;
        if block[at] == 0 {
            let end = at + nuls::leading(&block[at..]);
            at -= nuls::trailing(&block[..at]);
            if end - at >= nul_run {
                return end;
            }
        }
    }
    from + nuls::leading(&block[from..])
}
