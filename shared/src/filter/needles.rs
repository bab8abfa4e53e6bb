//! Literals, one of which is in each match of a pattern. They are searched for in whole blocks, much
//! faster than an automaton can, and only the lines that hold one are looked at with the pattern.

use regex_automata::MatchKind;
use regex_automata::util::prefilter::Prefilter;
use regex_syntax::hir::literal::{ExtractKind, Extractor, Seq};
use regex_syntax::hir::{Hir, HirKind};

/// Literals of a set, at most. With more, a search for all of them is slow.
const SET: usize = 64;

/// Shorter literals are in too many lines to be worth searching for, before the pattern itself.
const SHORTEST: usize = 3;

/// The bytes of each literal that make it rare. More than that hardly matters.
const RARE: usize = 12;

/// A search for literals, and how rare they may be: the higher, the rarer.
#[derive(Debug)]
pub(super) struct Needles {
    pub(super) search: Prefilter,
    pub(super) rarity: usize,
}

/// The best set of literals for this pattern. None if no set is worth it.
pub(super) fn of(hir: &Hir) -> Option<Needles> {
    let mut sets: Vec<Vec<Vec<u8>>> = inner(hir).into_iter().collect();
    let mut prefixes = Extractor::new().kind(ExtractKind::Prefix).extract(hir);
    prefixes.optimize_for_prefix_by_preference();
    let mut suffixes = Extractor::new().kind(ExtractKind::Suffix).extract(hir);
    suffixes.optimize_for_suffix_by_preference();
    sets.extend([prefixes, suffixes].iter().filter_map(literals));
    let best = sets.into_iter().filter(|set| set.len() <= SET).max_by_key(|set| rarity(set))?;
    let needles = new(&best).filter(|_| shortest(&best) >= SHORTEST)?;
    needles.search.is_fast().then_some(needles)
}

/// A search for any of these literals.
pub(super) fn new(literals: &[Vec<u8>]) -> Option<Needles> {
    let search = Prefilter::new(MatchKind::LeftmostFirst, literals)?;
    Some(Needles { search, rarity: rarity(literals) })
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
