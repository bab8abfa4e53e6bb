//! A search whose records are lines: a block into lines, newest first; a line cut by a
//! block's edge; the line limit.

use super::cut_line::CutLine;
use super::examine::{EXAMINED_KEYWORDS, Examiner, Hits, region_start};
use super::matcher::{LineMatcher, Place};
use super::nuls;
use super::plan::Span;
use super::search::{Limits, Record, Step};
use memchr::{memchr, memrchr, memrchr_iter};
use std::sync::Arc;

/// Bytes of a block that are looked through in one go where there are many keywords: each
/// line that holds the first is searched for all the others.
const PIECE: usize = if cfg!(test) { 9 } else { 8 << 10 };

/// Walks blocks backwards, and each block forwards where there is a keyword: the search
/// for a literal is several times faster that way round.
#[derive(Debug)]
pub(super) struct LineSearch<B> {
    matcher: Arc<LineMatcher>,
    limit: usize,
    nul_run: usize,
    /// Bytes of runs of NUL that were passed over.
    skipped: u64,
    /// The block, unless it was given back.
    block: Option<B>,
    span: Span,
    phase: Phase,
    /// The line that the newer edge of the block cuts.
    cut: CutLine,
    /// Where it begins, once that is known.
    open_offset: u64,
    /// Bytes of the run of NUL that it begins with, and that is no part of it.
    open_run: u64,
    /// Where the bytes of the last record lie.
    delivered: Span,
    /// As [`Search::window`](super::Search::window) says.
    window: Option<Span>,
    /// Matching lines of the region not delivered yet, oldest first.
    hits: Vec<(u32, u32)>,
    /// Whether somebody else has looked through the block already.
    is_examined: bool,
    /// Whether a line of the region begins with a run of NUL bytes.
    has_runs: bool,
    at_end: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Needs the block before this one.
    Hungry,
    /// The line cut by the block's newer edge is next; nothing of the block is consumed.
    Seam,
    /// Lines that lie in the block whole, from `start` on. `end` is where the content of
    /// the next one ends that has not been looked at, until there is none.
    Region { start: usize, end: Option<usize> },
    /// The line cut by the block's older edge ends at `end`.
    Rest { end: usize },
    /// The start of the file lies in a hole: the open line is complete.
    Start,
    /// The start of the file has been reached.
    Finished,
}

impl<B: AsRef<[u8]>> LineSearch<B> {
    pub(super) fn new(matcher: LineMatcher, limits: Limits) -> LineSearch<B> {
        LineSearch {
            matcher: Arc::new(matcher),
            limit: limits.line,
            nul_run: limits.nul_run,
            skipped: 0,
            block: None,
            span: Span { offset: u64::MAX, len: 0 },
            phase: Phase::Hungry,
            cut: CutLine::new(limits),
            open_offset: 0,
            open_run: 0,
            delivered: Span { offset: 0, len: 0 },
            window: None,
            hits: Vec::new(),
            is_examined: false,
            has_runs: false,
            at_end: true,
        }
    }

    pub(super) fn examiner(&self) -> Option<Examiner> {
        let worth_it = (1..=EXAMINED_KEYWORDS).contains(&self.matcher.keywords());
        worth_it.then(|| Examiner { matcher: Arc::clone(&self.matcher) })
    }

