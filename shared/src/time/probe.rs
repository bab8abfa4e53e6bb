//! The time of a line that is looked at alone, somewhere in a file whose newer lines have not been
//! read.

use super::find;
use super::offset::Zone;
use super::raw::Raw;
use super::years::Years;
use super::{LineTimes, NANOS, civil};

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

    /// Says that no line that follows is newer than this, in seconds since 1970, because newer ones
    /// are left out. Without it, the file's last change is taken for that.
    pub fn begin_before(&mut self, newest_seconds: i64) {
        self.years = Years::new(newest_seconds);
    }
}
