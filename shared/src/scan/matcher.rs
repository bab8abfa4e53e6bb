//! Does a line match: no keyword, one, or several that must all be there.

use super::examine::narrow;
use super::nuls;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// Several literal keywords, none of which holds a line feed.
#[derive(Debug)]
pub(super) struct LineMatcher {
    /// The longest first: it is searched for through whole blocks, the others only in the
    /// lines that hold it, and the longest is the rarest, more often than not.
    finders: Vec<Finder<'static>>,
    /// NUL bytes at the beginning of a line from which on they are no part of it.
    nul_run: usize,
}

/// A set of keywords found so far, a bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found(u64);

/// Where a keyword stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) len: usize,
}

impl LineMatcher {
    /// At most [`crate::limits::KEYWORDS`] keywords, none empty.
    pub(super) fn new(mut keywords: Vec<Vec<u8>>, nul_run: usize) -> LineMatcher {
        keywords.sort_by_key(|keyword| std::cmp::Reverse(keyword.len()));
        keywords.dedup();
        LineMatcher { finders: keywords.iter().map(|k| Finder::new(k).into_owned()).collect(), nul_run }
    }

    pub(super) fn matches_all(&self) -> bool {
        self.finders.is_empty()
    }

    pub(super) fn keywords(&self) -> usize {
        self.finders.len()
    }

    /// Bytes of a line's known beginning that a keyword lying across the edge before it
    /// may reach into.
    pub(super) fn overlap(&self) -> usize {
        self.finders.first().map_or(0, |finder| finder.needle().len() - 1)
    }

    pub(super) fn is_match(&self, found: Found) -> bool {
        found.0.count_ones() as usize == self.finders.len()
    }

    /// Adds what `piece` holds, and what lies across its end and the beginning of `rest`,
    /// the bytes of the same line that follow it. Says where in the piece the first of them
    /// begins, and how long it is.
    pub(super) fn accumulate(
        &self,
        found: &mut Found,
        piece: &[u8],
        rest: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Option<Place> {
        let mut first = None;
        for (index, finder) in self.finders.iter().enumerate() {
            let at = finder.find(piece).or_else(|| lies_across(finder, piece, rest, scratch));
            if let Some(at) = at {
                found.0 |= 1 << index;
                first = earlier(first, Place { at, len: finder.needle().len() });
            }
        }
        first
    }

    /// The first place in a line at which any of the keywords stands.
    pub(super) fn first_in(&self, line: &[u8]) -> Option<Place> {
        self.finders.iter().fold(None, |first, finder| match finder.find(line) {
            Some(at) => earlier(first, Place { at, len: finder.needle().len() }),
            None => first,
        })
    }

    /// Collects the bounds of every matching line of `block` from `from` on, oldest first.
    /// A line begins there, and the content of one ends where the block does.
    pub(super) fn matching_lines(&self, mut from: usize, block: &[u8], out: &mut Vec<(u32, u32)>) {
        let (first, others) = self.finders.split_first().expect("without keywords every line matches");
        while let Some(at) = block.get(from..).and_then(|rest| first.find(rest)) {
            let hit = from + at;
            let start = memrchr(b'\n', &block[from..hit]).map_or(from, |feed| from + feed + 1);
            let past = hit + first.needle().len();
            let end = memchr(b'\n', &block[past..]).map_or(block.len(), |feed| past + feed);
            let text = start + nuls::at_start(&block[start..end], self.nul_run);
            // It may be that the first is in the run alone.
            if (hit >= text || first.find(&block[text..end]).is_some())
                && others.iter().all(|finder| finder.find(&block[text..end]).is_some())
            {
                out.push((narrow(start), narrow(end)));
            }
            from = end + 1;
        }
    }
}

fn earlier(first: Option<Place>, place: Place) -> Option<Place> {
    // The longer one of two that begin together.
    first.into_iter().chain([place]).min_by_key(|place| (place.at, std::cmp::Reverse(place.len)))
}

fn lies_across(finder: &Finder<'_>, piece: &[u8], rest: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
    let overlap = finder.needle().len() - 1;
    let (tail, head) = (piece.len().min(overlap), rest.len().min(overlap));
    if tail == 0 || head == 0 {
        return None;
    }
    scratch.clear();
    scratch.extend_from_slice(&piece[piece.len() - tail..]);
    scratch.extend_from_slice(&rest[..head]);
    finder.find(scratch).map(|at| piece.len() - tail + at)
}
