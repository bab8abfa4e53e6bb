//! Judges whether a record is in the range: by its own time, else by that of the nearest older line
//! with one.

use super::before::Before;
use super::steps::Steps;
use super::watch::Watch;
use backscroll_shared::query::range::Instants;
use backscroll_shared::scan::Record;
use backscroll_shared::time::LineTimes;
use memchr::{memchr, memrchr};

/// Judges records, newest first.
#[derive(Debug)]
pub(super) struct Judge {
    instants: Instants,
    times: LineTimes,
    steps: Steps,
    /// The line with a time that was found before the last record without one.
    older: Option<(u64, i64)>,
    /// The last record with a time.
    newer: Option<(u64, i64)>,
    untimed: u64,
}

impl Judge {
    pub(super) fn new(instants: Instants, times: LineTimes) -> Judge {
        Judge { instants, times, steps: Steps::default(), older: None, newer: None, untimed: 0 }
    }

    /// Whether the record is in the range.
    pub(super) fn has(&mut self, record: &Record<'_>, watch: &mut Watch) -> bool {
        let end = if record.lines > 1 { memchr(b'\n', record.bytes) } else { None };
        let line = &record.bytes[..end.unwrap_or(record.bytes.len())];
        if let Some(time) = self.times.of(line) {
            let nanos = watch.exact(record.offset, line).unwrap_or(time.nanos);
            self.steps.see(nanos);
            self.newer = Some((record.offset, nanos));
            return self.instants.contains(nanos);
        }
        if let Some(nanos) = self.older(record, watch) {
            return self.instants.contains(nanos);
        }
        self.untimed += 1;
        // The nearest newer line with a time decides. If there is none, the record is taken, since no
        // time says that it is not in the range.
        let seen = watch.newer_than(record.offset);
        let near = [self.newer, seen].into_iter().flatten().min_by_key(|(at, _)| *at);
        near.is_none_or(|(_, nanos)| self.instants.contains(nanos))
    }

    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Records without a time so far.
    pub(super) fn untimed(&self) -> u64 {
        self.untimed
    }

    /// The time of the nearest line before the record that has one.
    fn older(&mut self, record: &Record<'_>, watch: &mut Watch) -> Option<i64> {
        if let Some((at, nanos)) = self.older
            && at < record.offset
        {
            return Some(nanos);
        }
        if let Some(nanos) = watch.older_than(record.offset) {
            return Some(nanos);
        }
        let base = record.offset - record.older.len() as u64;
        // The lines are seen again as records, and each only once newest first.
        let mut times = self.times.clone();
        let mut end = record.older.len().checked_sub(1);
        while let Some(to) = end {
            let feed = memrchr(b'\n', &record.older[..to]);
            if feed.is_none() && base > 0 {
                break;
            }
            let from = feed.map_or(0, |feed| feed + 1);
            if let Some(time) = times.of(&record.older[from..to]) {
                self.older = Some((base + from as u64, time.nanos));
                return Some(time.nanos);
            }
            end = feed;
        }
        match watch.before() {
            Before::Line { at, nanos } if at < record.offset => {
                self.older = Some((at, nanos));
                Some(nanos)
            }
            _ => None,
        }
    }
}
