//! What a record must contain.
//!
//! A [`Filter`] is made once, from the query, and only here is it decided which kind of search the
//! query needs. `scan` has two: one for lines, and one for records of several lines. A search for
//! lines needs three operations of its `LineFilter`: the matching lines of a block, the first match
//! in a line, and a state for a line that has been read only in part.

mod keyword;
mod lines;
mod literals;

pub(crate) use keyword::Keyword;
pub(crate) use lines::LineFilter;
pub(crate) use literals::{Match, PartialMatch};

use crate::limits;

/// What a record must contain.
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
}

/// Why keywords do not make a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// There are more than [`limits::KEYWORDS`].
    #[error("{0} keywords: at most {most} are taken", most = limits::KEYWORDS)]
    TooMany(usize),
    /// One of several keywords holds a line feed.
    #[error("a keyword that holds a line feed stands alone: ask for it without the other keywords")]
    LineFeedNotAlone,
}

impl Filter {
    /// The filter of a query with these keywords. An empty keyword is left out, because every line
    /// holds it.
    pub fn new(mut keywords: Vec<Vec<u8>>) -> Result<Filter, FilterError> {
        keywords.retain(|keyword| !keyword.is_empty());
        if keywords.len() > limits::KEYWORDS {
            return Err(FilterError::TooMany(keywords.len()));
        }
        let has_line_feed = keywords.iter().any(|keyword| keyword.contains(&b'\n'));
        match keywords.len() {
            0 => Ok(Filter::All),
            1 if has_line_feed => Ok(Filter::AcrossLines(keywords.remove(0))),
            _ if has_line_feed => Err(FilterError::LineFeedNotAlone),
            _ => Ok(Filter::Literals(keywords)),
        }
    }

    /// The keywords that this filter was made from, without empty ones.
    pub fn keywords(&self) -> &[Vec<u8>] {
        match self {
            Filter::All => &[],
            Filter::Literals(keywords) => keywords,
            Filter::AcrossLines(keyword) => std::slice::from_ref(keyword),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_decide_the_kind_of_search() {
        let filter = |keywords: &[&str]| {
            Filter::new(keywords.iter().map(|keyword| keyword.as_bytes().to_vec()).collect())
        };
        assert_eq!(filter(&[]), Ok(Filter::All));
        assert_eq!(filter(&["", ""]), Ok(Filter::All));
        assert_eq!(filter(&["a", "", "b"]), Ok(Filter::Literals(vec![b"a".to_vec(), b"b".to_vec()])));
        assert_eq!(filter(&["a\nb", ""]), Ok(Filter::AcrossLines(b"a\nb".to_vec())));
        assert_eq!(filter(&["a\nb", "c"]), Err(FilterError::LineFeedNotAlone));
        assert_eq!(filter(&["a"; 65]), Err(FilterError::TooMany(65)));
        for keywords in [&[][..], &["a", "b"], &["a\n"]] {
            let given: Vec<&[u8]> = keywords.iter().map(|keyword| keyword.as_bytes()).collect();
            assert_eq!(filter(keywords).unwrap().keywords(), given);
        }
    }
}
