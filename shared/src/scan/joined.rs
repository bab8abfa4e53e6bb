//! A search for one keyword that holds a line feed. It matches across lines, and a record is all
//! lines that a match touches. A line feed belongs to the line that it ends.
//!
//! Two facts decide what a record is. A line is *touched* if a match has a byte in it. Two lines
//! are *joined* if one match has a byte in both. Both facts depend only on bytes that are no further
//! from the line than the keyword is long. A record is a sequence of joined lines, cut at the record
//! limit. Every position of the keyword is a match, also positions that overlap. So the outcome does
//! not depend on the direction of the search.

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

/// Bytes of lines and records that are kept while a client does not read.
const KEPT: usize = if cfg!(test) { 3 } else { 4 << 10 };

/// The most bytes that the search goes back in order to hold nothing. More would be needed only
/// inside a line of many megabytes. Up to 1 MiB of such a line is then held.
const AGAIN_MOST: u64 = if cfg!(test) { 100 } else { 8 << 20 };

/// The state of the search, from piece to piece.
///
/// Offsets in here are not those of the file. They are the offsets that the bytes would have if all
/// runs of NUL bytes skipped so far stood before the window. So the bytes before a run and the
/// bytes after it are neighbours.
#[derive(Debug)]
struct Joined {
    matches: Matches,
    limits: Limits,
    /// Offset of the end of the window.
    end: u64,
    /// The runs that were skipped.
    runs: Runs,
    /// Lines that begin at this offset or later have been delivered or skipped.
    past: u64,
    /// Offset of the oldest byte that was ever fed. If it is below `base`, the search has gone
    /// back.
    reached: u64,
    /// Offset of the oldest byte that was fed since the search last went back.
    base: u64,
    /// Whether the search has reached the start of the window.
    is_at_start: bool,
    /// The line that the last block's older edge cuts, and the offset after its line feed.
    open: OpenLine,
    open_end: u64,
    /// Complete lines that an older match may still touch, newest first.
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

    /// Delivers the next record that is ready. There must be one.
    fn deliver(&mut self) -> Step<'_> {
        self.delivered = self.ready.pop_front().expect("the caller has looked");
        let OwnedRecord { offset, ref bytes, lines, truncated_lines, .. } = self.delivered;
        Step::Record(Record { offset, bytes, lines, truncated_lines, older: &[] })
    }

    /// Bytes that are held of lines and records that have not been delivered.
    fn held(&self) -> usize {
        let waiting: usize = self.waiting.iter().map(|(_, head)| head.len()).sum();
        let ready: usize = self.ready.iter().map(|record| record.bytes.len()).sum();
        self.open.head().len() + self.group.held() + waiting + ready
    }

    /// End offset of the newest line or record that has not been delivered.
    fn newest(&self) -> u64 {
        let newest = [
            self.ready.front().map(|record| record.end),
            (self.group.lines > 0).then_some(self.group.end),
            self.waiting.front().map(|(line, _)| line.end),
        ];
        newest.into_iter().flatten().next().unwrap_or(self.open_end).min(self.past)
    }

    /// Where the search has to begin again to find everything before `past`. A match that begins
    /// before `past` may reach past it.
    fn again_from(&self, past: u64) -> u64 {
        (past + self.matches.len() as u64 - 1).min(self.end)
    }

    /// Skips a run of NUL bytes at the beginning of the line that begins at `base`.
    fn pass_run(&mut self, run: u64) {
        let newest = self.again_from(self.newest());
        self.runs.pass(self.base, run, newest);
    }

    /// Gives up the record that was delivered last. If much is held of what was not delivered, the
    /// search goes back to its end and finds it again.
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

    /// The newest `most` bytes that have to be fed again, as a span of the file. Runs that were
    /// skipped are not read again.
    fn lost(&self, most: usize) -> Option<Span> {
        if self.base <= self.reached {
            return None;
        }
        let (oldest, newer) = self.runs.before(self.base);
        let from = self.base.saturating_sub(most as u64).max(self.reached).max(oldest);
        let len = usize::try_from(self.base - from).expect("no more than `most`");
        Some(Span { offset: from - newer, len })
    }

    /// Searches the next older piece. Copies the records that it finds. Holds no more than a piece,
    /// a line and a record.
    fn feed(&mut self, block: &[u8]) {
        let newest = self.base == self.end;
        self.base -= block.len() as u64;
        self.reached = self.reached.min(self.base);
        self.matches.find_in(self.base, block);
        self.decide_waiting();

        // The end of the cut line's content in this block.
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

    /// Called when all bytes of the window have been fed.
    fn finish(&mut self) {
        self.is_at_start = true;
        self.decide_waiting();
        if self.base < self.end {
            self.complete_line(self.base, &[]);
        }
        self.end_group();
    }

    /// Skips lines that no match touches. Called only if no match is near and no line waits: then
    /// only the lines that an older match can reach must stay. Returns the new end of the part to
    /// search.
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

    /// Completes the cut line. It begins at `start`, with the bytes in `piece`.
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
            // Taken out of `self`, so that its bytes can be borrowed while the rest of `self`
            // changes.
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

    /// Adds a line to the group that it is joined to. If it is joined to none, ends the group and
    /// begins another one.
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

    /// The excerpt of a line in a record, if its beginning is not what is delivered.
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
