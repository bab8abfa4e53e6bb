//! Conditions, compiled: what a search for lines asks of each of them.

use super::automaton::Room;
use super::conditions::Conditions;
use super::error::PatternError;
use super::fuel::Fuel;
use super::literals::{Match, PartialMatch, earlier};
use super::part::{Look, Part};
use super::syntax;
use crate::limits;
use regex_automata::hybrid::dfa::Cache;
use regex_syntax::hir::Hir;
use std::sync::{Mutex, PoisonError};
use tokio::sync::OwnedSemaphorePermit;

/// The states that the automata of one search have made, part by part.
pub(super) type Caches = Vec<Option<Cache>>;

/// Bytes of the excluded literals that are searched for together, at most. Their automaton takes
/// 128 bytes for each. More of them are searched for one by one, which takes no memory.
const TOGETHER: usize = 2 << 10;

/// Bytes of a long line that all literals together look at in a turn, at most, and the fewest that
/// are worth one.
const PIECE: usize = if cfg!(test) { 6 } else { 32 << 10 };
const MIN_PIECE: usize = if cfg!(test) { 2 } else { 1 << 10 };

/// All conditions of a query, compiled.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// What a line must meet, and behind it what it must not meet. Of each of the two, the rarest
    /// comes first: it is searched for in whole blocks.
    pub(super) parts: Vec<Part>,
    pub(super) required: usize,
    /// Whether each part is found in a line of any length, piece by piece.
    is_streamed: bool,
    /// Bytes of a line that a pattern may have to look back from its end.
    reach: usize,
    /// Bytes of the compiled patterns.
    size: usize,
    /// The share of the memory for the compiled patterns of all requests.
    pub(super) share: Option<OwnedSemaphorePermit>,
    /// Caches of threads that help, for their next block.
    spare: Mutex<Vec<Caches>>,
}

/// How far the judging of one line has come.
#[derive(Debug, Default)]
pub(super) struct Judging {
    part: usize,
    look: Look,
}

/// Which parts judge a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judges {
    All,
    /// All but the first of those that are searched for.
    AllBut(usize),
    /// Those that need the line as a whole.
    Whole,
}

impl Compiled {
    /// Compiles the conditions. This may take many milliseconds.
    pub(super) fn new(conditions: &Conditions) -> Result<Compiled, PatternError> {
        let Conditions { keywords, regexes, excludes, exclude_regexes, ignore_case } = conditions;
        let folded = if *ignore_case { keywords.len() } else { 0 };
        let mut room = Room::of(folded + regexes.len() + 2);
        let mut keywords = keywords.clone();
        keywords.sort();
        keywords.dedup();
        let mut required = Vec::new();
        for keyword in &keywords {
            required.push(any_literal("keyword", std::slice::from_ref(keyword), *ignore_case, &mut room)?);
        }
        for regex in regexes {
            let hir = syntax::parse("regex", regex, *ignore_case)?;
            required.push(Part::pattern(&hir, &mut room).map_err(|_| too_large("regex", regex))?);
        }
        let mut excluded = Vec::new();
        if excludes.iter().map(Vec::len).sum::<usize>() <= TOGETHER {
            if !excludes.is_empty() {
                excluded.push(any_literal("exclude", excludes, *ignore_case, &mut room)?);
            }
        } else {
            for exclude in excludes {
                excluded.push(any_literal(
                    "exclude",
                    std::slice::from_ref(exclude),
                    *ignore_case,
                    &mut room,
                )?);
            }
        }
        if let Some(last) = exclude_regexes.last() {
            let hirs: Result<Vec<Hir>, PatternError> = exclude_regexes
                .iter()
                .map(|regex| syntax::parse("exclude_regex", regex, *ignore_case))
                .collect();
            let any = Hir::alternation(hirs?);
            excluded.push(Part::pattern(&any, &mut room).map_err(|_| too_large("exclude_regex", last))?);
        }
        required.sort_by_key(|part| std::cmp::Reverse(part.rarity()));
        excluded.sort_by_key(|part| std::cmp::Reverse(part.rarity()));
        let is_streamed = required.iter().chain(&excluded).all(|part| part.longest().is_some());
        let longest = required.iter().chain(&excluded).filter_map(Part::longest).max();
        let required_len = required.len();
        required.append(&mut excluded);
        Ok(Compiled {
            parts: required,
            required: required_len,
            is_streamed,
            reach: longest.map_or(0, |longest| longest - 1),
            size: room.used(),
            share: None,
            spare: Mutex::default(),
        })
    }

    /// Bytes of the compiled patterns.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// As [`LineFilter::reach`](super::LineFilter::reach) says.
    pub(super) fn reach(&self) -> usize {
        self.reach
    }

