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
    /// No line that lies between these has a time. Without it, each record of a block without times would
    /// look at the whole block again.
    untimed_lines: Option<(u64, u64)>,
    /// The last record with a time.
    newer: Option<(u64, i64)>,
    untimed: u64,
}

impl Judge {
    pub(super) fn new(instants: Instants, times: LineTimes) -> Judge {
        Judge {
            instants,
            times,
            steps: Steps::default(),
            older: None,
            untimed_lines: None,
            newer: None,
            untimed: 0,
        }
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
        let known = self.untimed_lines.filter(|(from, to)| (*from..=*to).contains(&record.offset));
        let (mut untimed_from, untimed_to) = known.unwrap_or((record.offset, record.offset));
        // The lines are seen again as records, and each only once newest first.
        let mut times = None;
        let unknown = usize::try_from(untimed_from.saturating_sub(base)).unwrap_or(0);
        let mut end = unknown.checked_sub(1);
        while let Some(to) = end {
            let feed = memrchr(b'\n', &record.older[..to]);
            if feed.is_none() && base > 0 {
                break;
            }
            let from = feed.map_or(0, |feed| feed + 1);
            let times = times.get_or_insert_with(|| self.times.clone());
            if let Some(time) = times.of(&record.older[from..to]) {
                self.older = Some((base + from as u64, time.nanos));
                return Some(time.nanos);
            }
            untimed_from = base + from as u64;
            end = feed;
        }
        self.untimed_lines = Some((untimed_from, untimed_to));
        match watch.before() {
            Before::Line { at, nanos } if at < record.offset => {
                self.older = Some((at, nanos));
                Some(nanos)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_block_without_times_is_looked_at_once() {
        let block = vec![b'\n'; 512 << 10];
        let times = LineTimes::new(1_793_836_800);
        let mut watch = Watch::new(times.clone(), None, false);
        let mut judge = Judge::new(Instants { since: Some(5), until: None }, times);
        // If each record looked at all older ones again, this would take an hour.
        for base in [block.len(), 0] {
            for at in (0..block.len()).rev() {
                let offset = (base + at) as u64;
                let older = &block[..at];
                let record = Record { offset, bytes: b"", lines: 1, truncated_lines: 0, older };
                assert!(judge.has(&record, &mut watch));
            }
        }
        assert_eq!(judge.untimed(), 1 << 20);
    }

    #[test]
    fn a_time_in_the_block_before_is_found_after_a_block_without_times() {
        let block = b"2026-11-05T00:00:00Z a\nb\nc\nd\n";
        let times = LineTimes::new(1_793_836_800);
        let mut watch = Watch::new(times.clone(), None, false);
        let since = Some(1_793_836_805_000_000_000);
        let mut judge = Judge::new(Instants { since, until: None }, times);
        let mut has = |at: usize, from: usize| {
            let record = Record {
                offset: at as u64,
                bytes: &block[at..=at],
                lines: 1,
                truncated_lines: 0,
                older: &block[from..at],
            };
            judge.has(&record, &mut watch)
        };
        // `d` sees `c` alone, so it is taken. The others see the line with the time.
        assert!(has(27, 25));
        assert!(!has(25, 0));
        assert!(!has(23, 0));
    }
}
