//! Where the keyword stands, as far as lines that are not decided yet may be touched.

use crate::filter::Keyword;
use crate::scan::window::Span;

/// The matches near the piece that was searched last.
#[derive(Debug)]
pub(super) struct Matches {
    keyword: Keyword,
    /// Where they begin, ascending.
    starts: Vec<u64>,
    /// The bytes after the last piece that a match which begins before it may reach.
    ahead: Vec<u8>,
}

impl Matches {
    pub(super) fn new(keyword: &[u8]) -> Matches {
        Matches { keyword: Keyword::new(keyword), starts: Vec::new(), ahead: Vec::new() }
    }

    /// Bytes of the keyword.
    pub(super) fn len(&self) -> usize {
        self.keyword.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Forgets all of them: the search goes back.
    pub(super) fn clear(&mut self) {
        self.starts = Vec::new();
        self.ahead = Vec::new();
    }

    /// Finds the matches that begin in this piece, which lies before the last one.
    pub(super) fn find_in(&mut self, offset: u64, piece: &[u8]) {
        let mut starts = Vec::new();
        self.keyword.each_in(piece, |at| starts.push(offset + at as u64));
        let tail = piece.len().min(self.keyword.len() - 1);
        if tail > 0 && !self.ahead.is_empty() {
            let mut edge = piece[piece.len() - tail..].to_vec();
            edge.extend_from_slice(&self.ahead);
            let edge_offset = offset + (piece.len() - tail) as u64;
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

    /// Keeps the beginning of this piece for the next one, and forgets the matches that begin at
    /// `end` or later: no line before that is touched by one.
    pub(super) fn keep_for_next(&mut self, piece: &[u8], end: u64) {
        self.starts.truncate(self.starts.partition_point(|s| *s < end));
        let reach = self.keyword.len() - 1;
        let mut ahead = piece[..piece.len().min(reach)].to_vec();
        ahead.extend_from_slice(&self.ahead[..self.ahead.len().min(reach - ahead.len())]);
        self.ahead = ahead;
    }

    /// Whether a match has a byte in `start..end`.
    pub(super) fn touch(&self, start: u64, end: u64) -> bool {
        self.first_start(start).is_some_and(|s| s < end)
    }

    /// Whether a match has a byte on both sides of a line's end at `at`.
    pub(super) fn join_at(&self, at: u64) -> bool {
        self.touch(at, at)
    }

    /// The part of the first match that lies in a line's content. Nothing is left of one that
    /// begins with the line's feed.
    pub(super) fn first_in(&self, start: u64, end: u64) -> Option<Span> {
        let found = self.first_start(start)?;
        let from = found.clamp(start, end);
        let to = (found + self.keyword.len() as u64).min(end).max(from);
        Some(Span { offset: from, len: usize::try_from(to - from).unwrap_or(usize::MAX) })
    }

    /// Where the first match begins that has a byte at `start` or later.
    fn first_start(&self, start: u64) -> Option<u64> {
        let len = self.keyword.len() as u64;
        let first = self.starts.partition_point(|s| s + len <= start);
        self.starts.get(first).copied()
    }
}
