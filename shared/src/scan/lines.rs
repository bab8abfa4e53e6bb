//! A search whose records are lines: a block into lines, newest first; a line cut by a
//! block's edge; the line limit.

use super::examine::{EXAMINED_KEYWORDS, Examiner, Hits, region_start};
use super::matcher::{Found, LineMatcher, Place};
use super::open_line::OpenLine;
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
    /// The block, unless it was given back.
    block: Option<B>,
    span: Span,
    phase: Phase,
    /// The line that the newer edge of the block cuts.
    open: OpenLine,
    /// Where it begins, once that is known.
    open_offset: u64,
    found: Found,
    /// The first match in the open line, as far as that has been read.
    first: Option<Span>,
    /// As [`Search::window`](super::Search::window) says.
    window: Option<Span>,
    /// Matching lines of the region not delivered yet, oldest first.
    hits: Vec<(u32, u32)>,
    /// Whether somebody else has looked through the block already.
    is_examined: bool,
    scratch: Vec<u8>,
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
    /// The start of the file has been reached.
    Finished,
}

impl<B: AsRef<[u8]>> LineSearch<B> {
    pub(super) fn new(matcher: LineMatcher, limits: Limits) -> LineSearch<B> {
        LineSearch {
            matcher: Arc::new(matcher),
            limit: limits.line,
            block: None,
            span: Span { offset: u64::MAX, len: 0 },
            phase: Phase::Hungry,
            open: OpenLine::default(),
            open_offset: 0,
            found: Found::default(),
            first: None,
            window: None,
            hits: Vec::new(),
            is_examined: false,
            scratch: Vec::new(),
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
            return self.open.take_again(block.as_ref(), self.kept());
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
            self.open.give_up();
        } else {
            // It has been delivered.
            self.open.free();
        }
    }

    /// Whether more of the open line is to come.
    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Hungry | Phase::Seam)
    }

    /// What has to be fed again of the open line first.
    fn lost(&self) -> Option<Span> {
        let base = if self.phase == Phase::Seam { self.span.end() } else { self.span.offset };
        self.open.lost(base)
    }

    /// Bytes of the open line that are held.
    fn kept(&self) -> usize {
        self.limit.max(self.matcher.overlap())
    }

    /// Of the last record.
    pub(super) fn window(&self) -> Option<Span> {
        self.window
    }

    /// The file's bytes in `span`, where they are at hand: in the block, or in the line that
    /// was delivered last.
    pub(super) fn at_hand(&self, span: Span) -> Option<&[u8]> {
        let within = |base: u64, bytes: &'_ [u8]| {
            let from = usize::try_from(span.offset.checked_sub(base)?).ok()?;
            (from + span.len <= bytes.len()).then_some(from)
        };
        let line = self.open.head();
        if let Some(block) = self.block.as_ref().map(AsRef::as_ref)
            && let Some(from) = within(self.span.offset, block)
        {
            return Some(&block[from..from + span.len]);
        }
        let from = within(self.open_offset, line).filter(|_| !self.is_open())?;
        Some(&line[from..from + span.len])
    }

    pub(super) fn held(&self) -> usize {
        self.open.head().len()
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
                        self.window = window(self.open_offset, self.open.len(), self.first, self.limit);
                        let line = (self.open.head(), self.open.len());
                        return Step::Record(record(self.open_offset, line, self.older(), self.limit));
                    }
                }
                Phase::Region { start, end } => {
                    self.open.clear();
                    if let Some((line, end)) = self.next_in_region(start, end) {
                        let offset = self.span.offset + line as u64;
                        self.window = None;
                        if end - line > self.limit {
                            self.window = self.window_in_region(line, end);
                        }
                        let block = self.block.as_ref().expect("checked above").as_ref();
                        let (bytes, older) = (&block[line..end], &block[..line]);
                        return Step::Record(record(offset, (bytes, bytes.len() as u64), older, self.limit));
                    }
                    if matches!(self.phase, Phase::Region { .. }) {
                        return Step::Working;
                    }
                }
                Phase::Rest { end } => {
                    self.open.clear();
                    self.found = Found::default();
                    self.first = None;
                    self.grow_open_line(0, end);
                    self.block = None;
                    self.phase = Phase::Hungry;
                }
            }
        }
    }

    /// Lines of the region, where every line is a record: how many were appended to `out`.
    pub(super) fn take_lines(&mut self, out: &mut Vec<u8>, full: usize, longest: usize, most: u64) -> u64 {
        let (Phase::Region { start, end: Some(mut end) }, Some(block)) = (self.phase, &self.block) else {
            return 0;
        };
        if !self.matcher.matches_all() {
            return 0;
        }
        self.open.clear();
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
        if std::mem::take(&mut self.at_end) && block.last() == Some(&b'\n') {
            // The feed ends the last line; no empty line follows it.
            end -= 1;
        }
        if let Some(feed) = memrchr(b'\n', &block[..end]) {
            self.grow_open_line(feed + 1, end);
            self.open_offset = self.span.offset + feed as u64 + 1;
            self.enter_region(feed);
            self.matcher.is_match(self.found)
        } else {
            self.grow_open_line(0, end);
            self.open_offset = 0;
            self.block = None;
            let is_first = self.span.offset == 0;
            self.phase = if is_first { Phase::Finished } else { Phase::Hungry };
            is_first && self.matcher.is_match(self.found)
        }
    }

    /// The lines whose content ends at `end` or before are next.
    fn enter_region(&mut self, end: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let left = if self.is_examined { None } else { Some(end) };
        self.phase = match region_start(self.span.offset, block, end) {
            None => Phase::Rest { end },
            Some(start) => Phase::Region { start, end: left },
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

    /// What is at hand before the open line.
    fn older(&self) -> &[u8] {
        let block = self.block.as_ref().map_or(&[][..], AsRef::as_ref);
        let before = usize::try_from(self.open_offset.saturating_sub(self.span.offset));
        before.ok().and_then(|before| block.get(..before)).unwrap_or(&[])
    }

    fn grow_open_line(&mut self, from: usize, to: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let piece = &block[from..to];
        let place = self.matcher.accumulate(&mut self.found, piece, self.open.head(), &mut self.scratch);
        if let Some(Place { at, len }) = place {
            self.first = Some(Span { offset: self.span.offset + (from + at) as u64, len });
        }
        self.open.prepend(piece, self.kept());
    }

    fn window_in_region(&self, line: usize, end: usize) -> Option<Span> {
        let bytes = &self.block.as_ref().expect("in a block").as_ref()[line..end];
        let offset = self.span.offset + line as u64;
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
