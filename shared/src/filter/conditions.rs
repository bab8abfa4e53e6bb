//! What a query asks of its records: literals and patterns, as the client wrote them.

use super::error::{FilterError, PatternError};
use crate::limits;
use memchr::memchr;

/// What a record must hold, and what it must not hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Literals that a record must hold, all of them.
    pub keywords: Vec<Vec<u8>>,
    /// Regular expressions that must match, all of them.
    pub regexes: Vec<Vec<u8>>,
    /// Literals of which a record must not hold any.
    pub excludes: Vec<Vec<u8>>,
    /// Regular expressions of which none may match.
    pub exclude_regexes: Vec<Vec<u8>>,
    /// Whether the case of letters makes no difference, in all of them.
    pub ignore_case: bool,
}

impl Conditions {
    /// The same without empty ones. An empty keyword or pattern is in every record, and an empty
    /// one that excludes would leave none: it is an empty field of a form.
    pub(super) fn without_empty(mut self) -> Conditions {
        for all in self.lists_mut() {
            all.retain(|one| !one.is_empty());
        }
        self
    }

    fn lists_mut(&mut self) -> [&mut Vec<Vec<u8>>; 4] {
        [&mut self.keywords, &mut self.regexes, &mut self.excludes, &mut self.exclude_regexes]
    }

    /// Each literal and each pattern, with the name of its parameter.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let lists = [
            ("keyword", &self.keywords),
            ("regex", &self.regexes),
            ("exclude", &self.excludes),
            ("exclude_regex", &self.exclude_regexes),
        ];
        lists.into_iter().flat_map(|(name, all)| all.iter().map(move |one| (name, one.as_slice())))
    }

    /// The name of the first parameter other than `keyword` that says something of records.
    pub(super) fn beside_keywords(&self) -> Option<&'static str> {
        let named = self.named().map(|(name, _)| name).find(|name| *name != "keyword");
        named.or(self.ignore_case.then_some("ignore_case"))
    }

    /// Checks what can be checked without compiling: numbers, lengths and line feeds.
    pub(super) fn check(&self) -> Result<(), FilterError> {
        for (name, all) in [("keywords", &self.keywords), ("excludes", &self.excludes)] {
            if all.len() > limits::KEYWORDS {
                return Err(FilterError::TooMany { name, given: all.len() });
            }
        }
        let patterns = self.regexes.len() + self.exclude_regexes.len();
        if patterns > limits::PATTERNS {
            let parameter = if self.exclude_regexes.is_empty() { "regex" } else { "exclude_regex" };
            let detail = format!(
                "{patterns} regular expressions, with those of exclude_regex: at most {} are taken; join some with |",
                limits::PATTERNS
            );
            return Err(PatternError::new(parameter, 0, detail).into());
        }
        for (parameter, pattern) in self.named().filter(|(name, _)| name.ends_with("regex")) {
            if pattern.len() > limits::PATTERN_BYTES {
                let why = format!(
                    "it has {} bytes, and at most {} are taken",
                    pattern.len(),
                    limits::PATTERN_BYTES
                );
                return Err(PatternError::of(parameter, pattern, limits::PATTERN_BYTES, &why).into());
            }
        }
        for (parameter, pattern) in self.named().filter(|(name, _)| *name != "keyword") {
            if let Some(at) = memchr(b'\n', pattern) {
                return Err(PatternError::line_feed(parameter, pattern, at).into());
            }
        }
        Ok(())
    }
}
