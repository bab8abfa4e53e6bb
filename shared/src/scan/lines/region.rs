//! The region: the lines that lie completely in a block. They are matched forwards in one go, and
//! delivered backwards.

use super::{LineSearch, Phase, record};
use crate::filter::{LineFilter, Match, Progress};
use crate::nuls;
use crate::scan::block_matcher::first_whole_line;
use crate::scan::excerpt::excerpt;
use crate::scan::record::Step;
use crate::scan::window::Span;
use memchr::{memchr, memrchr, memrchr_iter};

/// Bytes of a block that are matched in one go if a whole block would take too long.
const PIECE: usize = if cfg!(test) { 9 } else { 8 << 10 };

/// The same if that is done in steps: the newest record waits for the others of its piece.
const LARGE_PIECE: usize = if cfg!(test) { 9 } else { 64 << 10 };

impl<B: AsRef<[u8]>> LineSearch<B> {
    /// Appends lines of the region to `out`, if every line is a record. Returns how many lines that
    /// were.
    pub(in crate::scan) fn take_lines(
        &mut self,
        out: &mut Vec<u8>,
        full: usize,
        longest: usize,
        most: u64,
    ) -> u64 {
        let (Phase::Region { start, end: Some(mut end) }, Some(block)) = (self.phase, &self.block) else {
            return 0;
        };
        if !self.filter.matches_all() || self.has_runs {
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

    /// Begins with the lines whose content ends at `end` or before.
    pub(super) fn enter_region(&mut self, end: usize) {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let left = if self.is_matched { None } else { Some(end) };
        self.phase = match first_whole_line(self.is_at_start(), block, end) {
            None => Phase::Rest { end },
            Some(start) => {
                let runs = nuls::in_lines(&block[start..end], self.nul_run);
                self.has_runs = runs > 0;
                self.skipped += runs;
                Phase::Region { start, end: left }
            }
        };
    }

    /// The bounds of the next newest record of the region. `None` if the region is done, and the
    /// phase is the next one, or if a part of the region holds no record.
    #[inline]
    pub(super) fn next_in_region(&mut self, start: usize, end: Option<usize>) -> Option<(usize, usize)> {
        if let Some((from, to)) = self.matches.pop() {
            return Some((from as usize, to as usize));
        }
        let Some(end) = end else {
            self.phase = if self.is_at_start() {
                // The window begins with the region.
                self.block = None;
                Phase::Finished
            } else {
                Phase::Rest { end: start - 1 }
            };
            return None;
        };
        let block = self.block.as_ref().expect("in a block").as_ref();
        if self.filter.matches_all() {
            let feed = memrchr(b'\n', &block[start..end]).map(|feed| start + feed);
            self.phase = Phase::Region { start, end: feed };
            return Some((feed.map_or(start, |feed| feed + 1), end));
        }
        self.match_next(start, end)
    }

    /// Matches the next piece of the region, whose last line ends at `end`. Not for a search without
    /// a filter, whose loop it would only make longer.
    #[inline(never)]
    fn match_next(&mut self, start: usize, end: usize) -> Option<(usize, usize)> {
        let block = self.block.as_ref().expect("in a block").as_ref();
        let from = match &*self.filter {
            filter if filter.takes_whole_blocks() => start,
            LineFilter::Compiled(_) => piece_start(block, start, end, LARGE_PIECE),
            _ => piece_start(block, start, end, PIECE),
        };
        let (lines, limits) = (&block[..end], (self.nul_run, self.limit));
        if !self.filter.matching_lines(&mut self.progress, from, lines, limits, &mut self.matches) {
            return None;
        }
        self.phase = Phase::Region { start, end: if from == start { None } else { Some(from - 1) } };
        self.matches.pop().map(|(from, to)| (from as usize, to as usize))
    }

    /// Where the text of a line of the region begins, after its NUL run.
    #[inline]
    fn text_of(&self, line: usize, end: usize) -> usize {
        if !self.has_runs {
            return line;
        }
        let block = self.block.as_ref().expect("in a block").as_ref();
        line + nuls::at_start(&block[line..end], self.nul_run)
    }

    /// The record of the line from `line` to `end`.
    #[inline]
    pub(super) fn record_in_region(&mut self, line: usize, end: usize) -> Step<'_> {
        let text = self.text_of(line, end);
        let block = self.block.as_ref().expect("in a block").as_ref();
        let (bytes, older) = (&block[text..end], &block[..line]);
        let offset = self.span.offset + text as u64;
        self.delivered = Span { offset, len: bytes.len().min(self.limit) };
        self.excerpt = None;
        if bytes.len() > self.limit {
            self.excerpt = excerpt_of(&self.filter, &mut self.progress, (offset, bytes), self.limit);
        }
        let line_offset = self.span.offset + line as u64;
        Step::Record(record(line_offset, (bytes, bytes.len() as u64), older, self.limit))
    }
}

/// The excerpt of a line that is longer than the limit.
#[cold]
#[inline(never)]
fn excerpt_of(
    filter: &LineFilter,
    progress: &mut Progress,
    (offset, line): (u64, &[u8]),
    limit: usize,
) -> Option<Span> {
    let first = filter.first_match(progress, line);
    let first = first.map(|Match { at, len }| Span { offset: offset + at as u64, len });
    excerpt(offset, line.len() as u64, first, limit)
}

/// Where the lines begin that are matched next, up to `end`. They are about `piece` bytes.
fn piece_start(block: &[u8], start: usize, end: usize, piece: usize) -> usize {
    let near = end.saturating_sub(piece);
    if near <= start {
        return start;
    }
    match memchr(b'\n', &block[near..end]).map(|feed| near + feed) {
        Some(feed) => feed + 1,
        None => memrchr(b'\n', &block[start..near]).map_or(start, |feed| start + feed + 1),
    }
}
