//! A search for one keyword that holds a line feed: it matches across lines, and a record
//! is every line that a match touches. A line feed belongs to the line that it ends.
//!
//! Two facts decide it, and both need only the keyword's length of neighbouring bytes: a
//! line is *touched* if a match has a byte in it, and two lines are *joined* if one match
//! has a byte in both. A record is a run of joined lines, cut at the record limit. Every
//! place at which the keyword stands is a match, overlapping ones too, so the outcome does
//! not depend on the side from which one searches.

mod group;
mod matches;
mod pieces;
mod runs;

use super::excerpt::excerpt;
use super::limits::Limits;
use super::open_line::OpenLine;
use super::record::{Record, Step};
use super::window::{Span, Window};
use group::{Group, Line, OwnedRecord};
use matches::Matches;
use memchr::{memchr, memrchr};
pub(super) use pieces::JoinedSearch;
use runs::Runs;
use std::collections::VecDeque;

/// Bytes held of lines and records that stay while a client does not read.
const KEPT: usize = if cfg!(test) { 3 } else { 4 << 10 };

/// Bytes that are searched again at most so that nothing is held. They are more only within a
/// line of many megabytes, of which a megabyte then stays.
const AGAIN_MOST: u64 = if cfg!(test) { 100 } else { 8 << 20 };

/// The search itself, from piece to piece.
///
/// Offsets in here are those that the bytes would have if the runs of NUL bytes that were passed
/// over so far stood before the window: what is before a run and what is after it are neighbours then.
#[derive(Debug)]
struct Joined {
    matches: Matches,
    limits: Limits,
    /// Where the searched window ends.
    end: u64,
    /// What was passed over.
    runs: Runs,
    /// Lines that begin here or later have been delivered, or passed.
    past: u64,
    /// Offset of the oldest byte that has ever been fed: the search has gone back where that is
    /// before `base`.
    reached: u64,
    /// Offset of the oldest byte fed.
    base: u64,
    /// Whether the window's start has been reached.
    is_at_start: bool,
    /// The line that the last block's older edge cuts, and the offset after its feed.
    open: OpenLine,
    open_end: u64,
    /// Whole lines that an older match may yet touch, newest first.
    waiting: VecDeque<(Line, Vec<u8>)>,
    group: Group,
    ready: VecDeque<OwnedRecord>,
    delivered: OwnedRecord,
}

