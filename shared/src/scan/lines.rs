//! A search whose records are lines: a block into lines, newest first; a line cut by a
//! block's edge; the line limit.

use super::matcher::{Found, LineMatcher};
use super::open_line::OpenLine;
use super::plan::Span;
use super::search::{Limits, Record, Step};
use memchr::{memchr, memrchr};

/// Walks blocks backwards, and each block forwards where there is a keyword: the search
/// for a literal is several times faster that way round.
#[derive(Debug)]
pub(super) struct LineSearch<B> {
    matcher: LineMatcher,
    limit: usize,
    /// The block, unless it was given back.
    block: Option<B>,
    span: Span,
    phase: Phase,
    /// The line that the newer edge of the block cuts.
    open: OpenLine,
    /// Where it begins, once that is known.
    open_offset: u64,
    found: Found,
    /// Matching lines of the region not delivered yet, oldest first.
    hits: Vec<(u32, u32)>,
    scratch: Vec<u8>,
    at_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Needs the block before this one.
    Hungry,
    /// The line cut by the block's newer edge is next; nothing of the block is consumed.
    Seam,
    /// Lines that lie in the block whole, from `start` on. Without keywords, `end` is where
    /// the content of the next one ends, until there is none.
    Region { start: usize, end: Option<usize> },
    /// The line cut by the block's older edge ends at `end`.
    Rest { end: usize },
    /// The start of the file has been reached.
    Finished,
}

impl<B: AsRef<[u8]>> LineSearch<B> {
    pub(super) fn new(matcher: LineMatcher, limits: Limits) -> LineSearch<B> {
        LineSearch {
            matcher,
            limit: limits.line,
            block: None,
            span: Span { offset: u64::MAX, len: 0 },
            phase: Phase::Hungry,
            open: OpenLine::default(),
            open_offset: 0,
            found: Found::default(),
            hits: Vec::new(),
            scratch: Vec::new(),
            at_end: true,
        }
    }

    pub(super) fn feed(&mut self, span: Span, block: B) {
        if self.phase == Phase::Hungry {
            self.phase = Phase::Seam;
        } else {
            assert_eq!(span, self.span, "the block that was given back is fed again");
        }
        self.span = span;
        self.block = Some(block);
    }

    pub(super) fn release(&mut self) {
        self.block = None;
    }

    pub(super) fn step(&mut self) -> Step<'_> {
        loop {
            match self.phase {
                Phase::Hungry => return Step::NeedBlock,
                Phase::Finished => return Step::Done,
                Phase::Seam | Phase::Region { .. } | Phase::Rest { .. } if self.block.is_none() => {
                    return Step::NeedAgain(self.span);
                }
                Phase::Seam => {
                    if self.cross_seam() {
                        return Step::Record(record(
                            self.open_offset,
                            self.open.head(),
                            self.open.len(),
                            self.limit,
                        ));
                    }
                }
                Phase::Region { start, end } => {
                    self.open.clear();
                    if let Some((line, end)) = self.next_in_region(start, end) {
                        let offset = self.span.offset + line as u64;
                        let block = self.block.as_ref().expect("checked above").as_ref();
                        return Step::Record(record(
                            offset,
                            &block[line..end],
                            (end - line) as u64,
                            self.limit,
                        ));
                    }
                }
                Phase::Rest { end } => {
                    self.open.clear();
                    self.found = Found::default();
                    self.grow_open_line(0, end);
                    self.block = None;
                    self.phase = Phase::Hungry;
                }
            }
        }
    }

    /// Completes the line cut by the block's newer edge, if its beginning lies in here.
    /// Says whether it is a record.
    fn cross_seam(&mut self) -> bool {
        let block = self.block.as_ref().expect("checked by step").as_ref();
        let mut end = block.len();
        if std::mem::take(&mut self.at_end) && block.last() == Some(&b'\n') {
            // The feed ends the last line; no empty line follows it.
            end -= 1;
        }
        let first_block = self.span.offset == 0;
        match memrchr(b'\n', &block[..end]) {
            Some(feed) if self.open.len() > 0 => {
                self.grow_open_line(feed + 1, end);
                self.open_offset = self.span.offset + feed as u64 + 1;
                self.enter_region(feed);
                self.matcher.is_match(self.found)
            }
            Some(_) => {
                self.enter_region(end);
                false
            }
            None => {
                self.grow_open_line(0, end);
                self.open_offset = 0;
                self.block = None;
                self.phase = if first_block { Phase::Finished } else { Phase::Hungry };
                first_block && self.matcher.is_match(self.found)
            }
        }
    }

    /// The lines whose content ends at `end` or before are next.
    fn enter_region(&mut self, end: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let start =
            if self.span.offset == 0 { Some(0) } else { memchr(b'\n', &block[..end]).map(|feed| feed + 1) };
        self.hits.clear();
        self.phase = match start {
            None => Phase::Rest { end },
            Some(start) => {
                if !self.matcher.matches_all() {
                    self.matcher.matching_lines(&block[start..end], &mut self.hits);
                }
                Phase::Region { start, end: Some(end) }
            }
        };
    }

    /// The bounds of the next newest record of the region, or nothing and the next phase.
    fn next_in_region(&mut self, start: usize, end: Option<usize>) -> Option<(usize, usize)> {
        let leave = if start == 0 { Phase::Finished } else { Phase::Rest { end: start - 1 } };
        if !self.matcher.matches_all() {
            let hit = self.hits.pop();
            if hit.is_none() {
                self.leave_region(leave);
            }
            return hit.map(|(from, to)| (start + from as usize, start + to as usize));
        }
        let Some(end) = end else {
            self.leave_region(leave);
            return None;
        };
        let block = self.block.as_ref().expect("in a block").as_ref();
        let line = memrchr(b'\n', &block[start..end]).map(|feed| start + feed);
        self.phase = Phase::Region { start, end: line };
        Some((line.map_or(start, |feed| feed + 1), end))
    }

    fn leave_region(&mut self, to: Phase) {
        self.phase = to;
        if to == Phase::Finished {
            self.block = None;
        }
    }

    fn grow_open_line(&mut self, from: usize, to: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let piece = &block[from..to];
        self.matcher.accumulate(&mut self.found, piece, self.open.head(), &mut self.scratch);
        self.open.prepend(piece, self.limit.max(self.matcher.overlap()));
    }
}

fn record(offset: u64, head: &[u8], len: u64, limit: usize) -> Record<'_> {
    Record {
        offset,
        bytes: &head[..head.len().min(limit)],
        lines: 1,
        truncated_lines: u64::from(len > limit as u64),
    }
}
