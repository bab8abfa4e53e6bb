//! Which lines match: what a search for lines asks of its filter.

use super::literals::{Literals, Match, PartialMatch};

/// What a line must contain.
#[derive(Debug)]
pub(crate) enum LineFilter {
    /// Nothing.
    All,
    /// Some literals.
    Literals(Literals),
}

impl LineFilter {
    /// Lines that hold every one of these literals: all lines where there is none.
    pub(crate) fn literals(literals: &[Vec<u8>]) -> LineFilter {
        if literals.is_empty() { LineFilter::All } else { LineFilter::Literals(Literals::new(literals)) }
    }

    /// Whether every line matches.
    pub(crate) fn matches_all(&self) -> bool {
        matches!(self, LineFilter::All)
    }

    /// Whether a whole block can be searched in one go, without others having to wait long.
    pub(crate) fn takes_whole_blocks(&self) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.take_whole_blocks(),
        }
    }

    /// Appends the bounds of every matching line of `block` from `from` on, oldest first. A line
    /// begins there, and the content of one ends where the block does. A run of `nul_run` or more
    /// NUL bytes at the beginning of a line is no part of it.
    ///
    /// # Panics
    /// Where every line matches: nobody needs to search then.
    pub(crate) fn matching_lines(
        &self,
        from: usize,
        block: &[u8],
        nul_run: usize,
        out: &mut Vec<(u32, u32)>,
    ) {
        match self {
            LineFilter::All => panic!("every line matches: the caller takes them as they come"),
            LineFilter::Literals(literals) => literals.matching_lines(from, block, nul_run, out),
        }
    }

    /// The first match in a line; nothing where no match has a place, as where every line matches.
    pub(crate) fn first_match(&self, line: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.first_match(line),
        }
    }

    /// Bytes of a line's known part into which a match may reach that begins before it.
    pub(crate) fn reach(&self) -> usize {
        match self {
            LineFilter::All => 0,
            LineFilter::Literals(literals) => literals.reach(),
        }
    }

    /// Adds `piece` to what is known of a line. `rest` is what stood after it: at least the first
    /// [`LineFilter::reach`] bytes of the part that is known already. Says where the first match
    /// begins in the piece.
    pub(crate) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.extend(partial, piece, rest),
        }
    }

    /// Whether the line matches that is known as a whole now.
    pub(crate) fn is_match(&self, partial: &PartialMatch) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.is_match(partial),
        }
    }
}
