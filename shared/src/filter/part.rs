//! One condition: any of some literals, or a pattern.

use super::automaton::{Automaton, Outcome, Room, TooLarge, Walk};
use super::fuel::Fuel;
use super::needles::{self, Found, Needles};
use regex_automata::hybrid::dfa::Cache;
use regex_syntax::hir::{Hir, HirKind};

/// One condition. It has an automaton, or needles, or both: then only lines with a needle are looked
/// at with the automaton.
#[derive(Debug)]
pub(super) struct Part {
    needles: Option<Needles>,
    automaton: Option<Automaton>,
    /// For literals, in any case of their letters: the bytes of a match, at most. They are found in
    /// a line of any length.
    longest: Option<usize>,
}

/// How far the look at one line has come.
#[derive(Debug, Default)]
pub(super) struct Look {
    /// Where the search for needles goes on.
    sought: usize,
    is_sought: bool,
    walk: Walk,
}

/// Where a search for a [`Hit`] has come to.
#[derive(Debug)]
pub(super) enum Sought {
    Hit(Hit),
    /// There is none.
    Nothing,
    /// It is not over: there was no fuel left.
    Tired,
}

/// A place where a condition may be met.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Whether the line of this place meets the condition.
    pub(super) is_sure: bool,
}

impl Part {
    /// Any of these literals, of which none is empty. Takes what it needs off `room`.
    pub(super) fn literals(literals: &[Vec<u8>], room: &mut Room) -> Result<Part, TooLarge> {
        let longest = literals.iter().map(Vec::len).max();
        if let Some(needles) = needles::new(literals, room) {
            return Ok(Part { needles: Some(needles), automaton: None, longest });
        }
        let any = Hir::alternation(literals.iter().map(|one| Hir::literal(one.clone())).collect());
        Ok(Part { needles: None, automaton: Some(Automaton::new(&any, room)?), longest })
    }

    /// The literals that this pattern stands for, in any case of their letters. Takes what it
    /// needs off `room`.
    pub(super) fn folded(hir: &Hir, room: &mut Room) -> Result<Part, TooLarge> {
        if let HirKind::Literal(literal) = hir.kind() {
            return Part::literals(&[literal.0.to_vec()], room);
        }
        let longest = hir.properties().maximum_len();
        Ok(Part { longest, ..Part::pattern(hir, room)? })
    }

    /// A pattern.
    pub(super) fn pattern(hir: &Hir, room: &mut Room) -> Result<Part, TooLarge> {
        let automaton = Automaton::new(hir, room)?;
        Ok(Part { needles: needles::of(hir, room), automaton: Some(automaton), longest: None })
    }

    /// How rare a hit may be: the higher, the rarer.
    pub(super) fn rarity(&self) -> usize {
        self.needles.as_ref().map_or(0, |needles| needles.rarity)
    }

    /// Whether it is found in a line of any length, piece by piece. A pattern needs the line.
    pub(super) fn longest(&self) -> Option<usize> {
        self.longest
    }

    /// Whether a line meets the condition. `to`: the end of what a pattern sees. None if there was
    /// no fuel left.
    pub(super) fn is_met(
        &self,
        cache: &mut Option<Cache>,
        line: &[u8],
        to: usize,
        look: &mut Look,
        fuel: &mut Fuel,
    ) -> Option<bool> {
        if let (Some(needles), false) = (&self.needles, look.is_sought) {
            let found = match needles.seek(line, (look.sought, to), fuel) {
                Found::At(_) => true,
                Found::Nothing => false,
                Found::Tired(at) => {
                    look.sought = at;
                    return None;
                }
            };
            if !found || self.automaton.is_none() {
                return Some(found);
            }
            look.is_sought = true;
        }
        let Some(automaton) = &self.automaton else { return Some(false) };
        let cache = cache.get_or_insert_with(|| automaton.cache());
        match automaton.walk(cache, line, to, &mut look.walk, fuel) {
            Outcome::Match(_) => Some(true),
            Outcome::Miss => Some(false),
            Outcome::Tired => None,
        }
    }

    /// The next place in whole lines where the condition may be met, from where the walk is.
    pub(super) fn next_hit(
        &self,
        cache: &mut Option<Cache>,
        lines: &[u8],
        walk: &mut Walk,
        fuel: &mut Fuel,
    ) -> Sought {
        if let Some(needles) = &self.needles {
            return match needles.seek(lines, (walk.place(), lines.len()), fuel) {
                Found::At(found) => {
                    let is_sure = self.automaton.is_none();
                    Sought::Hit(Hit { start: found.start, end: found.end, is_sure })
                }
                Found::Nothing => Sought::Nothing,
                Found::Tired(at) => {
                    *walk = Walk::from(at);
                    Sought::Tired
                }
            };
        }
        let Some(automaton) = &self.automaton else { return Sought::Nothing };
        let cache = cache.get_or_insert_with(|| automaton.cache());
        match automaton.walk(cache, lines, lines.len(), walk, fuel) {
            // Where a match begins is not known, but it lies in the line in which it ends.
            Outcome::Match(end) => Sought::Hit(Hit { start: end, end, is_sure: true }),
            Outcome::Miss => Sought::Nothing,
            Outcome::Tired => Sought::Tired,
        }
    }

    /// Where the first of the literals stands, and its length, in bytes that may be a part of a line.
    /// With several spellings, the longest one is taken for the length, so the place may begin before
    /// the match.
    pub(super) fn find(&self, cache: &mut Option<Cache>, bytes: &[u8]) -> Option<(usize, usize)> {
        let sought = match &self.needles {
            Some(needles) => Some(needles.find(bytes)?),
            None => None,
        };
        let Some(automaton) = &self.automaton else { return sought.map(|found| (found.start, found.len())) };
        let cache = cache.get_or_insert_with(|| automaton.cache());
        match automaton.walk(cache, bytes, bytes.len(), &mut Walk::default(), &mut Fuel::endless()) {
            Outcome::Match(end) => {
                let start = end.saturating_sub(self.longest.unwrap_or(end));
                Some((start, end - start))
            }
            Outcome::Miss | Outcome::Tired => None,
        }
    }
}
