//! A pattern as a deterministic automaton, whose states are made when they are first needed.
//!
//! It is stepped byte by byte here, and not run over a whole line by its crate, so that it can stop
//! anywhere and go on later: with the slowest patterns, each byte needs a new state, and each new
//! state looks at every part of the pattern. A line may have a million bytes.

use super::fuel::Fuel;
use crate::limits;
use regex_automata::Input;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use regex_syntax::hir::Hir;

/// Bytes of states that are kept for all automata of a filter together, on each thread; each of them
/// has its share, and more if it could not work with that. With fewer than it needs, states are made
/// again and again, which is slow and nothing else.
const CACHE_BYTES: usize = 1 << 20;

/// What the automata of one filter may take.
#[derive(Debug)]
pub(super) struct Room {
    /// Bytes of compiled patterns that are left.
    compiled: usize,
    /// Bytes of the states of one.
    cache: usize,
}

impl Room {
    /// For so many automata at most.
    pub(super) fn of(automata: usize) -> Room {
        Room { compiled: limits::COMPILED_BYTES, cache: CACHE_BYTES / automata.max(1) }
    }

    /// Takes so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        self.compiled = self.compiled.checked_sub(bytes).ok_or(TooLarge)?;
        Ok(())
    }

    /// Bytes of the patterns that were compiled.
    pub(super) fn used(&self) -> usize {
        limits::COMPILED_BYTES - self.compiled
    }
}

/// What a new state costs in nanoseconds, measured: this, and what follows for each state of the
/// pattern, all of which it may hold.
const NEW_STATE: usize = 400;
const EACH_STATE: usize = 16;

/// Bytes for which each state of a pattern counts at least, so that no new state of the automaton
/// takes much longer than a turn: 8,192 of them take about 100 µs.
const STATE_BYTES: usize = 128;

/// What it costs to begin.
const BEGIN: usize = 10;

/// An automaton. It finds where the first match to end ends.
#[derive(Debug)]
pub(super) struct Automaton {
    dfa: DFA,
    new_state: usize,
}

/// How far an automaton has come in a text.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Walk {
    at: usize,
    state: Option<LazyStateID>,
}

impl Walk {
    /// Where it goes on.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    pub(super) fn from(at: usize) -> Walk {
        Walk { at, state: None }
    }
}

/// Where a walk has come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The first match ends here.
    Match(usize),
    /// There is no match.
    Miss,
    /// It is not over: there was no fuel left.
    Tired,
}

/// The compiled pattern is larger than it may be.
#[derive(Debug)]
pub(super) struct TooLarge;

impl Automaton {
    /// The automaton, if there is room.
    pub(super) fn new(hir: &Hir, room: &mut Room) -> Result<Automaton, TooLarge> {
        let config =
            Config::new().utf8(false).nfa_size_limit(Some(room.compiled)).which_captures(WhichCaptures::None);
        // The only other error is a pattern with too many groups, which are not compiled.
        let nfa = Compiler::new().configure(config).build_from_hir(hir).map_err(|_| TooLarge)?;
        let states = nfa.states().len();
        let size = nfa.memory_usage().max(states * STATE_BYTES);
        room.take(size)?;
        let config = DFA::config().cache_capacity(room.cache).skip_cache_capacity_check(true);
        // It fails with a word boundary of Unicode alone, and the parser has refused those.
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).map_err(|_| TooLarge)?;
        Ok(Automaton { dfa, new_state: NEW_STATE + EACH_STATE * states })
    }

    /// An empty cache for it.
    pub(super) fn cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    /// Goes on with a walk through `text`, up to `to`. What stands around it is looked at by `^`,
    /// `$` and `\b`.
    pub(super) fn walk(
        &self,
        cache: &mut Cache,
        text: &[u8],
        to: usize,
        walk: &mut Walk,
        fuel: &mut Fuel,
    ) -> Outcome {
        let mut at = walk.at;
        let mut state = walk.state.unwrap_or_else(|| {
            fuel.burn(BEGIN);
            let input = Input::new(text).span(at..to);
            self.dfa.start_state_forward(cache, &input).expect(NEVER_FAILS)
        });
        while at < to {
            if fuel.is_out() {
                *walk = Walk { at, state: Some(state) };
                return Outcome::Tired;
            }
            let from = at;
            let stop = to.min(at.saturating_add(fuel.left()));
            for &byte in &text[from..stop] {
                let mut next = self.dfa.next_state_untagged(cache, state, byte);
                if next.is_tagged() {
                    let is_new = next.is_unknown();
                    if is_new {
                        next = self.dfa.next_state(cache, state, byte).expect(NEVER_FAILS);
                    }
                    if next.is_match() {
                        fuel.burn(at - from);
                        return Outcome::Match(at);
                    }
                    if next.is_dead() {
                        return Outcome::Miss;
                    }
                    if is_new {
                        state = next;
                        at += 1;
                        fuel.burn(self.new_state);
                        break;
                    }
                }
                state = next;
                at += 1;
            }
            fuel.burn(at - from);
        }
        let end = match text.get(to) {
            Some(&byte) => self.dfa.next_state(cache, state, byte),
            None => self.dfa.next_eoi_state(cache, state),
        };
        if end.expect(NEVER_FAILS).is_match() { Outcome::Match(to) } else { Outcome::Miss }
    }
}

/// A cache that is full is cleared as often as necessary, and no byte is one at which it stops.
const NEVER_FAILS: &str = "the automaton has no limit at which it gives up";
