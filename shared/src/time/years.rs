//! The year of a time that carries none.

use super::civil::{self, DAY};

/// How much later than the file was last written its newest line may be. The file's time is
/// in UTC and the line's in its host's zone, at most 14 hours apart; the rest is for clocks.
const AHEAD: i64 = DAY;

/// How much later than the line that follows it in the file a line may be: lines of several
/// processes are a little out of order, and New Year in between must not lose a year. A gap
/// between two lines may then be as long as a year less this.
const JITTER: i64 = 14 * DAY;

/// A step back in the file's order that is larger than this may be a line with an odd time.
const STEP: i64 = 2 * JITTER;

/// Steps back that are remembered. Two let three writers take turns. With more of them, a log
/// of a few lines a year would look like one whose writers take turns.
const STEPS: usize = 2;

/// Lines for which a step back is remembered. A host that starts without a clock writes some
/// hundred lines until it has the time.
const STEP_LINES: u32 = 1000;

/// Years looked at for a February 29: at 1900 and 2100 there are eight between two.
const LEAP: i64 = 9;

/// Times later than this (the year 2200) are no file's.
const LATEST: i64 = 7_258_118_400;

/// Times before this year are no file's. The epoch begins in 1969 where the zone is west of
/// UTC.
const FIRST_YEAR: i64 = 1969;

/// Works out years, of a file's lines newest first: of the first line, the newest year in
/// which it is not later than the file's last change; of each other, the newest in which it
/// is not later than the line before it. Both with some slack.
///
/// One exception: lines with odd times, such as `Jan  1` of a host without a clock, or the
/// backlog of another host, take the order some months back, and the line after them brings
/// it forward again to where it was. Such a step back and forth is not a year.
///
/// So a gap of almost a year or more between two lines is not seen.
#[derive(Debug, Clone)]
pub(super) struct Years {
    /// The time of the last line, in seconds from 1970, were there no zones.
    last: i64,
    /// How much later the next line may be.
    slack: i64,
    /// The newest last, and how many lines ago it was.
    steps: [Option<StepBack>; STEPS],
}

/// A step back.
#[derive(Debug, Clone, Copy)]
struct StepBack {
    /// The time of the last line before it.
    from: i64,
    /// The time of the first line after it.
    to: i64,
    /// Lines since.
    lines: u32,
}

impl Years {
    pub(super) fn new(modified_seconds: i64) -> Years {
        Years { last: modified_seconds.clamp(0, LATEST), slack: AHEAD, steps: [None; STEPS] }
    }

    /// The year of a time; `None` for a day that no month has, and for a time before the epoch.
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

    /// The year after `ordered` in which the time is that of a line before a step back.
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
        // The file's own last change is no line's time.
        let is_step = self.slack == JITTER && self.last - time > STEP;
        for step in &mut self.steps {
            *step = step
                .map(|step| StepBack { lines: step.lines + 1, ..step })
                // It is over once the order is back where it was, or goes on down from there.
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
