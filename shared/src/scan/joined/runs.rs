//! The runs of NUL bytes that were skipped, as far back as the search may go.

use std::collections::VecDeque;

/// Converts offsets without the runs to offsets in the file.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Bytes of all runs.
    pub(super) bytes: u64,
    /// For each run: the offset of the line that it stood before, and its length in bytes. Newest
    /// first.
    recent: VecDeque<(u64, u64)>,
}

impl Runs {
    /// Skips a run before the line at `start`. The search will not go back beyond `newest`.
    pub(super) fn pass(&mut self, start: u64, run: u64, newest: u64) {
        while self.recent.pop_front_if(|(start, _)| *start >= newest).is_some() {}
        self.recent.push_back((start, run));
        self.bytes += run;
    }

    /// Where the line at `start` begins in the file, and the length of the run that it begins with
    /// there.
    pub(super) fn line(&self, start: u64) -> (u64, u64) {
        let own = self.recent.iter().rev().find(|(at, _)| *at >= start).filter(|(at, _)| *at == start);
        (start - self.newer_than(start), own.map_or(0, |(_, run)| *run))
    }

    /// The bytes before `end`, back to the next run: the offset of the oldest of them, and how much
    /// smaller their offsets in the file are.
    pub(super) fn before(&self, end: u64) -> (u64, u64) {
        let older = self.recent.iter().find(|(at, _)| *at < end);
        (older.map_or(0, |(at, _)| *at), self.newer_than(end))
    }

    /// Bytes of the runs at `at` or after it.
    fn newer_than(&self, at: u64) -> u64 {
        let older: u64 =
            self.recent.iter().rev().take_while(|(start, _)| *start < at).map(|(_, run)| run).sum();
        self.bytes - older
    }
}
