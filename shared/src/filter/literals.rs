//! The literals of a filter. A line must hold all of them.

use super::compiled::Caches;
use crate::nuls;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// With at most this many literals, a whole block is searched in one go: it then takes no longer
/// than one turn.
const WHOLE_BLOCK_LITERALS: usize = 4;

/// Literals, of which none is empty or holds a line feed.
#[derive(Debug)]
pub(crate) struct Literals {
    /// The longest literal first. It is searched for in whole blocks, and the others only in the
    /// lines that hold it, because the longest one is usually the rarest.
    finders: Vec<Finder<'static>>,
}

/// What has been found in the known part of a line.
#[derive(Debug, Default)]
pub(crate) struct PartialMatch {
    /// A bit for each literal that has been found.
    pub(super) found: u128,
    /// Whether something has been found that the line must not hold.
    pub(super) is_excluded: bool,
    /// A buffer for the bytes on both sides of an edge between two pieces. Kept for reuse.
    pub(super) scratch: Vec<u8>,
    /// What the automata keep for reuse.
    pub(super) caches: Caches,
}

impl PartialMatch {
    /// Begins with another line.
    pub(crate) fn restart(&mut self) {
        self.found = 0;
        self.is_excluded = false;
    }

    /// Frees the memory that is kept for reuse.
    pub(crate) fn free(&mut self) {
        self.caches = Vec::new();
    }
}

/// The position of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    /// Offset of its first byte in the bytes that were searched.
    pub(crate) at: usize,
    /// Length in bytes.
    pub(crate) len: usize,
}

impl Literals {
    /// Makes the filter of at most [`crate::limits::KEYWORDS`] literals.
    pub(super) fn new(literals: &[Vec<u8>]) -> Literals {
        let mut literals: Vec<&[u8]> = literals.iter().map(Vec::as_slice).collect();
        literals.sort_by_key(|literal| std::cmp::Reverse(literal.len()));
        literals.dedup();
        Literals { finders: literals.into_iter().map(|l| Finder::new(l).into_owned()).collect() }
    }

    pub(super) fn take_whole_blocks(&self) -> bool {
        self.finders.len() <= WHOLE_BLOCK_LITERALS
    }

    pub(super) fn reach(&self) -> usize {
        self.finders.first().map_or(0, |finder| finder.needle().len() - 1)
    }

    pub(super) fn is_match(&self, partial: &PartialMatch) -> bool {
        partial.found.count_ones() as usize == self.finders.len()
    }

    /// Adds the literals in `piece`, and those across its end and the beginning of `rest`.
    pub(super) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        let PartialMatch { found, scratch, .. } = partial;
        let mut first = None;
        for (index, finder) in self.finders.iter().enumerate() {
            let at = finder.find(piece).or_else(|| find_across(finder, piece, rest, scratch));
            if let Some(at) = at {
                *found |= 1 << index;
                first = earlier(first, Match { at, len: finder.needle().len() });
            }
        }
        first
    }

    pub(super) fn first_match(&self, line: &[u8]) -> Option<Match> {
        self.finders.iter().fold(None, |first, finder| match finder.find(line) {
            Some(at) => earlier(first, Match { at, len: finder.needle().len() }),
            None => first,
        })
    }

    pub(super) fn matching_lines(
        &self,
        mut from: usize,
        block: &[u8],
        nul_run: usize,
        out: &mut Vec<(u32, u32)>,
    ) {
        let Some((first, others)) = self.finders.split_first() else { return };
        while let Some(at) = block.get(from..).and_then(|rest| first.find(rest)) {
            let hit = from + at;
            let start = memrchr(b'\n', &block[from..hit]).map_or(from, |feed| from + feed + 1);
            let past = hit + first.needle().len();
            let end = memchr(b'\n', &block[past..]).map_or(block.len(), |feed| past + feed);
            let text = start + nuls::at_start(&block[start..end], nul_run);
            // The match of the first literal may lie in the run, which is not part of the line.
            if (hit >= text || first.find(&block[text..end]).is_some())
                && others.iter().all(|finder| finder.find(&block[text..end]).is_some())
            {
                out.push((narrow(start), narrow(end)));
            }
            from = end + 1;
        }
    }
}

/// A position in a block. It fits 32 bits, because a block is far smaller than 4 GiB.
pub(super) fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a block is far smaller than 4 GiB")
}

pub(super) fn earlier(first: Option<Match>, found: Match) -> Option<Match> {
    // Of two matches that begin at the same byte, the longer one counts.
    first.into_iter().chain([found]).min_by_key(|found| (found.at, std::cmp::Reverse(found.len)))
}

fn find_across(finder: &Finder<'_>, piece: &[u8], rest: &[u8], scratch: &mut Vec<u8>) -> Option<usize> {
    let reach = finder.needle().len() - 1;
    let (tail, head) = (piece.len().min(reach), rest.len().min(reach));
    if tail == 0 || head == 0 {
        return None;
    }
    scratch.clear();
    scratch.extend_from_slice(&piece[piece.len() - tail..]);
    scratch.extend_from_slice(&rest[..head]);
    finder.find(scratch).map(|at| piece.len() - tail + at)
}
