//! The time of the lines at the beginning of a block, if they have none themselves: that of the nearest
//! line with one before the block.

use crate::answer::look_back::OlderLines;
use backscroll_shared::time::LineTimes;

/// Bytes in which a line with a time is looked for before a block.
pub(super) const LOOK_BACK_BYTES: u64 = 4 << 20;

/// The time of the nearest line with one before a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// Not known, and not needed yet.
    Unknown,
    /// The line at this offset has this time, and none between it and the block has one.
    Line { at: u64, nanos: i64 },
    /// No line has a time from this offset on.
    Nothing { from: u64 },
}

/// The lines to look at for a time: those before `from`, newest first, up to `most` bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LookBackPlan {
    pub(super) from: u64,
    pub(super) most: u64,
}

/// Looks for the nearest line with a time before a block.
#[derive(Debug)]
pub(in crate::answer) struct LookBack {
    times: LineTimes,
    /// Where the lines begin that have been looked at.
    from: u64,
    most: u64,
    found: Option<(u64, i64)>,
}

impl LookBack {
    pub(super) fn new(plan: LookBackPlan, times: LineTimes) -> LookBack {
        LookBack { times, from: plan.from, most: plan.most, found: None }
    }

    /// What was found.
    pub(super) fn found(&self) -> Before {
        match self.found {
            Some((at, nanos)) => Before::Line { at, nanos },
            None => Before::Nothing { from: self.from },
        }
    }
}

impl OlderLines for LookBack {
    fn from(&self) -> u64 {
        self.from
    }

    fn most_bytes(&self) -> u64 {
        self.most
    }

    fn take(&mut self, at: u64, line: &[u8]) -> bool {
        self.from = at;
        self.found = self.times.of(line).map(|time| (at, time.nanos));
        self.found.is_some()
    }
}
