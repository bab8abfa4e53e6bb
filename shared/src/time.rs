//! The time of a log line, by which the lines of many hosts are merged, newest first.
//!
//! ```text
//! line ──► prefix ──► forms ────────────► offset ──► years, zone, regions ──► LineTime
//!          a mark,    the date and the    names      what the line leaves out
//!          a colour   clock at a place    the zone
//!             │         ▲
//!             │         │ where the line does not begin with it
//!             ├─────────┼── lead: brackets, a level, a number; fields; brackets
//!             └► json, pairs: a value that `keys` names         └► epoch: a number
//! ```
//!
//! Nothing has to be configured. The forms, the names of fields and the names of zones are tables:
//! `forms`, `keys`, `names`. The beginning of a line decides the one place where its time is
//! searched. If there is a date in no known form, or one that could mean several days, the line has
//! no time, whatever follows: a wrong time is worse than none. A time that begins within the
//! searched bytes is read to its end, so that its zone is not cut off.
//!
//! The time of a line depends on the line alone, and not on the form of other lines. Three things
//! depend on the file: a missing year, a missing offset, and whether a number without a name is a
//! time.

mod brackets;
mod civil;
mod clock;
mod date;
mod disorder;
mod epoch;
mod fields;
mod find;
mod forms;
mod json;
mod keys;
mod lead;
mod names;
mod offset;
mod order;
mod pairs;
mod pattern;
mod prefix;
mod probe;
mod raw;
mod regions;
mod rfc3339;
mod stamps;
mod system;
mod text;
mod utc;
mod words;
mod years;
mod zone;

pub use probe::Probed;
pub use regions::{region, regions};
pub use stamps::{Known, Stamp, Stamps};
pub use system::{zone as system_zone, zone_warning};

use jiff::tz::TimeZone;
use offset::Zone;
use raw::Raw;
use regions::Regions;
use std::ops::Range;
use years::Years;
use zone::HostZone;

const NANOS: i64 = 1_000_000_000;

/// The time of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTime {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub nanos: i64,
    /// Minutes east of UTC: as the line says, or as the host's zone has it at that time; 0 for a
    /// number that counts from the epoch.
    pub offset_minutes: i16,
}

impl LineTime {
    /// Appends the time in the form of RFC 3339, in UTC and with nine digits after the second, so
    /// that times can be sorted as text: `2024-11-05T08:11:12.500000000Z`.
    pub fn push_rfc3339(&self, out: &mut Vec<u8>) {
        rfc3339::push(*self, out);
    }
}

/// Finds the times of the lines of one file, newest line first.
///
/// A line may leave out the zone and the year, which are then worked out:
///
/// - no zone: the zone of the host. When summer time ends, one hour occurs twice. The order of the
///   file tells which of the two is meant, since no line is later than the newer line that was read
///   just before. Where that does not tell, the earlier hour is taken. For the hour that clocks
///   skip, jiff's compatible choice is taken;
/// - no year: for the newest line, the latest year in which the line is not later than the file's
///   last change; for each other line, the latest year in which it is not later than the line read
///   before. So the year goes down at New Year. A step back by months that is soon taken back does
///   not change the year. Lines may be skipped, but not eleven months of them.
///
/// A leap second, `:60`, is read as `:59` with its fraction, and is sorted within that second.
///
/// A number at the beginning of a line, without a name, is a time only if it lies in the ten years
/// before the file's last change, or in the year after it.
#[derive(Debug, Clone)]
pub struct LineTimes {
    years: Years,
    zone: HostZone,
    regions: Regions,
    epochs: Range<i64>,
}

impl LineTimes {
    /// For a file that was last written `modified_seconds` after the epoch, in the system's zone.
    pub fn new(modified_seconds: i64) -> LineTimes {
        LineTimes::with_zone(modified_seconds, system::zone())
    }

    /// For a file that was last written `modified_seconds` after the epoch, on a host in `zone`.
    pub fn with_zone(modified_seconds: i64, zone: TimeZone) -> LineTimes {
        LineTimes {
            years: Years::new(modified_seconds),
            zone: HostZone::new(zone, modified_seconds),
            regions: Regions::default(),
            epochs: epoch::near(modified_seconds),
        }
    }

    /// The time of `line`, if it has one. Searches a few hundred bytes at its beginning, or both
    /// ends of a long JSON object.
    pub fn of(&mut self, line: &[u8]) -> Option<LineTime> {
        // A writer that does not append leaves NUL bytes in a file that another program has
        // emptied.
        let nuls = line.iter().take_while(|byte| **byte == 0).count();
        let stamp = match find::find(&line[nuls..], &self.epochs)? {
            Raw::Epoch(nanos) => return Some(LineTime { nanos, offset_minutes: 0 }),
            Raw::Civil(stamp) => stamp,
        };
        let date = stamp.date;
        let year = match date.year {
            Some(year) => year,
            None => self.years.year_of(date.month, date.day, stamp.second_of_day)?,
        };
        let civil = civil::seconds(year, date.month, date.day) + stamp.second_of_day;
        let (behind, offset_minutes) = match stamp.zone {
            Zone::Offset(minutes) => (i64::from(minutes) * 60, minutes),
            Zone::Region(name) => self.regions.zone(name)?.offset(civil)?,
            Zone::Host => self.zone.offset(civil)?,
        };
        Some(LineTime { nanos: (civil - behind) * NANOS + stamp.nanos, offset_minutes })
    }
}

#[cfg(test)]
mod tests;
