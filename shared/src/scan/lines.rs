//! A search whose records are lines. Splits blocks into lines, newest first, joins the lines that
//! edges of blocks cut, and applies the line limit.

mod region;
mod seam;
mod settled;

use super::block_matcher::{BlockMatcher, BlockMatches};
use super::cut_line::CutLine;
use super::excerpt::excerpt;
use super::limits::Limits;
use super::record::{Record, Step};
use super::window::{Span, Window};
use crate::filter::{LineFilter, Progress};
use std::sync::Arc;

/// Goes through the blocks backwards. With a keyword, it searches each block forwards: this is
/// several times faster for literals.
#[derive(Debug)]
pub(super) struct LineSearch<B> {
    filter: Arc<LineFilter>,
    window: Window,
    limit: usize,
    nul_run: usize,
    /// Bytes of NUL runs that were skipped.
    skipped: u64,
    /// The block, unless it has been given back.
    block: Option<B>,
    span: Span,
    phase: Phase,
    /// The line that the newer edge of the block cuts.
    cut: CutLine,
    /// Offset in the file at which that line begins, once it is known.
    open_offset: u64,
    /// Bytes of the NUL run at its beginning, which is not part of the line.
    open_run: u64,
    /// Offset after the line feed of that line.
    open_end: u64,
    /// Where the bytes of the last record lie in the file.
    delivered: Span,
    /// As [`Search::excerpt`](super::Search::excerpt) says.
    excerpt: Option<Span>,
    /// Matching lines of the region that have not been delivered, oldest first.
    matches: Vec<(u32, u32)>,
    /// How far the look at the region, or at the cut line, has come.
    progress: Progress,
    /// The phase after [`Phase::Judging`].
    next_phase: Phase,
    /// Whether another thread has matched the block.
    is_matched: bool,
    /// Whether a line of the region begins with a run of NUL bytes.
    has_runs: bool,
    at_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Needs the next older block.
    Hungry,
    /// The line that the block's newer edge cuts comes next. No byte of the block has been used.
    Seam,
    /// The lines that lie completely in the block, from `start` on. `end` is the end of the content
    /// of the next line that has not been looked at; `None` if all have been.
    Region { start: usize, end: Option<usize> },
    /// The line that the block's older edge cuts comes next. Its content ends at `end`.
    Rest { end: usize },
    /// The start of the window lies in a hole, so the cut line is complete.
    Start,
    /// The cut line is complete, and only its filter has not looked at it as a whole.
    Judging,
    /// The start of the window has been reached.
    Finished,
}

impl<B: AsRef<[u8]>> LineSearch<B> {
    pub(super) fn new(filter: LineFilter, window: Window, limits: Limits) -> LineSearch<B> {
        LineSearch {
            filter: Arc::new(filter),
            window,
            limit: limits.line,
            nul_run: limits.nul_run,
            skipped: 0,
            block: None,
            span: Span { offset: u64::MAX, len: 0 },
            phase: Phase::Hungry,
            cut: CutLine::new(limits),
            open_offset: 0,
            open_run: 0,
            open_end: window.end,
            delivered: Span { offset: 0, len: 0 },
            excerpt: None,
            matches: Vec::new(),
            progress: Progress::default(),
            next_phase: Phase::Hungry,
            is_matched: false,
            has_runs: false,
            at_end: true,
        }
    }

    pub(super) fn block_matcher(&self) -> Option<BlockMatcher> {
        let limits = Limits { line: self.limit, nul_run: self.nul_run, ..Limits::default() };
        self.filter.can_be_helped().then(|| BlockMatcher::new(&self.filter, self.window, limits))
    }

    pub(super) fn feed(&mut self, span: Span, block: B, matches: Option<BlockMatches>) {
        if let Some(lost) = self.lost() {
            assert_eq!(span, lost, "what was given up of a line is fed again");
            return self.cut.take_again(&self.filter, block.as_ref());
        }
        if self.phase == Phase::Hungry {
            self.phase = Phase::Seam;
            self.is_matched = matches.is_some();
            self.matches = matches.map_or_else(Vec::new, |matches| matches.0);
        } else {
            assert_eq!(span, self.span, "the block that was given back is fed again");
        }
        self.span = span;
        self.block = Some(block);
    }

    pub(super) fn feed_hole(&mut self, span: Span) {
        assert_eq!(self.phase, Phase::Hungry, "a hole takes the place of the next block");
        if std::mem::take(&mut self.at_end) {
            self.cut.set_unended();
        }
        self.cut.grow_by_hole(span.len as u64);
        self.span = span;
        if self.is_at_start() {
            self.phase = Phase::Start;
        }
    }

