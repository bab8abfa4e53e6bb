//! A search for one keyword that holds a line feed: it matches across lines, and a record
//! is every line that a match touches. A line feed belongs to the line that it ends.
//!
//! Two facts decide it, and both need only the keyword's length of neighbouring bytes: a
//! line is *touched* if a match has a byte in it, and two lines are *joined* if one match
//! has a byte in both. A record is a run of joined lines, cut at the record limit. Every
//! place at which the keyword stands is a match, overlapping ones too, so the outcome does
//! not depend on the side from which one searches.

use super::open_line::{FrontBuf, OpenLine};
use super::plan::Span;
use super::search::{Limits, Record, Step};
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use std::collections::VecDeque;

#[derive(Debug)]
pub(super) struct SpanSearch {
    keyword: Keyword,
    limits: Limits,
    size: u64,
    /// Offset of the oldest byte fed.
    base: u64,
    /// The bytes from `base` on that a match beginning before `base` may reach.
    ahead: Vec<u8>,
    /// Where the keyword stands, as far as lines not decided yet may be touched; ascending.
    starts: Vec<u64>,
    /// The line that the last block's older edge cuts, and the offset after its feed.
    open: OpenLine,
    open_end: u64,
    /// Whole lines that an older match may yet touch, newest first.
    waiting: VecDeque<Line>,
    group: Group,
    ready: VecDeque<OwnedRecord>,
    delivered: OwnedRecord,
}

#[derive(Debug)]
struct Line {
    start: u64,
    /// Offset after its line feed.
    end: u64,
    head: Vec<u8>,
    truncated: bool,
}

#[derive(Debug, Default)]
struct OwnedRecord {
    offset: u64,
    bytes: Vec<u8>,
    lines: u64,
    truncated_lines: u64,
}

/// The joined lines so far, each with a line feed.
#[derive(Debug, Default)]
struct Group {
    offset: u64,
    bytes: FrontBuf,
    lines: u64,
    truncated_lines: u64,
}

impl SpanSearch {
    pub(super) fn new(keyword: &[u8], size: u64, limits: Limits) -> SpanSearch {
        SpanSearch {
            keyword: Keyword::new(keyword),
            limits,
            size,
            base: size,
            ahead: Vec::new(),
            starts: Vec::new(),
            open: OpenLine::default(),
            open_end: size,
            waiting: VecDeque::new(),
            group: Group::default(),
            ready: VecDeque::new(),
            delivered: OwnedRecord::default(),
        }
    }

