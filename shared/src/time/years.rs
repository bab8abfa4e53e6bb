//! Works out the year of a time that has none.

use super::civil::{self, DAY};

/// How much later than the file's last change its newest line may be. The file's time is in UTC and
/// the line's in the zone of its host, at most 14 hours apart. The rest allows for wrong clocks.
const AHEAD: i64 = DAY;

/// How much later a line may be than the line after it in the file. Lines of several processes are
/// a little out of order, and at New Year that must not cost a year. The longest gap between two
/// lines is a year less this.
const JITTER: i64 = 14 * DAY;

/// A step back that is larger than this may come from a line with an odd time.
const STEP: i64 = 2 * JITTER;

/// How many steps back are remembered. With two, three writers may take turns. With more, a log
/// with a few lines a year would look as if several writers took turns.
const STEPS: usize = 2;

/// For how many lines a step back is remembered. A host that starts before its clock is set writes
/// some hundred lines until it has the time.
const STEP_LINES: u32 = 1000;

/// How many years are tried for a February 29. Around 1900 and 2100 two of them are eight years
/// apart.
const LEAP: i64 = 9;

/// A file's last change is not later than this, the year 2200.
const LATEST: i64 = 7_258_118_400;

/// No line is older than this year. The epoch begins in 1969 in zones west of UTC.
const FIRST_YEAR: i64 = 1969;

/// Works out the years of a file's lines, newest first. The first line gets the latest year in
/// which it is not later than the file's last change. Each other line gets the latest year in which
/// it is not later than the line that was read before it. Both allow some slack.
///
/// There is one exception. Lines with odd times, such as `Jan 1` of a host whose clock is not set,
/// or the backlog of another host, go some months back, and the line after them returns to where
/// the order was. Such a step back and forth does not change the year.
///
/// So a gap between two lines of almost a year or more is not recognised.
#[derive(Debug, Clone)]
pub(super) struct Years {
    /// The time of the last line, in seconds from 1970, without regard to zones.
    last: i64,
    /// How much later the next line may be.
    slack: i64,
    /// The remembered steps back, the latest one last.
    steps: [Option<StepBack>; STEPS],
}

/// A step back in time.
#[derive(Debug, Clone, Copy)]
struct StepBack {
    /// The time of the last line before it.
    from: i64,
    /// The time of the first line after it.
    to: i64,
    /// Lines since then.
    lines: u32,
}

impl Years {
    pub(super) fn new(modified_seconds: i64) -> Years {
        Years { last: modified_seconds.clamp(0, LATEST), slack: AHEAD, steps: [None; STEPS] }
    }

    /// The year of a time. `None` for a day that the month does not have, and for a time before the
    /// epoch.
    pub(super) fn year_of(&mut self, month: i64, day: i64, second_of_day: i64) -> Option<i64> {
        let newest = self.last + self.slack;
        let latest_year = civil::date(newest).0;
        let time_in = |year| {
            (day <= civil::days_in_month(Some(year), month))
                .then(|| civil::seconds(year, month, day) + second_of_day)
        };
        let fits = |year: &i64| time_in(*year).is_some_and(|time| time <= newest);
        let ordered = (latest_year - LEAP..=latest_year).rev().find(fits)?;
        let year = self.returned(ordered, time_in).unwrap_or(ordered);
        let time = time_in(year)?;
        if year < FIRST_YEAR {
            return None;
        }
        self.advance(time);
        Some(year)
    }

    /// The year after `ordered` in which the time is close to that of a line before a step back.
    fn returned(&self, ordered: i64, time_in: impl Fn(i64) -> Option<i64>) -> Option<i64> {
        if self.steps.iter().all(Option::is_none) {
            return None;
        }
        let later = (ordered + 1..=ordered + LEAP).find(|year| time_in(*year).is_some())?;
        let time = time_in(later)?;
        let is_there = |step: &StepBack| (time - step.from).abs() <= STEP;
        self.steps.iter().flatten().any(is_there).then_some(later)
    }

    fn advance(&mut self, time: i64) {
        // A step from the file's last change does not count: that is not the time of a line.
        let is_step = self.slack == JITTER && self.last - time > STEP;
        for step in &mut self.steps {
            *step = step
                .map(|step| StepBack { lines: step.lines + 1, ..step })
                // The step is over once the times are back where they were, or go down from there.
                .filter(|step| step.from - time > STEP && (is_step || step.to - time <= STEP))
                .filter(|step| step.lines <= STEP_LINES);
        }
        if is_step {
            self.steps.rotate_left(1);
            self.steps[STEPS - 1] = Some(StepBack { from: self.last, to: time, lines: 0 });
        }
        self.last = time;
        self.slack = JITTER;
    }
}
