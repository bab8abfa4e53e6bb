//! Runs of NUL bytes that were passed over, as far as the search may go back.

use std::collections::VecDeque;

/// From offsets without the runs to those in the file.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Bytes of all of them.
    pub(super) bytes: u64,
    /// Where the line begins that a run stood before, and the run's length; newest first.
    recent: VecDeque<(u64, u64)>,
}

impl Runs {
    /// One is passed over before the line at `start`. The search does not go back beyond `newest`.
    pub(super) fn pass(&mut self, start: u64, run: u64, newest: u64) {
        while self.recent.pop_front_if(|(start, _)| *start >= newest).is_some() {}
        self.recent.push_back((start, run));
        self.bytes += run;
    }

    /// Where the line at `start` begins in the file, and the run that it begins with there.
    pub(super) fn line(&self, start: u64) -> (u64, u64) {
        let own = self.recent.iter().rev().find(|(at, _)| *at >= start).filter(|(at, _)| *at == start);
        (start - self.newer_than(start), own.map_or(0, |(_, run)| *run))
    }

    /// Where the bytes before `end` lie in the file that no run parts from it: the offset of the
    /// oldest of them, and how much earlier they stand in the file.
    pub(super) fn before(&self, end: u64) -> (u64, u64) {
        let older = self.recent.iter().find(|(at, _)| *at < end);
        (older.map_or(0, |(at, _)| *at), self.newer_than(end))
    }

    /// Bytes of the runs that stand at `at` or after it.
    fn newer_than(&self, at: u64) -> u64 {
        let older: u64 =
            self.recent.iter().rev().take_while(|(start, _)| *start < at).map(|(_, run)| run).sum();
        self.bytes - older
    }
}
