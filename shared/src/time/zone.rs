//! The zone of a host, asked once an hour of its log.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

const HOUR: i64 = 3600;

/// A zone, and what it said last.
#[derive(Debug, Clone)]
pub(super) struct HostZone {
    zone: TimeZone,
    /// The hour on the wall, counted from 1970, that `offset` is valid throughout.
    hour: i64,
    offset: (i64, i16),
}

impl HostZone {
    pub(super) fn new(zone: TimeZone) -> HostZone {
        HostZone { zone, hour: i64::MIN, offset: (0, 0) }
    }

    /// For a time on the wall, in seconds from 1970: the seconds to take from it to have
    /// seconds since the epoch, and the offset in force then, in minutes east of UTC. The
    /// two differ in the hour that clocks jump over.
    #[inline]
    pub(super) fn offset(&mut self, civil: i64) -> Option<(i64, i16)> {
        if civil.div_euclid(HOUR) == self.hour { Some(self.offset) } else { self.ask(civil) }
    }

    #[cold]
    fn ask(&mut self, civil: i64) -> Option<(i64, i16)> {
        let hour = civil.div_euclid(HOUR);
        let first = self.look_up(hour * HOUR)?;
        if first == self.look_up(hour * HOUR + HOUR - 1)? {
            // No zone changes twice within an hour.
            (self.hour, self.offset) = (hour, first);
            return Some(first);
        }
        self.look_up(civil)
    }

    fn look_up(&self, civil: i64) -> Option<(i64, i16)> {
        let wall = Offset::UTC.to_datetime(Timestamp::from_second(civil).ok()?);
        let instant = self.zone.to_ambiguous_timestamp(wall).compatible().ok()?;
        let minutes = self.zone.to_offset(instant).seconds() / 60;
        Some((civil - instant.as_second(), i16::try_from(minutes).ok()?))
    }
}
