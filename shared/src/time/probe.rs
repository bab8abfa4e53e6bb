//! The time of a line that is looked at alone, somewhere in a file whose newer lines have not been
//! read.

use super::find;
use super::offset::Zone;
use super::raw::Raw;
use super::years::Years;
use super::{LineTimes, NANOS, civil};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How near to a change of the clocks local times are in doubt, in seconds: a day is more than any
/// clock is changed by.
const NEAR: i64 = civil::DAY;

/// The time of a line that is looked at alone, in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// Its time lies between these two. They differ only in the hour that comes twice when summer
    /// time ends.
    Between {
        /// The first that it can be.
        earliest: i64,
        /// The last that it can be.
        latest: i64,
    },
    /// It leaves out the year, which only the lines after it tell.
    NoYear,
}

impl LineTimes {
    /// The time of `line`, if it has one. Neither uses nor changes what is known of other lines.
    pub fn probe(&mut self, line: &[u8]) -> Option<Probed> {
        let nuls = line.iter().take_while(|byte| **byte == 0).count();
        let stamp = match find::find(&line[nuls..], &self.epochs)? {
            Raw::Epoch(nanos) => return Some(Probed::Between { earliest: nanos, latest: nanos }),
            Raw::Civil(stamp) => stamp,
        };
        let Some(year) = stamp.date.year else { return Some(Probed::NoYear) };
        let civil = civil::seconds(year, stamp.date.month, stamp.date.day) + stamp.second_of_day;
        let behind = match stamp.zone {
            Zone::Offset(minutes) => [i64::from(minutes) * 60; 2],
            Zone::Region(name) => self.regions.zone(name)?.possible(civil)?,
            Zone::Host => self.zone.possible(civil)?,
        };
        let [earliest, latest] = behind.map(|behind| (civil - behind) * NANOS + stamp.nanos);
        Some(Probed::Between { earliest, latest })
    }

    /// Whether the clocks of the zones that lines may mean change near the time between `oldest` and
    /// `newest`, in nanoseconds since 1970. Then lines may be left out only where it is known what
    /// they say: which of two hours is meant, only the lines after a line tell.
    pub fn may_change_clocks(&self, oldest: i64, newest: i64) -> bool {
        let second = |nanos: i64, margin: i64| Timestamp::from_second(nanos.div_euclid(NANOS) + margin).ok();
        let (Some(from), Some(to)) = (second(oldest, -NEAR), second(newest, NEAR)) else { return false };
        let changes =
            |zone: &TimeZone| zone.following(from).next().is_some_and(|next| next.timestamp() <= to);
        changes(self.zone.zone()) || self.regions.each().any(|zone| changes(zone.zone()))
    }

    /// Says that no line that follows is newer than this, in seconds since 1970, because newer ones
    /// are left out. Without it, the file's last change is taken for that.
    pub fn begin_before(&mut self, newest_seconds: i64) {
        self.years = Years::new(newest_seconds);
    }
}