    /// Whether the window begins with the last block, or with the last hole.
    fn is_at_start(&self) -> bool {
        self.span.offset == self.window.start
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Gives the block back with the matches in it, because its bytes may have changed when it is
    /// fed again.
    pub(super) fn release(&mut self) {
        self.block = None;
        self.is_matched = false;
        let is_judging = self.phase == Phase::Judging;
        let phase = if is_judging { &mut self.next_phase } else { &mut self.phase };
        if let Phase::Region { start, .. } = *phase
            && let Some((_, end)) = self.matches.last()
        {
            *phase = Phase::Region { start, end: Some(*end as usize) };
        }
        self.matches = Vec::new();
        self.progress = Progress::default();
        self.filter.free_memory();
        if self.is_open() {
            self.cut.give_up();
        } else {
            // The cut line has been delivered.
            self.cut.free();
        }
    }

    /// Whether the cut line is still needed: its beginning has not been read yet, or it is being
    /// judged.
    fn is_open(&self) -> bool {
        self.cut.is_growing()
            || matches!(self.phase, Phase::Hungry | Phase::Seam | Phase::Start | Phase::Judging)
    }

    /// Bytes of the cut line that have to be fed again first, if any.
    fn lost(&self) -> Option<Span> {
        if !self.cut.has_lost() {
            // Asked for each record.
            return None;
        }
        self.cut.lost(match self.phase {
            Phase::Judging => self.open_offset + self.open_run,
            Phase::Seam => self.span.end(),
            _ => self.span.offset,
        })
    }

    /// As [`Search::excerpt`](super::Search::excerpt) says.
    pub(super) fn excerpt(&self) -> Option<Span> {
        self.excerpt
    }

    /// As [`Search::delivered`](super::Search::delivered) says.
    pub(super) fn delivered(&self) -> Vec<Span> {
        vec![self.excerpt.unwrap_or(self.delivered)]
    }

    /// The file's bytes in `span`, if they are in memory: in the block, or in the last cut line
    /// that was delivered.
    pub(super) fn at_hand(&self, span: Span) -> Option<&[u8]> {
        let within = |base: u64, bytes: &'_ [u8]| {
            let from = usize::try_from(span.offset.checked_sub(base)?).ok()?;
            (from + span.len <= bytes.len()).then_some(from)
        };
        if let Some(block) = self.block.as_ref().map(AsRef::as_ref)
            && let Some(from) = within(self.span.offset, block)
        {
            return Some(&block[from..from + span.len]);
        }
        let (line, _) = self.cut.line();
        let from = within(self.open_offset + self.open_run, line).filter(|_| !self.is_open())?;
        Some(&line[from..from + span.len])
    }

    pub(super) fn held(&self) -> usize {
        self.cut.held()
    }

    pub(super) fn step(&mut self) -> Step<'_> {
        if let Some(span) = self.lost() {
            return Step::NeedAgain(span);
        }
        loop {
            match self.phase {
                Phase::Hungry => return Step::NeedBlock,
                Phase::Finished => return Step::Done,
                Phase::Seam | Phase::Region { .. } | Phase::Rest { .. } if self.block.is_none() => {
                    return Step::NeedAgain(self.span);
                }
                Phase::Seam => {
                    if self.cross_seam() {
                        return self.cut_record();
                    }
                    if self.cut.is_growing() {
                        return Step::Working;
                    }
                }
                Phase::Region { start, end } => {
                    self.cut.clear();
                    if let Some((line, end)) = self.next_in_region(start, end) {
                        return self.record_in_region(line, end);
                    }
                    if matches!(self.phase, Phase::Region { .. }) {
                        return Step::Working;
                    }
                }
                Phase::Rest { end } => {
                    if !self.cut.is_growing() {
                        self.open_end = self.span.offset + end as u64 + 1;
                        self.cut.restart();
                    }
                    if !self.grow_cut_line(0, end) {
                        return Step::Working;
                    }
                    self.block = None;
                    self.phase = Phase::Hungry;
                }
                Phase::Judging => {
                    let head = self.cut.line().0;
                    let Some(is_record) = self.filter.judge(&mut self.progress, head, self.limit) else {
                        return Step::Working;
                    };
                    self.phase = self.next_phase;
                    if is_record {
                        return self.cut_record();
                    }
                }
                Phase::Start => {
                    self.phase = Phase::Finished;
                    self.open_offset = self.window.start;
                    if self.complete_cut_line() {
                        return self.cut_record();
                    }
                }
            }
        }
    }

    /// The bytes before the cut line that are in memory.
    fn older(&self) -> &[u8] {
        let block = self.block.as_ref().map_or(&[][..], AsRef::as_ref);
        let before = usize::try_from(self.open_offset.saturating_sub(self.span.offset));
        before.ok().and_then(|before| block.get(..before)).unwrap_or(&[])
    }

    /// The record of the cut line.
    fn cut_record(&mut self) -> Step<'_> {
        let text = self.open_offset + self.open_run;
        self.excerpt = excerpt(text, self.cut.line().1, self.cut.first_match(), self.limit);
        self.delivered = Span { offset: text, len: self.cut.held().min(self.limit) };
        Step::Record(record(self.open_offset, self.cut.line(), self.older(), self.limit))
    }
}

/// The record of a line. `head` is its beginning, and `len` its full length in bytes.
fn record<'a>(offset: u64, (head, len): (&'a [u8], u64), older: &'a [u8], limit: usize) -> Record<'a> {
    Record {
        offset,
        bytes: &head[..head.len().min(limit)],
        lines: 1,
        truncated_lines: u64::from(len > limit as u64),
        older,
    }
}
