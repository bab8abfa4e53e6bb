//! The zone of a host, asked once an hour of its log.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

const HOUR: i64 = 3600;

/// How much later than the line that follows it in the file a line may be, in the hour that
/// comes twice: mild disorder must not move a line by an hour.
const JITTER: i64 = 300;

/// How long after a line of the hour that comes twice the file may have been written last, so
/// that this says which of the two it is.
const RECENT: i64 = 24 * HOUR;

/// A zone, and what it said last.
#[derive(Debug, Clone)]
pub(super) struct HostZone {
    zone: TimeZone,
    /// The hour on the wall, counted from 1970, that `offset` is valid throughout.
    hour: i64,
    offset: (i64, i16),
    /// The last line without a zone, in seconds since the epoch; before the first one, the
    /// time at which the file was last written.
    last: i64,
    is_first: bool,
}

impl HostZone {
    pub(super) fn new(zone: TimeZone, modified_seconds: i64) -> HostZone {
        HostZone { zone, hour: i64::MIN, offset: (0, 0), last: modified_seconds, is_first: true }
    }

    /// For a time on the wall, in seconds from 1970: the seconds to take from it to have
    /// seconds since the epoch, and the offset in force then, in minutes east of UTC. The
    /// two differ in the hour that clocks jump over.
    ///
    /// For the hour that comes twice, the order of the file tells which of the two is meant:
    /// lines are asked for newest first, so no line is later than the one asked for just before.
    #[inline]
    pub(super) fn offset(&mut self, civil: i64) -> Option<(i64, i16)> {
        let (behind, minutes) =
            if civil.div_euclid(HOUR) == self.hour { self.offset } else { self.ask(civil)? };
        self.last = civil - behind;
        self.is_first = false;
        Some((behind, minutes))
    }

    #[cold]
    fn ask(&mut self, civil: i64) -> Option<(i64, i16)> {
        let hour = civil.div_euclid(HOUR);
        let (first, is_twice) = self.look_up(hour * HOUR)?;
        let (last, is_also_twice) = self.look_up(hour * HOUR + HOUR - 1)?;
        if first == last && !is_twice && !is_also_twice {
            // No zone changes twice within an hour.
            (self.hour, self.offset) = (hour, first);
            return Some(first);
        }
        self.look_up(civil).map(|(offset, _)| offset)
    }

    /// The same, and whether that time comes twice.
    fn look_up(&self, civil: i64) -> Option<((i64, i16), bool)> {
        let wall = Offset::UTC.to_datetime(Timestamp::from_second(civil).ok()?);
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        let twice = match ambiguous.offset() {
            AmbiguousOffset::Fold { before, after } => Some((before, after)),
            _ => None,
        };
        let behind = match twice {
            Some((_, after)) if self.is_later(civil - i64::from(after.seconds())) => {
                i64::from(after.seconds())
            }
            Some((before, _)) => i64::from(before.seconds()),
            None => civil - ambiguous.compatible().ok()?.as_second(),
        };
        let instant = Timestamp::from_second(civil - behind).ok()?;
        let minutes = self.zone.to_offset(instant).seconds() / 60;
        Some(((behind, i16::try_from(minutes).ok()?), twice.is_some()))
    }

    /// Whether a line may be this one of its two times, which is the later one.
    fn is_later(&self, time: i64) -> bool {
        time <= self.last.saturating_add(JITTER)
            // Long after, the file's time says nothing.
            && (!self.is_first || self.last.saturating_sub(time) <= RECENT)
    }
}
