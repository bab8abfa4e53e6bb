//! The year of a time that carries none.

use super::civil::{self, DAY};

/// How much later than the file was last written its newest line may be. The file's time is
/// in UTC and the line's in its host's zone, at most 14 hours apart; the rest is for clocks.
const AHEAD: i64 = DAY;

/// How much later than the line that follows it in the file a line may be: lines of several
/// processes are a little out of order, and New Year in between must not lose a year. A gap
/// between two lines may then be as long as a year less this.
const JITTER: i64 = 14 * DAY;

/// Years looked at for a February 29: at 1900 and 2100 there are eight between two.
const LEAP: i64 = 9;

/// Times later than this (the year 2200) are no file's.
const LATEST: i64 = 7_258_118_400;

/// Works out years, of a file's lines newest first: of the first line, the newest year in
/// which it is not later than the file's last change; of each other, the newest in which it
/// is not later than the line before it. Both with some slack.
///
/// So a gap of almost a year or more between two lines is not seen, and one line that is
/// months older than both of its neighbours takes a year from all that follow.
#[derive(Debug, Clone)]
pub(super) struct Years {
    /// The newest time that the next line may have, in seconds from 1970, were there no zones.
    newest: i64,
    /// The year in which that is, or the one after.
    year: i64,
}

impl Years {
    pub(super) fn new(modified_seconds: i64) -> Years {
        let newest = modified_seconds.clamp(0, LATEST) + AHEAD;
        Years { newest, year: civil::date(newest).0 }
    }

    /// The year of a time; `None` only for a day that no month has.
    pub(super) fn year_of(&mut self, month: i64, day: i64, second_of_day: i64) -> Option<i64> {
        for year in (self.year - LEAP..=self.year).rev() {
            if day > civil::days_in_month(Some(year), month) {
                continue;
            }
            let time = civil::seconds(year, month, day) + second_of_day;
            if time <= self.newest {
                self.newest = time + JITTER;
                self.year = year + 1;
                return Some(year);
            }
        }
        None
    }
}
