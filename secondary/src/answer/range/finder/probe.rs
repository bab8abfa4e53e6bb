//! A probe: a few lines with a time at one place of a file.

use crate::answer::range::lines::Piece;
use crate::answer::range::steps::SLACK;
use backscroll_shared::time::{LineTimes, Probed};

/// Lines with a time that a probe takes. The middle one of their times counts, so that a line with an
/// odd time does not.
const LINES: usize = 3;

/// The time of a line: where it begins, and the first and last time that it can have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    pub(super) at: u64,
    pub(super) earliest: i64,
    pub(super) latest: i64,
}

/// What a probe has found.
pub(super) enum Found {
    Times(Vec<Timed>),
    /// Times that leave out the year.
    NoYear,
    Nothing,
}

/// The first lines of a piece that have a time.
pub(super) fn look(piece: Piece<'_>, times: &mut LineTimes) -> Found {
    let mut found = Vec::new();
    for (at, line) in piece.forwards(0) {
        match times.probe(line) {
            Some(Probed::Between { earliest, latest }) => found.push(Timed { at, earliest, latest }),
            Some(Probed::NoYear) => return Found::NoYear,
            None => {}
        }
        if found.len() == LINES {
            break;
        }
    }
    if found.is_empty() { Found::Nothing } else { Found::Times(found) }
}

/// The line whose time is in the middle; the older one of two.
pub(super) fn middle(lines: &[Timed]) -> Timed {
    let mut sorted = lines.to_vec();
    sorted.sort_unstable_by_key(|line| line.earliest);
    sorted[(sorted.len() - 1) / 2]
}

/// Whether lines are newer than lines after them by more than the slack.
pub(super) fn contradict(lines: &mut [Timed]) -> bool {
    lines.sort_unstable_by_key(|line| line.at);
    let mut newest = i64::MIN;
    lines.iter().any(|line| {
        let is_older = newest > line.latest.saturating_add(SLACK);
        newest = newest.max(line.earliest);
        is_older
    })
}
