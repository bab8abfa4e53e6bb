//! Globs for names. A match takes time linear in the length of the name, for every glob.
//!
//! `*` and `?` match bytes within one part of a path, `**` as a whole part matches any number of
//! parts, `[a-z]`, `[!a-z]` and `[[:digit:]]` match one byte, `{a,b}` matches either; `\` makes the
//! next character an ordinary one.
//!
//! Braces are expanded first. Then each alternative is a row of states in one bit vector, and each
//! byte of the name moves all states at once (Baeza-Yates and Gonnet, "A new approach to text
//! searching", 1992). A regular expression could express the same, but a hostile one costs
//! milliseconds for each name: it is followed state by state, or its automaton grows exponentially.

mod parse;
mod set;

pub use set::{Globs, GlobsError};

use crate::text::quoted;
use parse::{BRACES, Class, DEPTH, Unit};

/// The most states of all alternatives together. With so many, a name of usual length costs a few
/// microseconds, and the longest about 100 µs.
const STATES: usize = 1024;

const WORDS: usize = STATES / 64;

/// Why a glob is not valid. The text is a part of a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A `[` without `]`.
    #[error("a [ is not closed: close it with ], or write \\[ for the character itself")]
    OpenClass,
    /// `[z-a]`.
    #[error("the range {0}-{1} is empty: write the smaller end first")]
    EmptyRange(char, char),
    /// A class with a letter that takes several bytes.
    #[error("a class in [] holds a character that is not ASCII: write {{ä,ö}} instead of [äö]")]
    WideClass,
    /// Braces that do not match.
    #[error("its braces do not match: close each {{ with }}, or write \\{{ for the character itself")]
    OddBraces,
    /// A `\` at the end.
    #[error("it ends with \\, which needs a character after it: write \\\\ for the character itself")]
    LoneBackslash,
    /// A glob that would take too long to match.
    #[error(
        "it is too costly: all alternatives of its braces together may have {STATES} characters, in at most {BRACES} pairs of braces, nested at most {DEPTH} deep: use several simpler globs"
    )]
    TooCostly,
}

/// A glob, ready to match.
#[derive(Debug)]
pub struct Glob {
    words: usize,
    /// For each byte, in `words` words, the states that it moves to the next state.
    moves: Vec<u64>,
    /// States that stay where they are at any byte.
    stays: [u64; WORDS],
    /// States that stay where they are at any byte except a slash.
    stays_in_part: [u64; WORDS],
    /// States whose next state is entered together with them: `**/` also matches nothing.
    skips: [u64; WORDS],
    starts: [u64; WORDS],
    accepts: [u64; WORDS],
}

impl Glob {
    /// Reads a glob.
    pub fn parse(glob: &[u8]) -> Result<Glob, GlobError> {
        let mut built = Builder::new();
        built.add_all(parse::alternatives(glob)?)?;
        Ok(built.finish())
    }

    /// Bytes of memory that it takes.
    pub fn size(&self) -> usize {
        size_of::<Glob>() + self.moves.len() * size_of::<u64>()
    }

    /// Whether all of `name` matches.
    pub fn is_match(&self, name: &[u8]) -> bool {
        self.after(&[name]).is_some_and(|states| (0..self.words).any(|w| states[w] & self.accepts[w] != 0))
    }

    /// Whether a name below the directory `dir` can match.
    pub fn may_match_below(&self, dir: &[u8]) -> bool {
        self.after(&[dir, b"/"]).is_some()
    }

    /// Whether a name that begins with these bytes can match.
    pub fn may_match_from(&self, beginning: &[u8]) -> bool {
        self.after(&[beginning]).is_some()
    }

    /// The states after these bytes. `None` if there is none.
    fn after(&self, parts: &[&[u8]]) -> Option<[u64; WORDS]> {
        let mut states = self.starts;
        for byte in parts.iter().copied().flatten().copied() {
            let moves = &self.moves[usize::from(byte) * self.words..];
            let stays_in_part = if byte == b'/' { 0 } else { u64::MAX };
            let (mut over, mut skipped, mut any) = (0, 0, 0);
            for w in 0..self.words {
                let hit = states[w] & moves[w];
                let mut next = hit << 1 | over;
                over = hit >> 63;
                let skips = next & self.skips[w];
                next |= skips << 1 | skipped;
                skipped = skips >> 63;
                next |= states[w] & (self.stays[w] | self.stays_in_part[w] & stays_in_part);
                states[w] = next;
                any |= next;
            }
            if any == 0 {
                return None;
            }
        }
        Some(states)
    }
}

