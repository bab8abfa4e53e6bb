//! The filter of a search for lines: decides which lines match.

use super::literals::{Literals, Match, PartialMatch};

/// What a line must contain.
#[derive(Debug)]
pub(crate) enum LineFilter {
    /// No condition: every line matches.
    All,
    /// All of some literals.
    Literals(Literals),
}

impl LineFilter {
    /// Matches lines that hold all of these literals. Without literals, every line matches.
    pub(crate) fn literals(literals: &[Vec<u8>]) -> LineFilter {
        if literals.is_empty() { LineFilter::All } else { LineFilter::Literals(Literals::new(literals)) }
    }

    /// Whether every line matches.
    pub(crate) fn matches_all(&self) -> bool {
        matches!(self, LineFilter::All)
    }

    /// Whether the filter can search a whole block in one go, without making other tasks wait long.
    pub(crate) fn takes_whole_blocks(&self) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.take_whole_blocks(),
        }
    }

    /// Appends the bounds of every matching line of `block` from `from` on, oldest first. `from`
    /// must be the beginning of a line, and the end of the block the end of a line's content. A run
    /// of at least `nul_run` NUL bytes at the beginning of a line is not part of the line.
    ///
    /// # Panics
    /// If every line matches. There is nothing to search for then.
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

    /// The first match in a line. `None` if there is none, and if every line matches.
    pub(crate) fn first_match(&self, line: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.first_match(line),
        }
    }

    /// Bytes at the beginning of a line's known part into which a match from before it may reach.
    pub(crate) fn reach(&self) -> usize {
        match self {
            LineFilter::All => 0,
            LineFilter::Literals(literals) => literals.reach(),
        }
    }

    /// Adds `piece` to the known part of a line. `rest` are the bytes that follow the piece in the
    /// line: at least the first [`LineFilter::reach`] of the known part. Returns the first match
    /// that begins in the piece.
    pub(crate) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.extend(partial, piece, rest),
        }
    }

    /// Whether the line matches. All of it must have been added.
    pub(crate) fn is_match(&self, partial: &PartialMatch) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.is_match(partial),
        }
    }
}
