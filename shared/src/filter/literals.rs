//! One or several literals, all of which a line must hold.

use crate::nuls;
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};

/// Literals up to which a whole block is searched in one go, so that it takes no longer than one
/// turn.
const WHOLE_BLOCK_LITERALS: usize = 4;

/// Several literals, none of which is empty or holds a line feed.
#[derive(Debug)]
pub(crate) struct Literals {
    /// The longest first: it is searched for through whole blocks, the others only in the
    /// lines that hold it, and the longest is the rarest, more often than not.
    finders: Vec<Finder<'static>>,
}

/// What has been found in the part of a line that has been read.
#[derive(Debug, Default)]
pub(crate) struct PartialMatch {
    /// A bit for each literal.
    found: u64,
    /// Memory for the bytes on both sides of an edge.
    scratch: Vec<u8>,
}

impl PartialMatch {
    /// Begins with the next line.
    pub(crate) fn restart(&mut self) {
        self.found = 0;
    }
}

/// Where a match stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Match {
    /// Where its first byte stands in what was searched.
    pub(crate) at: usize,
    /// Bytes.
    pub(crate) len: usize,
}

impl Literals {
    /// At most [`crate::limits::KEYWORDS`] literals.
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

    /// Adds what `piece` holds, and what lies across its end and the beginning of `rest`.
    pub(super) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        let PartialMatch { found, scratch } = partial;
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
            // The only match of the first literal may lie in the run.
            if (hit >= text || first.find(&block[text..end]).is_some())
                && others.iter().all(|finder| finder.find(&block[text..end]).is_some())
            {
                out.push((narrow(start), narrow(end)));
            }
            from = end + 1;
        }
    }
}

/// A position in a block. It fits 32 bits: no block comes near 4 GiB.
fn narrow(at: usize) -> u32 {
    u32::try_from(at).expect("a block is far smaller than 4 GiB")
}

fn earlier(first: Option<Match>, found: Match) -> Option<Match> {
    // The longer one of two that begin together.
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
