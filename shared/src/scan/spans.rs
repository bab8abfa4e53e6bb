//! A search for one keyword that holds a line feed: it matches across lines, and a record
//! is every line that a match touches. A line feed belongs to the line that it ends.
//!
//! Two facts decide it, and both need only the keyword's length of neighbouring bytes: a
//! line is *touched* if a match has a byte in it, and two lines are *joined* if one match
//! has a byte in both. A record is a run of joined lines, cut at the record limit. Every
//! place at which the keyword stands is a match, overlapping ones too, so the outcome does
//! not depend on the side from which one searches.

use super::keyword::Keyword;
use super::lines::window;
use super::open_line::{FrontBuf, OpenLine};
use super::plan::Span;
use super::search::{Limits, Record, Step};
use memchr::{memchr, memrchr};
use std::collections::VecDeque;

/// Bytes that are searched at once, between two turns.
const PIECE: usize = if cfg!(test) { 5 } else { 16 << 10 };

/// The same, after a piece that was full of records. A block of line feeds yields a record a
/// byte, each of which is copied.
const DENSE_PIECE: usize = if cfg!(test) { 3 } else { 2 << 10 };

/// Records from which on a piece was full of them.
const DENSE: usize = if cfg!(test) { 2 } else { 32 };

/// Bytes held of lines and records that stay while a client does not read.
const KEPT: usize = if cfg!(test) { 3 } else { 4 << 10 };

/// Bytes that are searched again at most so that nothing is held. They are more only within a
/// line of many megabytes, of which a megabyte then stays.
const AGAIN_MOST: u64 = 8 << 20;

/// A block, consumed in pieces from its end.
#[derive(Debug)]
pub(super) struct SpanSearch<B> {
    spans: Spans,
    /// The block, unless it was given back.
    block: Option<B>,
    span: Span,
    /// Bytes of the block that are still to be searched.
    left: usize,
    is_dense: bool,
}

impl<B: AsRef<[u8]>> SpanSearch<B> {
    pub(super) fn new(keyword: &[u8], size: u64, limits: Limits) -> SpanSearch<B> {
        let span = Span { offset: size, len: 0 };
        SpanSearch { spans: Spans::new(keyword, size, limits), block: None, span, left: 0, is_dense: false }
    }

    pub(super) fn feed(&mut self, span: Span, block: B) {
        if let Some(lost) = self.lost() {
            assert_eq!(span, lost, "what was given up is fed again");
            return self.search(span, block.as_ref());
        }
        if self.left == 0 {
            self.left = span.len;
        } else {
            assert_eq!(span, self.span, "the block that was given back is fed again");
        }
        self.span = span;
        self.block = Some(block);
    }

    pub(super) fn release(&mut self) {
        self.block = None;
        self.spans.give_up();
    }

    pub(super) fn held(&self) -> usize {
        self.spans.held()
    }

    /// Of the last record.
    pub(super) fn window(&self) -> Option<Span> {
        self.spans.delivered.window
    }

    /// Bytes of the record that was delivered last.
    pub(super) fn at_hand(&self, span: Span) -> Option<&[u8]> {
        let OwnedRecord { offset, bytes, .. } = &self.spans.delivered;
        let from = usize::try_from(span.offset.checked_sub(*offset)?).ok()?;
        bytes.get(from..from + span.len)
    }

    /// What has to be fed again first: the newest piece of it.
    fn lost(&self) -> Option<Span> {
        let from = self.span.offset + self.left as u64;
        let len =
            usize::try_from(self.spans.base.saturating_sub(from)).unwrap_or(usize::MAX).min(self.piece());
        (len > 0).then(|| Span { offset: self.spans.base - len as u64, len })
    }

    fn piece(&self) -> usize {
        if self.is_dense { DENSE_PIECE } else { PIECE }
    }

    fn search(&mut self, span: Span, piece: &[u8]) {
        self.spans.feed(span, piece);
        self.is_dense = self.spans.ready.len() >= DENSE;
    }

    pub(super) fn step(&mut self) -> Step<'_> {
        if !self.spans.ready.is_empty() {
            return self.spans.deliver();
        }
        if let Some(span) = self.lost() {
            return Step::NeedAgain(span);
        }
        if self.left == 0 {
            self.block = None;
            return if self.spans.base == 0 { Step::Done } else { Step::NeedBlock };
        }
        // Taken out, so that its bytes can be lent while the rest changes.
        let Some(block) = self.block.take() else { return Step::NeedAgain(self.span) };
        let from = self.left.saturating_sub(self.piece());
        let piece = &block.as_ref()[from..self.left];
        self.search(Span { offset: self.span.offset + from as u64, len: piece.len() }, piece);
        self.left = from;
        self.block = Some(block);
        Step::Working
    }
}

/// The search itself, from piece to piece.
#[derive(Debug)]
struct Spans {
    keyword: Keyword,
    limits: Limits,
    size: u64,
    /// Lines that begin here or later have been delivered, or passed.
    past: u64,
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
    /// Bytes of it, held or not, without its line feed.
    len: u64,
}

#[derive(Debug, Default)]
struct OwnedRecord {
    offset: u64,
    /// Offset after its last line feed.
    end: u64,
    bytes: Vec<u8>,
    lines: u64,
    truncated_lines: u64,
    window: Option<Span>,
}

