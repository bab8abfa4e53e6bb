//! The filter of a search for lines: decides which lines match.

use super::block_scan::{BlockScan, Lines};
use super::compiled::{Caches, Compiled, Judges, Judging};
use super::fuel::Fuel;
use super::literals::{Literals, Match, PartialMatch};
use std::sync::Arc;

/// What a line must contain.
#[derive(Debug)]
pub(crate) enum LineFilter {
    /// No condition: every line matches.
    All,
    /// All of some literals.
    Literals(Literals),
    /// Conditions of every kind.
    Compiled(Arc<Compiled>),
}

/// How far a look at lines has come, and what it keeps for the next one.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    caches: Caches,
    block: Option<BlockScan>,
    /// Matching lines of that block so far.
    found: Vec<(u32, u32)>,
    line: Option<Judging>,
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

    /// Whether the filter searches a whole block in one go, without making other tasks wait long.
    pub(crate) fn takes_whole_blocks(&self) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.take_whole_blocks(),
            // In pieces, so that the newest records need not wait for the others.
            LineFilter::Compiled(_) => false,
        }
    }

    /// Whether other threads can match blocks.
    pub(crate) fn can_be_helped(&self) -> bool {
        match self {
            LineFilter::All => false,
            LineFilter::Literals(literals) => literals.take_whole_blocks(),
            LineFilter::Compiled(_) => true,
        }
    }

    /// Puts the bounds of every matching line of `block` from `from` on, oldest first, into `out`,
    /// which must be empty. `from` must be the beginning of a line, and the end of the block the end
    /// of a line's content. A run of at least `nul_run` NUL bytes at the beginning of a line is not
    /// part of the line. A pattern sees `limit` bytes of a line. False if other tasks should run
    /// first: `out` is then still empty, and the next call goes on from `progress`.
    ///
    /// # Panics
    /// If every line matches. There is nothing to search for then.
    pub(crate) fn matching_lines(
        &self,
        progress: &mut Progress,
        from: usize,
        block: &[u8],
        (nul_run, limit): (usize, usize),
        out: &mut Vec<(u32, u32)>,
    ) -> bool {
        match self {
            LineFilter::All => panic!("every line matches: the caller takes them as they come"),
            LineFilter::Literals(literals) => {
                literals.matching_lines(from, block, nul_run, out);
                true
            }
            LineFilter::Compiled(compiled) => {
                let lines = Lines { block, nul_run, limit };
                let scan = progress.block.get_or_insert_with(|| BlockScan::new(from, lines));
                let (caches, found) = (&mut progress.caches, &mut progress.found);
                let is_over = scan.go_on(compiled, caches, lines, &mut Fuel::turn(), found);
                if is_over {
                    progress.block = None;
                    std::mem::swap(found, out);
                }
                is_over
            }
        }
    }

    /// The first match in a line. `None` if there is none, and if every line matches.
    pub(crate) fn first_match(&self, progress: &mut Progress, line: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.first_match(line),
            LineFilter::Compiled(compiled) => compiled.first_match(&mut progress.caches, line),
        }
    }

    /// Bytes at the beginning of a line's known part into which a match from before it may reach.
    pub(crate) fn reach(&self) -> usize {
        match self {
            LineFilter::All => 0,
            LineFilter::Literals(literals) => literals.reach(),
            LineFilter::Compiled(compiled) => compiled.reach(),
        }
    }

    /// Bytes that are added to the known part of a line at once, before other tasks run.
    pub(crate) fn piece(&self) -> usize {
        match self {
            LineFilter::All | LineFilter::Literals(_) => usize::MAX,
            LineFilter::Compiled(compiled) => compiled.piece(),
        }
    }

    /// Adds `piece` to the known part of a line. `rest` are the bytes that follow the piece in the
    /// line: at least the first [`LineFilter::reach`] of the known part. Returns the first match
    /// that begins in the piece.
    pub(crate) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        match self {
            LineFilter::All => None,
            LineFilter::Literals(literals) => literals.extend(partial, piece, rest),
            LineFilter::Compiled(compiled) => compiled.extend(partial, piece, rest),
        }
    }

    /// Whether the line matches, as far as it is known without [`LineFilter::judge`]. All of it must
    /// have been added.
    pub(crate) fn is_match(&self, partial: &PartialMatch) -> bool {
        match self {
            LineFilter::All => true,
            LineFilter::Literals(literals) => literals.is_match(partial),
            LineFilter::Compiled(compiled) => compiled.is_match(partial),
        }
    }

    /// Whether a line that was added piece by piece has to be judged, too.
    pub(crate) fn needs_whole_lines(&self) -> bool {
        matches!(self, LineFilter::Compiled(compiled) if compiled.needs_whole_lines())
    }

    /// Judges a line that was added piece by piece. `head` is its beginning: all of it, or more than
    /// `limit` bytes, which are what a pattern sees. None if other tasks should run first: it then
    /// goes on from `progress`.
    pub(crate) fn judge(&self, progress: &mut Progress, head: &[u8], limit: usize) -> Option<bool> {
        let LineFilter::Compiled(compiled) = self else { return Some(true) };
        let judging = progress.line.get_or_insert_with(Judging::default);
        let line = (head, limit);
        let is_match =
            compiled.judge(&mut progress.caches, judging, Judges::Whole, line, &mut Fuel::turn())?;
        progress.line = None;
        Some(is_match)
    }

    /// Takes memory that others have left, to match a block on another thread.
    pub(crate) fn borrow_memory(&self) -> Progress {
        match self {
            LineFilter::Compiled(compiled) => {
                Progress { caches: compiled.borrow_caches(), ..Progress::default() }
            }
            _ => Progress::default(),
        }
    }

    /// Leaves the memory to others.
    pub(crate) fn return_memory(&self, progress: Progress) {
        if let LineFilter::Compiled(compiled) = self {
            compiled.return_caches(progress.caches);
        }
    }

    /// Frees the memory that is left.
    pub(crate) fn free_memory(&self) {
        if let LineFilter::Compiled(compiled) = self {
            compiled.free_caches();
        }
    }
}
