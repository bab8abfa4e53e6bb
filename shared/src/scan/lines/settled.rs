//! How far the search has come.

use super::{LineSearch, Phase};

impl<B> LineSearch<B> {
    /// Whether every line is a record.
    pub(in crate::scan) fn takes_all(&self) -> bool {
        self.filter.matches_all()
    }

    /// As [`Search::settled`](crate::scan::Search::settled) says.
    pub(in crate::scan) fn settled(&self) -> u64 {
        let after_line = |end: usize| self.span.offset + end as u64 + 1;
        match (self.phase, self.matches.last()) {
            (Phase::Hungry | Phase::Seam | Phase::Start | Phase::Judging, _) => self.open_end,
            (Phase::Region { .. }, Some((_, end))) => after_line(*end as usize),
            (Phase::Region { end: Some(end), .. } | Phase::Rest { end }, _) => after_line(end),
            (Phase::Region { start, end: None }, None) => self.span.offset + start as u64,
            (Phase::Finished, _) => self.window.start,
        }
    }
}
