//! Literals, one of which is in each match of a pattern. They are searched for in whole blocks, much
//! faster than an automaton can, and only the lines that hold one are looked at with the pattern.

use super::automaton::Room;
use super::fuel::Fuel;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{MatchKind, Span};
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, HirKind};

/// Literals of a set, at most. With more, a search for all of them is slow.
const SET: usize = 64;

/// Bytes of the literals of a set, at most. A set takes up to 1 KiB of tables for each of them, and a
/// search for it may compare as many at each byte of a text.
const SET_BYTES: usize = 512;

/// Literals of a set that are compared in the time of one unit of fuel.
const COMPARED: usize = 4;

/// Shorter literals are in too many lines to be worth searching for, before the pattern itself.
const SHORTEST: usize = 3;

/// The bytes of each literal that make it rare. More than that hardly matters.
const RARE: usize = 12;

/// A search for literals, and how rare they may be: the higher, the rarer.
#[derive(Debug)]
pub(super) struct Needles {
    search: Prefilter,
    pub(super) rarity: usize,
    /// Bytes of the longest literal.
    longest: usize,
    /// What each byte of a text may cost.
    cost: usize,
}

/// Where a search for literals has come to.
pub(super) enum Found {
    At(Span),
    Nothing,
    /// There was no fuel left. The search goes on here.
    Tired(usize),
}

impl Needles {
    /// The first literal in `text` between `from` and `to`, searched for as far as the fuel goes.
    pub(super) fn seek(&self, text: &[u8], (mut from, to): (usize, usize), fuel: &mut Fuel) -> Found {
        loop {
            if fuel.is_out() {
                return Found::Tired(from);
            }
            let step = (fuel.left() / self.cost).max(2 * self.longest);
            let past = to.min(from.saturating_add(step));
            if let Some(found) = self.search.find(text, Span::from(from..past)) {
                fuel.burn(1 + (found.end - from) * self.cost);
                return Found::At(found);
            }
            fuel.burn(1 + (past - from) * self.cost);
            if past == to {
                return Found::Nothing;
            }
            // A literal may lie across the end of the step.
            from = past - (self.longest - 1);
        }
    }

    /// The same in one go.
    pub(super) fn find(&self, text: &[u8]) -> Option<Span> {
        self.search.find(text, Span::from(0..text.len()))
    }
}

/// The best set of literals for this pattern. None if no set is worth it.
pub(super) fn of(hir: &Hir, room: &mut Room) -> Option<Needles> {
    let mut sets: Vec<Vec<Vec<u8>>> = inner(hir).into_iter().collect();
    let mut prefixes = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    prefixes.optimize_for_prefix_by_preference();
    let mut suffixes = Extractor::new().kind(ExtractKind::Suffix).extract(hir);
    suffixes.optimize_for_suffix_by_preference();
    sets.extend([prefixes, suffixes].iter().filter_map(literals));
    let best = sets.into_iter().filter(|set| is_small(set)).max_by_key(|set| rarity(set))?;
    if shortest(&best) < SHORTEST {
        return None;
    }
    new(&best, room).filter(|needles| needles.search.is_fast())
}

/// A search for any of these literals. None if there is one that is empty, and if there is no room.
pub(super) fn new(literals: &[Vec<u8>], room: &mut Room) -> Option<Needles> {
    if literals.len() > 1 && !is_small(literals) {
        return None;
    }
    let search = Prefilter::new(MatchKind::LeftmostFirst, literals)?;
    // A single literal takes little more than itself, which the query holds, too.
    if literals.len() > 1 {
        room.take(search.memory_usage()).ok()?;
    }
    let longest = literals.iter().map(Vec::len).max()?;
    Some(Needles { search, rarity: rarity(literals), longest, cost: 1 + literals.len() / COMPARED })
}

fn is_small(set: &[Vec<u8>]) -> bool {
    set.len() == 1 || set.len() <= SET && set.iter().map(Vec::len).sum::<usize>() <= SET_BYTES
}

fn literals(seq: &Seq) -> Option<Vec<Vec<u8>>> {
    Some(seq.literals()?.iter().map(|literal| literal.as_bytes().to_vec()).collect())
}

fn shortest(set: &[Vec<u8>]) -> usize {
    set.iter().map(Vec::len).min().unwrap_or(0)
}

/// By the length of the shortest one; of sets that have that in common, the smaller one is rarer.
fn rarity(set: &[Vec<u8>]) -> usize {
    2 * SET * shortest(set).min(RARE) + (2 * SET).saturating_sub(set.len())
}

/// Literals from anywhere in the pattern.
fn inner(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Literal(literal) => Some(vec![literal.0.to_vec()]),
        HirKind::Repetition(repetition) if repetition.min > 0 => inner(&repetition.sub),
        HirKind::Concat(parts) => parts.iter().filter_map(inner).max_by_key(|set| rarity(set)),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(inner(branch)?);
                if all.len() > SET {
                    return None;
                }
            }
            Some(all)
        }
        _ => None,
    }
}