    /// As [`LineFilter::piece`](super::LineFilter::piece) says. Where two pieces meet, as much as
    /// twice the reach is looked at once more.
    pub(super) fn piece(&self) -> usize {
        (PIECE / self.parts.len()).max(MIN_PIECE).max(2 * self.reach)
    }

    /// Whether a line of several blocks has to be judged once all of it is known.
    pub(super) fn needs_whole_lines(&self) -> bool {
        !self.is_streamed
    }

    /// Whether the text around a match is shown of a long line. A pattern sees only its beginning.
    fn shows_matches(&self) -> bool {
        self.parts[..self.required].iter().all(|part| part.longest().is_some())
    }

    pub(super) fn extend(&self, partial: &mut PartialMatch, piece: &[u8], rest: &[u8]) -> Option<Match> {
        let PartialMatch { found, is_excluded, scratch, caches } = partial;
        caches.resize_with(self.parts.len(), || None);
        let mut first = None;
        for (index, (part, cache)) in self.parts.iter().zip(caches).enumerate() {
            let is_required = index < self.required;
            let Some(longest) = part.longest() else { continue };
            if !is_required && *is_excluded {
                continue;
            }
            let found_at = part.find(cache, piece).or_else(|| {
                let (tail, head) = (piece.len().min(longest - 1), rest.len().min(longest - 1));
                if tail == 0 || head == 0 {
                    return None;
                }
                scratch.clear();
                scratch.extend_from_slice(&piece[piece.len() - tail..]);
                scratch.extend_from_slice(&rest[..head]);
                let (at, len) = part.find(cache, scratch)?;
                Some((piece.len() - tail + at, len))
            });
            if let Some((at, len)) = found_at {
                if is_required {
                    *found |= 1 << index;
                    first = earlier(first, Match { at, len });
                } else {
                    *is_excluded = true;
                }
            }
        }
        first.filter(|_| self.shows_matches())
    }

    /// Whether the line meets all conditions that are looked at piece by piece.
    pub(super) fn is_match(&self, partial: &PartialMatch) -> bool {
        let streamed = |part: &Part| part.longest().is_some();
        let wanted = self.parts[..self.required].iter().enumerate().filter(|(_, part)| streamed(part));
        !partial.is_excluded && wanted.into_iter().all(|(index, _)| partial.found & (1 << index) != 0)
    }

    /// The first match in a long line.
    pub(super) fn first_match(&self, caches: &mut Caches, line: &[u8]) -> Option<Match> {
        if !self.shows_matches() {
            return None;
        }
        caches.resize_with(self.parts.len(), || None);
        let required = self.parts[..self.required].iter().zip(caches);
        required.fold(None, |first, (part, cache)| match part.find(cache, line) {
            Some((at, len)) => earlier(first, Match { at, len }),
            None => first,
        })
    }

    /// Whether a line is a record, as far as these judges say. A pattern sees the first `limit`
    /// bytes of it. None if there was no fuel left.
    pub(super) fn judge(
        &self,
        caches: &mut Caches,
        judging: &mut Judging,
        judges: Judges,
        (line, limit): (&[u8], usize),
        fuel: &mut Fuel,
    ) -> Option<bool> {
        caches.resize_with(self.parts.len(), || None);
        while let Some(part) = self.parts.get(judging.part) {
            let is_asked = match judges {
                Judges::All => true,
                Judges::AllBut(one) => judging.part != one,
                Judges::Whole => part.longest().is_none(),
            };
            if is_asked {
                let to = if part.longest().is_some() { line.len() } else { line.len().min(limit) };
                let cache = &mut caches[judging.part];
                let is_met = part.is_met(cache, line, to, &mut judging.look, fuel)?;
                if is_met != (judging.part < self.required) {
                    return Some(false);
                }
            }
            *judging = Judging { part: judging.part + 1, look: Look::default() };
        }
        Some(true)
    }

    /// Caches for a block that another thread matches.
    pub(super) fn borrow_caches(&self) -> Caches {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(super) fn return_caches(&self, caches: Caches) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(caches);
    }

    pub(super) fn free_caches(&self) {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn any_literal(
    parameter: &'static str,
    literals: &[Vec<u8>],
    ignore_case: bool,
    room: &mut Room,
) -> Result<Part, PatternError> {
    let large = || too_large(parameter, &literals[0]);
    if !ignore_case {
        return Part::literals(literals, room).map_err(|_| large());
    }
    let any = Hir::alternation(literals.iter().map(|literal| syntax::folded(literal)).collect());
    Part::folded(&any, room).map_err(|_| large())
}

fn too_large(parameter: &'static str, pattern: &[u8]) -> PatternError {
    let why = format!(
        "the compiled patterns have more than {} bytes together: shorten or simplify it, for example its counted repetitions and classes of Unicode",
        limits::COMPILED_BYTES
    );
    PatternError::of(parameter, pattern, 0, &why)
}