impl Joined {
    fn new(keyword: &[u8], window: Window, limits: Limits) -> Joined {
        let end = window.end;
        Joined {
            matches: Matches::new(keyword),
            limits,
            end,
            runs: Runs::default(),
            past: u64::MAX,
            reached: end,
            base: end,
            is_at_start: false,
            open: OpenLine::default(),
            open_end: end,
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
        let waiting: usize = self.waiting.iter().map(|(_, head)| head.len()).sum();
        let ready: usize = self.ready.iter().map(|record| record.bytes.len()).sum();
        self.open.head().len() + self.group.held() + waiting + ready
    }

    /// Where that ends which has not been delivered.
    fn newest(&self) -> u64 {
        let newest = [
            self.ready.front().map(|record| record.end),
            (self.group.lines > 0).then_some(self.group.end),
            self.waiting.front().map(|(line, _)| line.end),
        ];
        newest.into_iter().flatten().next().unwrap_or(self.open_end).min(self.past)
    }

    /// Where the search begins again that is to find everything before `past`: a match that begins
    /// before may reach past it.
    fn again_from(&self, past: u64) -> u64 {
        (past + self.matches.len() as u64 - 1).min(self.end)
    }

    /// Passes over a run of NUL bytes, which the line begins with that begins at `base`.
    fn pass_run(&mut self, run: u64) {
        let newest = self.again_from(self.newest());
        self.runs.pass(self.base, run, newest);
    }

    /// Gives up what was delivered last. Where much is held of what was not, the search goes
    /// back to where that ends, and finds it again.
    fn give_up(&mut self) {
        self.delivered = OwnedRecord::default();
        if self.held() <= KEPT {
            return;
        }
        let past = self.newest();
        let base = self.again_from(past);
        if base - self.reached > AGAIN_MOST {
            return;
        }
        (self.past, self.base, self.open_end) = (past, base, base);
        self.is_at_start = false;
        self.open.free();
        self.group = Group::default();
        self.matches.clear();
        self.waiting = VecDeque::new();
        self.ready = VecDeque::new();
    }

    /// The newest `most` bytes of what has to be fed again, where they lie in the file. Runs that
    /// were passed over are passed over again, and not read.
    fn lost(&self, most: usize) -> Option<Span> {
        if self.base <= self.reached {
            return None;
        }
        let (oldest, newer) = self.runs.before(self.base);
        let from = self.base.saturating_sub(most as u64).max(self.reached).max(oldest);
        let len = usize::try_from(self.base - from).expect("no more than `most`");
        Some(Span { offset: from - newer, len })
    }

    /// Searches the piece before the last one. What it yields is copied out, and no more
    /// than the piece, a line and a record hold.
    fn feed(&mut self, block: &[u8]) {
        let newest = self.base == self.end;
        self.base -= block.len() as u64;
        self.reached = self.reached.min(self.base);
        self.matches.find_in(self.base, block);
        self.decide_waiting();

        // The end of the open line's content in this block.
        let mut end = block.len() - usize::from(newest && block.last() == Some(&b'\n'));
        if self.matches.is_empty() && self.waiting.is_empty() {
            end = self.skip_untouched(block, end);
        }
        while let Some(feed) = memrchr(b'\n', &block[..end]) {
            self.complete_line(self.base + feed as u64 + 1, &block[feed + 1..end]);
            end = feed;
        }
        self.open.prepend(&block[..end], self.limits.line);
        let oldest = self.waiting.front().map_or(self.open_end, |(line, _)| line.end);
        self.matches.keep_for_next(block, oldest);
    }

    /// Nothing is left before what was fed last.
    fn finish(&mut self) {
        self.is_at_start = true;
        self.decide_waiting();
        if self.base < self.end {
            self.complete_line(self.base, &[]);
        }
        self.end_group();
    }

    /// Passes the lines that nothing touches, where no match is near: none begins in this
    /// block, so only lines that an older one can reach stay. Returns the new end.
    fn skip_untouched(&mut self, block: &[u8], end: usize) -> usize {
        let reach = self.matches.len().saturating_sub(2);
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
        if self.waiting.is_empty() && self.is_decidable(start) && !self.matches.touch(start, end) {
            self.end_group();
        } else {
            self.open.prepend(piece, self.limits.line);
            // Taken out, so that its bytes can be lent while the rest changes.
            let open = std::mem::take(&mut self.open);
            let (offset, run) = self.runs.line(start);
            let line = Line { start, end, len: open.len(), offset, run };
            if self.waiting.is_empty() && self.is_decidable(start) {
                self.decide(line, open.head());
            } else {
                self.waiting.push_back((line, open.head().to_vec()));
                self.decide_waiting();
            }
            self.open = open;
        }
        self.open.clear();
    }

    fn decide_waiting(&mut self) {
        while let Some((line, head)) = self.waiting.pop_front_if(|(line, _)| {
            self.is_at_start || is_decidable(line.start, self.base, self.matches.len())
        }) {
            self.decide(line, &head);
        }
    }

    /// Adds a line to the group that it is joined to, or ends that and begins one.
    fn decide(&mut self, line: Line, head: &[u8]) {
        if !self.matches.join_at(line.end) {
            self.end_group();
        }
        if self.matches.touch(line.start, line.end) {
            if self.group.is_full_for(head, self.limits) {
                self.end_group();
            }
            let excerpt = self.excerpt_of(line);
            self.group.prepend(line, head, excerpt, self.limits);
        }
    }

    /// What is delivered of a line that is a record, where that is not its beginning.
    fn excerpt_of(&self, line: Line) -> Option<Span> {
        let first = self.matches.first_in(line.start, line.start + line.len);
        let excerpt = excerpt(line.start, line.len, first, self.limits.line)?;
        Some(Span { offset: line.text() + (excerpt.offset - line.start), ..excerpt })
    }

    fn end_group(&mut self) {
        self.ready.extend(self.group.take());
    }

    fn is_decidable(&self, start: u64) -> bool {
        self.is_at_start || is_decidable(start, self.base, self.matches.len())
    }
}

/// Whether no match that begins before `base` can reach a line that begins at `start`.
fn is_decidable(start: u64, base: u64, keyword_len: usize) -> bool {
    start + 1 >= base + keyword_len as u64
}