/// The joined lines so far, each with a line feed.
#[derive(Debug, Default)]
struct Group {
    offset: u64,
    end: u64,
    bytes: FrontBuf,
    lines: u64,
    truncated_lines: u64,
    /// Of a line that is alone in it, as one is that was cut.
    window: Option<Span>,
}

impl Spans {
    fn new(keyword: &[u8], size: u64, limits: Limits) -> Spans {
        Spans {
            keyword: Keyword::new(keyword),
            limits,
            size,
            past: u64::MAX,
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

    /// The next record that is ready. There must be one.
    fn deliver(&mut self) -> Step<'_> {
        self.delivered = self.ready.pop_front().expect("the caller has looked");
        let OwnedRecord { offset, ref bytes, lines, truncated_lines, .. } = self.delivered;
        Step::Record(Record { offset, bytes, lines, truncated_lines, older: &[] })
    }

    /// Bytes held of lines and records that have not been delivered.
    fn held(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|line| line.head.len()).sum();
        let ready: usize = self.ready.iter().map(|record| record.bytes.len()).sum();
        self.open.head().len() + self.group.bytes.len() + waiting + ready
    }

    /// Gives up what was delivered last. Where much is held of what was not, the search goes
    /// back to where that ends, and finds it again.
    fn give_up(&mut self) {
        self.delivered = OwnedRecord::default();
        if self.held() <= KEPT {
            return;
        }
        let newest = [
            self.ready.front().map(|record| record.end),
            (self.group.lines > 0).then_some(self.group.end),
            self.waiting.front().map(|line| line.end),
        ];
        let past = newest.into_iter().flatten().next().unwrap_or(self.open_end).min(self.past);
        // A match that begins before may reach past it.
        let base = (past + self.keyword.len() as u64 - 1).min(self.size);
        if base - self.base > AGAIN_MOST {
            return;
        }
        (self.past, self.base, self.open_end) = (past, base, base);
        self.open.free();
        self.group = Group::default();
        self.ahead = Vec::new();
        self.starts = Vec::new();
        self.waiting = VecDeque::new();
        self.ready = VecDeque::new();
    }

    /// Searches the piece before the last one. What it yields is copied out, and no more
    /// than the piece, a line and a record hold.
    fn feed(&mut self, span: Span, block: &[u8]) {
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
        if start >= self.past {
            self.open.clear();
            return;
        }
        if self.waiting.is_empty() && self.is_decidable(start) && !self.is_touched(start, end) {
            self.end_group();
        } else {
            self.open.prepend(piece, self.limits.line);
            // Taken out, so that its bytes can be lent while the rest changes.
            let open = std::mem::take(&mut self.open);
            if self.waiting.is_empty() && self.is_decidable(start) {
                self.decide(start, end, open.head(), open.len());
            } else {
                let (head, len) = (open.head().to_vec(), open.len());
                self.waiting.push_back(Line { start, end, head, len });
                self.decide_waiting();
            }
            self.open = open;
        }
        self.open.clear();
    }

    fn decide_waiting(&mut self) {
        while let Some(line) =
            self.waiting.pop_front_if(|line| is_decidable(line.start, self.base, self.keyword.len()))
        {
            self.decide(line.start, line.end, &line.head, line.len);
        }
    }

    /// Adds a line of `len` bytes to the group that it is joined to, or ends that and begins
    /// one.
    fn decide(&mut self, start: u64, end: u64, head: &[u8], len: u64) {
        if !self.is_joined_at(end) {
            self.end_group();
        }
        if self.is_touched(start, end) {
            if self.group.lines > 0 && self.group.bytes.len() + head.len() + 1 > self.limits.record {
                self.end_group();
            }
            let is_first = self.group.lines == 0;
            if is_first {
                self.group.end = end;
            }
            let first = self.first_match(start, start + len);
            self.group.window = window(start, len, first, self.limits.line).filter(|_| is_first);
            let most = self.limits.record + self.limits.line + 2;
            self.group.bytes.prepend(b"\n", most);
            self.group.bytes.prepend(head, most);
            self.group.offset = start;
            self.group.lines += 1;
            self.group.truncated_lines += u64::from(len > self.limits.line as u64);
        }
    }

    fn end_group(&mut self) {
        let Some((_, bytes)) = self.group.bytes.bytes().split_last() else { return };
        self.ready.push_back(OwnedRecord {
            offset: self.group.offset,
            end: self.group.end,
            bytes: bytes.to_vec(),
            lines: self.group.lines,
            truncated_lines: self.group.truncated_lines,
            window: self.group.window.take(),
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
        self.first_start(start).is_some_and(|s| s < end)
    }

    /// Where the first match begins that has a byte at `start` or later.
    fn first_start(&self, start: u64) -> Option<u64> {
        let len = self.keyword.len() as u64;
        let first = self.starts.partition_point(|s| s + len <= start);
        self.starts.get(first).copied()
    }

    /// The part of the first match that lies in a line's content. Nothing is left of one that
    /// begins with the line's feed.
    fn first_match(&self, start: u64, end: u64) -> Option<Span> {
        let found = self.first_start(start)?;
        let from = found.clamp(start, end);
        let to = (found + self.keyword.len() as u64).min(end).max(from);
        Some(Span { offset: from, len: usize::try_from(to - from).unwrap_or(usize::MAX) })
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