    pub(super) fn feed(&mut self, span: Span, block: B, hits: Option<Hits>) {
        if let Some(lost) = self.lost() {
            assert_eq!(span, lost, "what was given up of a line is fed again");
            return self.cut.take_again(&self.matcher, block.as_ref());
        }
        if self.phase == Phase::Hungry {
            self.phase = Phase::Seam;
            self.is_examined = hits.is_some();
            self.hits = hits.map_or_else(Vec::new, |hits| hits.0);
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
        if span.offset == 0 {
            self.phase = Phase::Start;
        }
    }

    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// What was found in the block goes with it: by the time it is fed again its bytes may
    /// be others.
    pub(super) fn release(&mut self) {
        self.block = None;
        self.is_examined = false;
        if let Phase::Region { start, .. } = self.phase
            && let Some((_, end)) = self.hits.last()
        {
            self.phase = Phase::Region { start, end: Some(*end as usize) };
        }
        self.hits = Vec::new();
        if self.is_open() {
            self.cut.give_up();
        } else {
            // It has been delivered.
            self.cut.free();
        }
    }

    /// Whether more of the cut line is to come.
    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Hungry | Phase::Seam | Phase::Start)
    }

    /// What has to be fed again of the cut line first.
    fn lost(&self) -> Option<Span> {
        let base = if self.phase == Phase::Seam { self.span.end() } else { self.span.offset };
        self.cut.lost(base)
    }

    /// As [`Search::window`](super::Search::window) says.
    pub(super) fn window(&self) -> Option<Span> {
        self.window
    }

    /// As [`Search::delivered`](super::Search::delivered) says.
    pub(super) fn delivered(&self) -> Vec<Span> {
        vec![self.window.unwrap_or(self.delivered)]
    }

    /// The file's bytes in `span`, where they are at hand: in the block, or in the line that
    /// was delivered last.
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
                }
                Phase::Region { start, end } => {
                    self.cut.clear();
                    if let Some((line, end)) = self.next_in_region(start, end) {
                        let offset = self.span.offset + line as u64;
                        let text = self.text_of(line, end);
                        let len = (end - text).min(self.limit);
                        self.delivered = Span { offset: self.span.offset + text as u64, len };
                        self.window = None;
                        if end - text > self.limit {
                            self.window = self.window_in_region(text, end);
                        }
                        let block = self.block.as_ref().expect("checked above").as_ref();
                        let (bytes, older) = (&block[text..end], &block[..line]);
                        return Step::Record(record(offset, (bytes, bytes.len() as u64), older, self.limit));
                    }
                    if matches!(self.phase, Phase::Region { .. }) {
                        return Step::Working;
                    }
                }
                Phase::Rest { end } => {
                    self.cut.restart();
                    self.grow_cut_line(0, end);
                    self.block = None;
                    self.phase = Phase::Hungry;
                }
                Phase::Start => {
                    self.phase = Phase::Finished;
                    self.open_offset = 0;
                    if self.complete_cut_line() {
                        return self.cut_record();
                    }
                }
            }
        }
    }

    /// Lines of the region, where every line is a record: how many were appended to `out`.
    pub(super) fn take_lines(&mut self, out: &mut Vec<u8>, full: usize, longest: usize, most: u64) -> u64 {
        let (Phase::Region { start, end: Some(mut end) }, Some(block)) = (self.phase, &self.block) else {
            return 0;
        };
        if !self.matcher.matches_all() || self.has_runs {
            return 0;
        }
        self.cut.clear();
        let block = block.as_ref();
        let longest = longest.min(self.limit);
        let mut left = Some(end);
        let mut taken = 0;
        let mut feeds = memrchr_iter(b'\n', &block[start..end]);
        while taken < most && out.len() < full {
            let feed = feeds.next().map(|feed| start + feed);
            let line = &block[feed.map_or(start, |feed| feed + 1)..end];
            if line.len() > longest {
                break;
            }
            out.extend_from_slice(line);
            out.push(b'\n');
            taken += 1;
            left = feed;
            let Some(feed) = feed else { break };
            end = feed;
        }
        self.phase = Phase::Region { start, end: left };
        taken
    }

    /// Completes the line cut by the block's newer edge, if its beginning lies in here.
    /// Says whether it is a record.
    fn cross_seam(&mut self) -> bool {
        let block = self.block.as_ref().expect("checked by step").as_ref();
        let mut end = block.len();
        if std::mem::take(&mut self.at_end) {
            // A feed ends the last line; no empty line follows it.
            if block.last() == Some(&b'\n') {
                end -= 1;
            } else {
                self.cut.set_unended();
            }
        }
        if let Some(feed) = memrchr(b'\n', &block[..end]) {
            self.grow_cut_line(feed + 1, end);
            self.open_offset = self.span.offset + feed as u64 + 1;
            self.enter_region(feed);
            self.complete_cut_line()
        } else {
            self.grow_cut_line(0, end);
            self.open_offset = 0;
            self.block = None;
            let is_first = self.span.offset == 0;
            self.phase = if is_first { Phase::Finished } else { Phase::Hungry };
            is_first && self.complete_cut_line()
        }
    }

    /// The cut line's beginning is known. Says whether it is a record.
    fn complete_cut_line(&mut self) -> bool {
        let (is_record, run) = self.cut.complete(&self.matcher, self.open_offset);
        self.skipped += run;
        self.open_run = run;
        is_record
    }

    /// The lines whose content ends at `end` or before are next.
    fn enter_region(&mut self, end: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let left = if self.is_examined { None } else { Some(end) };
        self.phase = match region_start(self.span.offset, block, end) {
            None => Phase::Rest { end },
            Some(start) => {
                let runs = nuls::in_lines(&block[start..end], self.nul_run);
                self.has_runs = runs > 0;
                self.skipped += runs;
                Phase::Region { start, end: left }
            }
        };
    }

    /// The bounds of the next newest record of the region, or nothing: then the phase is
    /// the next one, or a part of the region has been looked through in vain.
    fn next_in_region(&mut self, start: usize, end: Option<usize>) -> Option<(usize, usize)> {
        if let Some((from, to)) = self.hits.pop() {
            return Some((from as usize, to as usize));
        }
        let Some(end) = end else {
            self.phase = if self.span.offset == 0 {
                // Nothing lies before the region.
                self.block = None;
                Phase::Finished
            } else {
                Phase::Rest { end: start - 1 }
            };
            return None;
        };
        let block = self.block.as_ref().expect("in a block").as_ref();
        if self.matcher.matches_all() {
            let feed = memrchr(b'\n', &block[start..end]).map(|feed| start + feed);
            self.phase = Phase::Region { start, end: feed };
            return Some((feed.map_or(start, |feed| feed + 1), end));
        }
        let from = piece_start(&self.matcher, block, start, end);
        self.phase = Phase::Region { start, end: if from == start { None } else { Some(from - 1) } };
        self.matcher.matching_lines(from, &block[..end], &mut self.hits);
        self.hits.pop().map(|(from, to)| (from as usize, to as usize))
    }

    /// Where the text begins of a line of the region.
    fn text_of(&self, line: usize, end: usize) -> usize {
        if !self.has_runs {
            return line;
        }
        let block = self.block.as_ref().expect("in a block").as_ref();
        line + nuls::at_start(&block[line..end], self.nul_run)
    }

    /// What is at hand before the open line.
    fn older(&self) -> &[u8] {
        let block = self.block.as_ref().map_or(&[][..], AsRef::as_ref);
        let before = usize::try_from(self.open_offset.saturating_sub(self.span.offset));
        before.ok().and_then(|before| block.get(..before)).unwrap_or(&[])
    }

    fn grow_cut_line(&mut self, from: usize, to: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        self.cut.grow(&self.matcher, self.span.offset + from as u64, &block[from..to]);
    }

    /// The record of the line that edges of blocks cut.
    fn cut_record(&mut self) -> Step<'_> {
        let text = self.open_offset + self.open_run;
        self.window = window(text, self.cut.line().1, self.cut.first(), self.limit);
        self.delivered = Span { offset: text, len: self.cut.held().min(self.limit) };
        Step::Record(record(self.open_offset, self.cut.line(), self.older(), self.limit))
    }

    fn window_in_region(&self, text: usize, end: usize) -> Option<Span> {
        let bytes = &self.block.as_ref().expect("in a block").as_ref()[text..end];
        let offset = self.span.offset + text as u64;
        let first = self.matcher.first_in(bytes);
        let first = first.map(|Place { at, len }| Span { offset: offset + at as u64, len });
        window(offset, bytes.len() as u64, first, self.limit)
    }
}

