//! Steps back in time, in lines that are seen newest first.

/// How far from its place in order a line may stand, in nanoseconds. Edges are looked for so much
/// further than asked.
pub(super) const SLACK: i64 = 300 * 1_000_000_000;

/// So many lines in a row have to agree before the order counts as broken. A line that quotes a
/// date, or the end of a request that took an hour, is a line alone.
const LINES: usize = 3;

/// What was seen so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Steps {
    last: Option<i64>,
    largest: i64,
    recent: [i64; LINES],
    seen: usize,
    /// The oldest time that some lines in a row have reached.
    low: Option<i64>,
    is_broken: bool,
}

impl Steps {
    /// Takes the time of the next older line.
    pub(super) fn see(&mut self, nanos: i64) {
        if let Some(last) = self.last {
            self.largest = self.largest.max(nanos.saturating_sub(last));
        }
        self.last = Some(nanos);
        self.recent[self.seen % LINES] = nanos;
        self.seen += 1;
        if self.seen < LINES {
            return;
        }
        let (oldest, newest) =
            self.recent.iter().fold((i64::MAX, i64::MIN), |(low, high), at| (low.min(*at), high.max(*at)));
        self.is_broken |= self.low.is_some_and(|low| oldest > low.saturating_add(SLACK));
        self.low = Some(self.low.map_or(newest, |low| low.min(newest)));
    }

    /// Whether some lines in a row are newer than some lines after them by more than the slack.
    pub(super) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// The largest step back from a line to the next one, in milliseconds.
    pub(super) fn largest_ms(&self) -> u64 {
        u64::try_from(self.largest / 1_000_000).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seconds: &[i64]) -> (bool, u64) {
        let mut steps = Steps::default();
        seconds.iter().for_each(|at| steps.see(at * 1_000_000_000));
        (steps.is_broken(), steps.largest_ms())
    }

    #[test]
    fn lines_in_a_row_break_the_order_and_a_line_alone_does_not() {
        assert_eq!(seen(&[5000, 4999, 4900, 4901]), (false, 1000));
        assert_eq!(seen(&[5000, 4999, 4998, 5297, 5297, 5297]), (false, 299_000));
        assert_eq!(seen(&[5000, 4999, 4998, 8000, 7999, 7998]), (true, 3_002_000));
        assert_eq!(seen(&[5000, 4999, 4998, 8000, 4997, 4996]), (false, 3_002_000));
        assert_eq!(seen(&[5000, 1, 2, 4998, 4997, 4996, 4995]), (false, 4_996_000));
        assert_eq!(seen(&[5000, 3, 2, 1, 4997, 4996, 4995]), (true, 4_996_000));
    }
}
