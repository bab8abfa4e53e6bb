//! The time that a line carries, so that the lines of many hosts can be merged, newest
//! first.
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
//! Nothing is configured, and the forms and the names of fields are tables: `forms`, `keys`,
//! `names`. Only one place of a line is looked at, which its beginning decides. A date there
//! that is in no known form, or that could be several days, hides whatever follows: a false
//! time is worse than none. A time is read to its end wherever that is: no edge of what is
//! looked at cuts its zone off.
//!
//! What a line's time is depends on the line alone, never on its neighbours' form: only the
//! year and the offset that it leaves out do, and whether a number without a name is a time.

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
mod regions;
mod rfc3339;
mod stamps;
mod system;
mod text;
mod utc;
mod words;
mod years;
mod zone;

pub use stamps::{Known, Stamp, Stamps};
pub use system::zone_warning;

use find::Raw;
use jiff::tz::TimeZone;
use offset::Zone;
use regions::Regions;
use std::ops::Range;
use years::Years;
use zone::HostZone;

const NANOS: i64 = 1_000_000_000;

/// The time that a line carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineTime {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub nanos: i64,
    /// East of UTC, in minutes, as the line says or as the zone of the host has it then; 0
    /// for a time that counts from the epoch.
    pub offset_minutes: i16,
}

impl LineTime {
    /// Appends the time as RFC 3339 has it, in UTC and with nine digits of the second, so that
    /// times can be sorted as text: `2024-11-05T08:11:12.500000000Z`.
    pub fn push_rfc3339(&self, out: &mut Vec<u8>) {
        rfc3339::push(*self, out);
    }
}

/// Finds the times of the lines of one file, newest line first.
///
/// What a line may leave out is worked out:
///
/// - no zone: the zone of the host. One hour comes twice when summer time ends. The order of
///   the file tells which of the two is meant, since no line is later than the newer line that
///   was read just before. A line alone tells nothing, and then the earlier hour is taken. For
///   the hour that clocks jump over, jiff's compatible choice is taken;
/// - no year: of the newest line, the newest in which it is not later than the file's last
///   change; from then on the newest in which it is not later than the line before, so that
///   the year goes down at New Year. A step of months back and forth is not a year. Lines may
///   be left out, but not eleven months of them.
///
/// A leap second, `:60`, is taken as `:59` with its fraction: it sorts among the second
/// before it.
///
/// A number without a name that a line begins with counts as a time only where it is one of
/// the ten years before the file's last change, or of the year after it.
#[derive(Debug, Clone)]
pub struct LineTimes {
    years: Years,
    zone: HostZone,
    regions: Regions,
    epochs: Range<i64>,
}

impl LineTimes {
    /// For a file last written `modified_seconds` after the epoch, on a host whose zone is
    /// the system's.
    pub fn new(modified_seconds: i64) -> LineTimes {
        LineTimes::with_zone(modified_seconds, system::zone())
    }

    /// For a file last written `modified_seconds` after the epoch, on a host in `zone`.
    pub fn with_zone(modified_seconds: i64, zone: TimeZone) -> LineTimes {
        LineTimes {
            years: Years::new(modified_seconds),
            zone: HostZone::new(zone, modified_seconds),
            regions: Regions::default(),
            epochs: epoch::near(modified_seconds),
        }
    }

    /// The time that `line` carries, if it carries one. Looks at its first hundreds of bytes,
    /// and at the ends of a long JSON object.
    pub fn of(&mut self, line: &[u8]) -> Option<LineTime> {
        // What a writer that does not append leaves in a file that was emptied under it.
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
