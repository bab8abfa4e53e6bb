//! Why conditions do not make a filter.

use crate::limits;
use crate::text::quoted;

/// Why conditions do not make a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There are more than [`limits::KEYWORDS`].
    #[error("{given} {name}: at most {most} are taken", most = limits::KEYWORDS)]
    TooMany {
        /// What there are too many of.
        name: &'static str,
        /// How many there are.
        given: usize,
    },
    /// One of several keywords holds a line feed.
    #[error(
        "a keyword that holds a line feed stands alone: keyword conflicts with another keyword; ask for it without the others"
    )]
    LineFeedNotAlone,
    /// A keyword holds a line feed, and there is another filter.
    #[error(
        "a keyword that holds a line feed stands alone: keyword conflicts with {0}; ask for it without {0}"
    )]
    LineFeedBeside(&'static str),
    /// One of the patterns is wrong.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

/// A pattern that is wrong or too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct PatternError {
    /// The parameter that holds it.
    pub parameter: &'static str,
    /// Bytes of it before the place that is wrong.
    pub position: usize,
    /// What is wrong, and what to write instead.
    pub detail: String,
}

impl PatternError {
    pub(super) fn new(parameter: &'static str, position: usize, detail: impl Into<String>) -> PatternError {
        PatternError { parameter, position, detail: detail.into() }
    }

    /// Quotes the pattern. `why` says what is wrong with it.
    pub(super) fn of(parameter: &'static str, pattern: &[u8], position: usize, why: &str) -> PatternError {
        let detail = format!("{parameter} is {}, and at byte {position} {why}", quoted(pattern));
        PatternError::new(parameter, position, detail)
    }

    pub(super) fn line_feed(parameter: &'static str, pattern: &[u8], position: usize) -> PatternError {
        let why = "it asks for a line feed, which is in no line: give each line's text on its own, or a keyword, which may hold one if it stands alone";
        PatternError::of(parameter, pattern, position, why)
    }
}
