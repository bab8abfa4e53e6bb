//! Times that are relative to now: each request resolves them anew, except one for the next page.

use super::Asked;
use super::parse::back_from_now;
use crate::wire::cursor::Cursor;
use jiff::{SignedDuration, Timestamp};

/// The edges that were given relative to now, and how far back. They decide which query it is; the
/// instants that they led to do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relative {
    /// Of `since`.
    pub since: Option<SignedDuration>,
    /// Of `until`.
    pub until: Option<SignedDuration>,
}

impl Asked {
    /// Which edges are relative to now.
    pub(in crate::query) fn relative(&self) -> Relative {
        let back = |value: &Option<Vec<u8>>| {
            let text = std::str::from_utf8(value.as_deref()?).ok()?;
            // Digits alone are seconds.
            back_from_now(text)?.ok()
        };
        Relative { since: back(&self.since), until: back(&self.until) }
    }
}

impl Relative {
    /// The now from which the answer of this cursor counted. None where nothing is relative to it.
    pub(in crate::query) fn now_of(&self, cursor: &Cursor) -> Option<Timestamp> {
        let edges = [(self.since, cursor.since), (self.until, cursor.until)];
        edges
            .into_iter()
            .find_map(|(back, at)| Timestamp::from_nanosecond(i128::from(at?)).ok()?.checked_add(back?).ok())
    }
}