    pub(super) fn step(&mut self) -> Step<'_> {
        match self.ready.pop_front() {
            Some(record) => {
                self.delivered = record;
                let OwnedRecord { offset, ref bytes, lines, truncated_lines } = self.delivered;
                Step::Record(Record { offset, bytes, lines, truncated_lines })
            }
            None if self.base == 0 => Step::Done,
            None => Step::NeedBlock,
        }
    }

    /// Searches the whole block at once: what it yields is copied out, and no more than
    /// the block, a line and a record hold.
    pub(super) fn feed(&mut self, span: Span, block: &[u8]) {
        let newest = span.end() == self.size;
        self.find_starts(span.offset, block);
        self.base = span.offset;
        self.decide_waiting();

        // The end of the open line's content in this block.
        let mut end = block.len() - usize::from(newest && block.last() == Some(&b'\n'));
        if self.starts.is_empty() && self.waiting.is_empty() {
            end = self.skip_untouched(block, end);
        }
        while let Some(feed) = memrchr(b'\n', &block[..end]) {
            self.complete_line(span.offset + feed as u64 + 1, &block[feed + 1..end]);
            end = feed;
        }
        self.open.prepend(&block[..end], self.limits.line);
        if self.base == 0 {
            self.complete_line(0, &[]);
            self.end_group();
        }
        self.forget();
        self.remember_ahead(block);
    }

    /// Finds where the keyword stands with its first byte in this block.
    fn find_starts(&mut self, offset: u64, block: &[u8]) {
        let mut starts = Vec::new();
        self.keyword.each_in(block, |at| starts.push(offset + at as u64));
        let tail = block.len().min(self.keyword.len() - 1);
        if tail > 0 && !self.ahead.is_empty() {
            let mut edge = block[block.len() - tail..].to_vec();
            edge.extend_from_slice(&self.ahead);
            let edge_offset = offset + (block.len() - tail) as u64;
            let len = self.keyword.len();
            self.keyword.each_in(&edge, |at| {
                if at < tail && at + len > tail {
                    starts.push(edge_offset + at as u64);
                }
            });
        }
        starts.append(&mut self.starts);
        self.starts = starts;
    }

    /// Passes the lines that nothing touches, where no match is near: none begins in this
    /// block, so only lines that an older one can reach stay. Returns the new end.
    fn skip_untouched(&mut self, block: &[u8], end: usize) -> usize {
        let reach = self.keyword.len().saturating_sub(2);
        let Some(feed) = block[..end].get(reach..).and_then(|rest| memchr(b'\n', rest)) else {
            return end;
        };
        self.end_group();
        self.open.clear();
        self.open_end = self.base + (reach + feed) as u64 + 1;
        reach + feed
    }

    /// The open line turns out to begin at `start`, with `piece`.
    fn complete_line(&mut self, start: u64, piece: &[u8]) {
        let end = self.open_end;
        self.open_end = start;
        if self.waiting.is_empty() && self.is_decidable(start) && !self.is_touched(start, end) {
            self.end_group();
        } else {
            self.open.prepend(piece, self.limits.line);
            let line = Line {
                start,
                end,
                head: self.open.head().to_vec(),
                truncated: self.open.len() > self.limits.line as u64,
            };
            if self.waiting.is_empty() && self.is_decidable(start) {
                self.decide(&line);
            } else {
                self.waiting.push_back(line);
                self.decide_waiting();
            }
        }
        self.open.clear();
    }

    fn decide_waiting(&mut self) {
        while let Some(line) =
            self.waiting.pop_front_if(|line| is_decidable(line.start, self.base, self.keyword.len()))
        {
            self.decide(&line);
        }
    }

    /// Adds a line to the group that it is joined to, or ends that and begins one.
    fn decide(&mut self, line: &Line) {
        if !self.is_joined_at(line.end) {
            self.end_group();
        }
        if self.is_touched(line.start, line.end) {
            if self.group.lines > 0 && self.group.bytes.len() + line.head.len() + 1 > self.limits.record {
                self.end_group();
            }
            self.group.bytes.prepend(b"\n");
            self.group.bytes.prepend(&line.head);
            self.group.offset = line.start;
            self.group.lines += 1;
            self.group.truncated_lines += u64::from(line.truncated);
        }
    }

    fn end_group(&mut self) {
        let Some((_, bytes)) = self.group.bytes.bytes().split_last() else { return };
        self.ready.push_back(OwnedRecord {
            offset: self.group.offset,
            bytes: bytes.to_vec(),
            lines: self.group.lines,
            truncated_lines: self.group.truncated_lines,
        });
        self.group.bytes.clear();
        self.group.lines = 0;
        self.group.truncated_lines = 0;
    }

    fn is_decidable(&self, start: u64) -> bool {
        is_decidable(start, self.base, self.keyword.len())
    }

    /// Whether a match has a byte in `start..end`.
    fn is_touched(&self, start: u64, end: u64) -> bool {
        let len = self.keyword.len() as u64;
        let first = self.starts.partition_point(|s| s + len <= start);
        self.starts.get(first).is_some_and(|s| *s < end)
    }

    /// Whether a match has a byte on both sides of the line's end at `at`.
    fn is_joined_at(&self, at: u64) -> bool {
        self.is_touched(at, at)
    }

    /// Drops the places that touch no line which is still open or waiting.
    fn forget(&mut self) {
        let end = self.waiting.front().map_or(self.open_end, |line| line.end);
        self.starts.truncate(self.starts.partition_point(|s| *s < end));
    }

    fn remember_ahead(&mut self, block: &[u8]) {
        let reach = self.keyword.len() - 1;
        let mut ahead = block[..block.len().min(reach)].to_vec();
        ahead.extend_from_slice(&self.ahead[..self.ahead.len().min(reach - ahead.len())]);
        self.ahead = ahead;
    }
}

/// Whether no match that begins before `base` can reach a line that begins at `start`.
fn is_decidable(start: u64, base: u64, keyword_len: usize) -> bool {
    base == 0 || start + 1 >= base + keyword_len as u64
}

/// The keyword, and how much of it stands again at its own end: what overlaps.
#[derive(Debug)]
struct Keyword {
    finder: Finder<'static>,
    /// For each prefix the length of its longest proper prefix that is also its suffix
    /// (Knuth, Morris and Pratt, 1977).
    borders: Vec<usize>,
}

impl Keyword {
    fn new(needle: &[u8]) -> Keyword {
        let mut borders = vec![0; needle.len()];
        let mut border = 0;
        for at in 1..needle.len() {
            while border > 0 && needle[at] != needle[border] {
                border = borders[border - 1];
            }
            if needle[at] == needle[border] {
                border += 1;
            }
            borders[at] = border;
        }
        Keyword { finder: Finder::new(needle).into_owned(), borders }
    }

    fn len(&self) -> usize {
        self.borders.len()
    }

    /// Calls `found` with each place of the keyword in `bytes`, overlapping ones included,
    /// ascending, in linear time.
    fn each_in(&self, bytes: &[u8], mut found: impl FnMut(usize)) {
        let needle = self.finder.needle();
        let mut from = 0;
        while let Some(at) = self.finder.find(&bytes[from..]) {
            found(from + at);
            let mut next = from + at + needle.len();
            let mut matched = self.borders[needle.len() - 1];
            while matched > 0 && next < bytes.len() {
                while matched > 0 && needle[matched] != bytes[next] {
                    matched = self.borders[matched - 1];
                }
                if needle[matched] == bytes[next] {
                    matched += 1;
                }
                next += 1;
                if matched == needle.len() {
                    found(next - needle.len());
                    matched = self.borders[needle.len() - 1];
                }
            }
            from = next;
        }
    }
}