/// Where the first line begins of those that are looked through next, up to `end`: all of
/// the region, or about a piece of it where there are many keywords.
fn piece_start(matcher: &LineMatcher, block: &[u8], start: usize, end: usize) -> usize {
    let near = end.saturating_sub(PIECE);
    if matcher.keywords() <= EXAMINED_KEYWORDS || near <= start {
        return start;
    }
    match memchr(b'\n', &block[near..end]).map(|feed| near + feed) {
        Some(feed) => feed + 1,
        None => memrchr(b'\n', &block[start..near]).map_or(start, |feed| start + feed + 1),
    }
}

/// What is delivered of a line of `len` bytes instead of its beginning: where the first match
/// does not lie in that, it stands in the middle of what is.
pub(super) fn window(offset: u64, len: u64, first: Option<Span>, limit: usize) -> Option<Span> {
    let (end, first) = (offset + len, first?);
    if len <= limit as u64 || first.end() <= offset + limit as u64 {
        return None;
    }
    let before = limit.saturating_sub(first.len) as u64 / 2;
    let from = first.offset.saturating_sub(before).min(end - limit as u64).max(offset);
    Some(Span { offset: from, len: limit })
}

/// The record of a line, of which the beginning and the length are given.
fn record<'a>(offset: u64, (head, len): (&'a [u8], u64), older: &'a [u8], limit: usize) -> Record<'a> {
    Record {
        offset,
        bytes: &head[..head.len().min(limit)],
        lines: 1,
        truncated_lines: u64::from(len > limit as u64),
        older,
    }
}
