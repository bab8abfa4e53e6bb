//! The time that a line carries, so that the lines of many hosts can be merged, newest
//! first.
//!
//! ```text
//! line ──► search ──► clock ──► date ──► prefix ──► years, zone ──► LineTime
//!          each       hh:mm:ss  what     may it      the year and
//!          colon      and its   stands   stand       the offset that
//!                     zone      before   there       it leaves out
//! ```
//!
//! Nothing is configured. Almost every form has `hh:mm:ss` in it, so the search goes from
//! colon to colon and reads the date backwards from there; the rest counts from the epoch
//! (`epoch`) or is named by a key (`fields`). What a line's time is depends on the line
//! alone, never on its neighbours' form: only the year and the offset that it leaves out do.
//!
//! A false time is worse than none: `prefix` says what may stand before a time that
//! belongs to the line rather than to its message.

mod civil;
mod clock;
mod date;
mod epoch;
mod fields;
mod order;
mod prefix;
mod rfc3339;
mod search;
mod stamps;
mod system;
mod text;
mod years;
mod zone;

pub use stamps::{Known, Stamp, Stamps};
pub use system::zone_warning;

use jiff::tz::TimeZone;
use search::Raw;
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
    /// Appends the time as RFC 3339 has it, with the shortest fraction that is exact:
    /// `2024-11-05T10:11:12.5+02:00`, and `Z` for an offset of 0.
    pub fn push_rfc3339(&self, out: &mut Vec<u8>) {
        rfc3339::push(*self, out);
    }
}

/// Finds the times of the lines of one file, newest line first.
///
/// What a line may leave out is worked out:
///
/// - no zone: the zone of the host. Of the hour that comes twice when summer time ends, the
///   file's order says which one it is, since a line is not later than the one before it. Of
///   a line alone nothing is known, and it is the earlier one. The hour that clocks jump over
///   is jiff's compatible choice;
/// - no year: of the newest line, the newest in which it is not later than the file's last
///   change; from then on the newest in which it is not later than the line before, so that
///   the year goes down at New Year. A step of months back and forth is not a year. Lines may
///   be left out, but not eleven months of them.
///
/// A leap second, `:60`, is taken as `:59` with its fraction: it sorts among the second
/// before it.
#[derive(Debug, Clone)]
pub struct LineTimes {
    years: Years,
    zone: HostZone,
}

impl LineTimes {
    /// For a file last written `modified_seconds` after the epoch, on a host whose zone is
    /// the system's.
    pub fn new(modified_seconds: i64) -> LineTimes {
        LineTimes::with_zone(modified_seconds, system::zone())
    }

    /// For a file last written `modified_seconds` after the epoch, on a host in `zone`.
    pub fn with_zone(modified_seconds: i64, zone: TimeZone) -> LineTimes {
        LineTimes { years: Years::new(modified_seconds), zone: HostZone::new(zone, modified_seconds) }
    }

    /// The time that `line` carries, if it carries one. Looks at the first
    /// 320 bytes, and at the last ones of a line of Docker's json-file.
    pub fn of(&mut self, line: &[u8]) -> Option<LineTime> {
        let stamp = match search::find(line)? {
            Raw::Epoch(nanos) => return Some(LineTime { nanos, offset_minutes: 0 }),
            Raw::Civil(stamp) => stamp,
        };
        let date = stamp.date;
        let year = match date.year {
            Some(year) => year,
            None => self.years.year_of(date.month, date.day, stamp.second_of_day)?,
        };
        let civil = civil::seconds(year, date.month, date.day) + stamp.second_of_day;
        let (behind, offset_minutes) = match stamp.offset_minutes {
            Some(minutes) => (i64::from(minutes) * 60, minutes),
            None => self.zone.offset(civil)?,
        };
        Some(LineTime { nanos: (civil - behind) * NANOS + stamp.nanos, offset_minutes })
    }
}

#[cfg(test)]
mod tests;