struct Builder {
    glob: Glob,
    /// For each byte, the states that it moves.
    moves: Vec<[u64; WORDS]>,
    classes: Vec<Class>,
    /// States so far.
    len: usize,
    /// The states that any byte except a slash moves.
    any: [u64; WORDS],
}

impl Builder {
    fn new() -> Builder {
        let none = [0; WORDS];
        let glob = Glob {
            words: 0,
            moves: Vec::new(),
            stays: none,
            stays_in_part: none,
            skips: none,
            starts: none,
            accepts: none,
        };
        Builder { glob, moves: vec![none; 256], classes: Vec::new(), len: 0, any: none }
    }

    /// Whether so many states are taken that these alternatives may not fit.
    fn is_full_for(&self, alternatives: &[Vec<Unit>]) -> bool {
        // A unit has one state at most, and each alternative one more, in which it ends.
        self.len + alternatives.iter().map(|units| units.len() + 1).sum::<usize>() > STATES
    }

    /// Adds the alternatives of a glob, with the classes to which they refer.
    fn add_all(&mut self, (alternatives, classes): (Vec<Vec<Unit>>, Vec<Class>)) -> Result<(), GlobError> {
        self.classes = classes;
        alternatives.iter().try_for_each(|alternative| self.add(alternative))
    }

    fn add(&mut self, units: &[Unit]) -> Result<(), GlobError> {
        let start = self.state()?;
        set(&mut self.glob.starts, start);
        let mut at = 0;
        while let Some(unit) = units.get(at) {
            let state = self.state()?;
            match unit {
                Unit::Star | Unit::TwoStars => {
                    let is_part = *unit == Unit::TwoStars && (at == 0 || units[at - 1] == Unit::Byte(b'/'));
                    at += 1;
                    match units.get(at) {
                        None if is_part => set(&mut self.glob.stays, state),
                        Some(Unit::Byte(b'/')) if is_part => {
                            at += 1;
                            // A second `**/` in a row adds nothing.
                            if state == 0 || !is_set(&self.glob.skips, state - 1) {
                                set(&mut self.glob.stays, state);
                                set(&mut self.glob.skips, state);
                                set(&mut self.moves[usize::from(b'/')], state);
                                self.len += 1;
                            }
                        }
                        _ => set(&mut self.glob.stays_in_part, state),
                    }
                    continue;
                }
                Unit::Byte(byte) => set(&mut self.moves[usize::from(*byte)], state),
                Unit::Any => set(&mut self.any, state),
                Unit::Class(class) => {
                    let members = self.classes[*class].iter().zip(&mut self.moves);
                    members.filter(|(is_member, _)| **is_member).for_each(|(_, moves)| set(moves, state));
                }
            }
            self.len += 1;
            at += 1;
        }
        let end = self.state()?;
        set(&mut self.glob.accepts, end);
        self.len += 1;
        Ok(())
    }

    /// The state in which the next unit begins.
    fn state(&self) -> Result<usize, GlobError> {
        if self.len < STATES { Ok(self.len) } else { Err(GlobError::TooCostly) }
    }

    fn finish(mut self) -> Glob {
        let glob = &mut self.glob;
        glob.words = self.len.div_ceil(64);
        for (byte, moves) in self.moves.iter_mut().enumerate() {
            if byte != usize::from(b'/') {
                moves.iter_mut().zip(&self.any).for_each(|(moves, any)| *moves |= any);
            }
            glob.moves.extend_from_slice(&moves[..glob.words]);
        }
        let mut skipped = 0;
        for w in 0..glob.words {
            let skips = glob.starts[w] & glob.skips[w];
            glob.starts[w] |= skips << 1 | skipped;
            skipped = skips >> 63;
        }
        self.glob
    }
}

fn set(states: &mut [u64; WORDS], state: usize) {
    states[state / 64] |= 1 << (state % 64);
}

fn is_set(states: &[u64; WORDS], state: usize) -> bool {
    states[state / 64] >> (state % 64) & 1 != 0
}

/// The message for a parameter that is not a valid glob.
pub fn refusal(name: &str, glob: &[u8], error: &GlobError) -> String {
    format!("{name} is {}: {error}", quoted(glob))
}

#[cfg(test)]
mod tests;
