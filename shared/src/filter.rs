//! What a record must contain, and what it must not contain.
//!
//! A [`Filter`] is made once, from the query, and only here is it decided which kind of search the
//! query needs. `scan` has two: one for lines, and one for records of several lines. A search for
//! lines needs three operations of its `LineFilter`: the matching lines of a block, the first match
//! in a line, and a state for a line that has been read only in part.
//!
//! Literals alone have a filter of their own (`literals.rs`). Conditions of other kinds are compiled
//! first ([`Filter::compile`]), and then searched for in steps, because a pattern may be slow:
//!
//! - [`Conditions`]: what the client wrote; `syntax.rs` gives a pattern its meaning in bytes.
//! - `compiled.rs`: the parts, each with the literals that are searched for first (`needles.rs`) and
//!   the pattern as an automaton (`automaton.rs`).
//! - `block_scan.rs`: the matching lines of a block.
//! - `fuel.rs`: how much is done at once.

mod automaton;
mod block_scan;
mod compiled;
mod compiler;
mod conditions;
mod error;
mod fuel;
mod keyword;
mod lines;
mod literals;
mod needles;
mod part;
mod patterns;
mod syntax;

pub use conditions::Conditions;
pub use error::{FilterError, PatternError};
pub(crate) use keyword::Keyword;
pub(crate) use lines::{LineFilter, Progress};
pub(crate) use literals::{Match, PartialMatch};
pub use patterns::{CompileError, Patterns};

/// What a record must contain, and what it must not contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Filter {
    /// No condition: every line is a record.
    #[default]
    All,
    /// All of these literals: a line that holds each of them is a record. None is empty or holds a
    /// line feed.
    #[non_exhaustive]
    Literals(Vec<Vec<u8>>),
    /// This literal, which holds a line feed: the lines that one of its matches joins are a record.
    #[non_exhaustive]
    AcrossLines(Vec<u8>),
    /// Conditions of other kinds, too: a line that meets all of them is a record.
    #[non_exhaustive]
    Patterns(Patterns),
}

impl Filter {
    /// The filter of a query with these keywords. An empty keyword is left out, because every line
    /// holds it.
    pub fn new(keywords: Vec<Vec<u8>>) -> Result<Filter, FilterError> {
        Filter::of(Conditions { keywords, ..Conditions::default() })
    }

    /// The filter of a query with these conditions. An empty one is left out.
    pub fn of(conditions: Conditions) -> Result<Filter, FilterError> {
        let mut conditions = conditions.without_empty();
        if conditions.named().next().is_none() {
            return Ok(Filter::All);
        }
        conditions.check()?;
        let beside = conditions.beside_keywords();
        if conditions.keywords.iter().any(|keyword| keyword.contains(&b'\n')) {
            return match beside {
                Some(other) => Err(FilterError::LineFeedBeside(other)),
                None if conditions.keywords.len() > 1 => Err(FilterError::LineFeedNotAlone),
                None => Ok(Filter::AcrossLines(conditions.keywords.remove(0))),
            };
        }
        match beside {
            None => Ok(Filter::Literals(conditions.keywords)),
            Some(_) => Ok(Filter::Patterns(Patterns::new(conditions))),
        }
    }

    /// Compiles the patterns, if there are any, without holding up the caller's thread. Must come
    /// before a search.
    pub async fn compile(&self) -> Result<(), CompileError> {
        match self {
            Filter::Patterns(patterns) => patterns.compile().await,
            _ => Ok(()),
        }
    }

    /// The same, but nothing is kept: for a server that only passes the filter on.
    pub async fn check(&self) -> Result<(), CompileError> {
        match self {
            Filter::Patterns(patterns) => patterns.check().await,
            _ => Ok(()),
        }
    }

    /// Compiles them on the caller's thread. This may take many milliseconds.
    pub fn compile_here(&self) -> Result<(), PatternError> {
        match self {
            Filter::Patterns(patterns) => patterns.compile_here(),
            _ => Ok(()),
        }
    }

    /// The keywords that this filter was made from, without empty ones.
    pub fn keywords(&self) -> &[Vec<u8>] {
        match self {
            Filter::All => &[],
            Filter::Literals(keywords) => keywords,
            Filter::AcrossLines(keyword) => std::slice::from_ref(keyword),
            Filter::Patterns(patterns) => &patterns.conditions().keywords,
        }
    }

    /// The conditions, if there are others than keywords.
    pub fn conditions(&self) -> Option<&Conditions> {
        match self {
            Filter::Patterns(patterns) => Some(patterns.conditions()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
