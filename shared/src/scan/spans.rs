//! A search for one keyword that holds a line feed: it matches across lines, and a record
//! is every line that a match touches. A line feed belongs to the line that it ends.
//!
//! Two facts decide it, and both need only the keyword's length of neighbouring bytes: a
//! line is *touched* if a match has a byte in it, and two lines are *joined* if one match
//! has a byte in both. A record is a run of joined lines, cut at the record limit. Every
//! place at which the keyword stands is a match, overlapping ones too, so the outcome does
//! not depend on the side from which one searches.

mod pieces;

use super::keyword::Keyword;
use super::open_line::{FrontBuf, OpenLine};
use super::search::{Limits, Record, Step};
use memchr::{memchr, memrchr};
pub(super) use pieces::SpanSearch;
use std::collections::VecDeque;

/// The search itself, from piece to piece.
///
/// Offsets in here are those that the bytes would have if the runs of NUL bytes that were passed
/// over so far stood at the beginning of the file: what is before a run and what is after it are
/// neighbours then.
#[derive(Debug)]
struct Spans {
    keyword: Keyword,
    limits: Limits,
    /// Bytes of the runs that were passed over.
    skipped: u64,
    /// Offset of the oldest byte fed.
    base: u64,
    /// Whether nothing has been fed yet.
    is_new: bool,
    /// Whether the file's start has been reached.
    is_at_start: bool,
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
    /// Where it begins in the file.
    offset: u64,
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

impl Spans {
    fn new(keyword: &[u8], size: u64, limits: Limits) -> Spans {
        Spans {
            keyword: Keyword::new(keyword),
            limits,
            skipped: 0,
            base: size,
            is_new: true,
            is_at_start: false,
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

    /// The next record that is ready. There must be one.
    fn deliver(&mut self) -> Step<'_> {
        self.delivered = self.ready.pop_front().expect("the caller has looked");
        let OwnedRecord { offset, ref bytes, lines, truncated_lines } = self.delivered;
        Step::Record(Record { offset, bytes, lines, truncated_lines, older: &[] })
    }

    /// Searches the piece before the last one. What it yields is copied out, and no more
    /// than the piece, a line and a record hold.
    fn feed(&mut self, block: &[u8]) {
        let newest = std::mem::take(&mut self.is_new);
        self.base -= block.len() as u64;
        self.find_starts(self.base, block);
        self.decide_waiting();

        // The end of the open line's content in this block.
        let mut end = block.len() - usize::from(newest && block.last() == Some(&b'\n'));
        if self.starts.is_empty() && self.waiting.is_empty() {
            end = self.skip_untouched(block, end);
        }
        while let Some(feed) = memrchr(b'\n', &block[..end]) {
            self.complete_line(self.base + feed as u64 + 1, &block[feed + 1..end]);
            end = feed;
        }
        self.open.prepend(&block[..end], self.limits.line);
        self.forget();
        self.remember_ahead(block);
    }

    /// Nothing is left before what was fed last.
    fn finish(&mut self) {
        self.is_at_start = true;
        self.decide_waiting();
        if !self.is_new {
            self.complete_line(self.base, &[]);
        }
        self.end_group();
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
        let offset = start - self.skipped;
        self.open_end = start;
        if self.waiting.is_empty() && self.is_decidable(start) && !self.is_touched(start, end) {
            self.end_group();
        } else {
            self.open.prepend(piece, self.limits.line);
            // Taken out, so that its bytes can be lent while the rest changes.
            let open = std::mem::take(&mut self.open);
            let truncated = open.len() > self.limits.line as u64;
            if self.waiting.is_empty() && self.is_decidable(start) {
                self.decide((start, end), offset, open.head(), truncated);
            } else {
                self.waiting.push_back(Line { start, offset, end, head: open.head().to_vec(), truncated });
                self.decide_waiting();
            }
            self.open = open;
        }
        self.open.clear();
    }

    fn decide_waiting(&mut self) {
        while let Some(line) = self
            .waiting
            .pop_front_if(|line| self.is_at_start || is_decidable(line.start, self.base, self.keyword.len()))
        {
            self.decide((line.start, line.end), line.offset, &line.head, line.truncated);
        }
    }

    /// Adds a line to the group that it is joined to, or ends that and begins one.
    fn decide(&mut self, (start, end): (u64, u64), offset: u64, head: &[u8], truncated: bool) {
        if !self.is_joined_at(end) {
            self.end_group();
        }
        if self.is_touched(start, end) {
            if self.group.lines > 0 && self.group.bytes.len() + head.len() + 1 > self.limits.record {
                self.end_group();
            }
            self.group.bytes.prepend(b"\n");
            self.group.bytes.prepend(head);
            self.group.offset = offset;
            self.group.lines += 1;
            self.group.truncated_lines += u64::from(truncated);
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
        self.is_at_start || is_decidable(start, self.base, self.keyword.len())
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
    start + 1 >= base + keyword_len as u64
}
