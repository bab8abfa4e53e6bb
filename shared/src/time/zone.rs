//! The zone of a host. It is asked once for each hour of the log.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

const HOUR: i64 = 3600;

/// How much later a line may be than the line after it in the file, in the hour that occurs twice.
/// A little disorder must not move a line by an hour.
const JITTER: i64 = 300;

/// In the hour that occurs twice, the file's last change tells which of the two is meant only if it
/// is at most this much later than the line.
const RECENT: i64 = 24 * HOUR;

/// A zone, and its last answer.
#[derive(Debug, Clone)]
pub(super) struct HostZone {
    zone: TimeZone,
    /// The hour of local time, counted from 1970, in which `offset` is valid.
    hour: i64,
    offset: (i64, i16),
    /// The time of the last line without a zone, in seconds since the epoch. Before the first such
    /// line, the time of the file's last change.
    last: i64,
    is_first: bool,
}

impl HostZone {
    pub(super) fn new(zone: TimeZone, modified_seconds: i64) -> HostZone {
        HostZone { zone, hour: i64::MIN, offset: (0, 0), last: modified_seconds, is_first: true }
    }

    /// For a local time, in seconds from 1970: the seconds to subtract to get seconds since the
    /// epoch, and the offset at that time, in minutes east of UTC. The two differ in the hour that
    /// clocks skip.
    ///
    /// In the hour that occurs twice, the order of the file tells which of the two is meant: this
    /// is called for the newest line first, so no line is later than the one before.
    #[inline]
    pub(super) fn offset(&mut self, civil: i64) -> Option<(i64, i16)> {
        let (behind, minutes) =
            if civil.div_euclid(HOUR) == self.hour { self.offset } else { self.ask(civil)? };
        self.last = civil - behind;
        self.is_first = false;
        Some((behind, minutes))
    }

    pub(super) fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// For a local time: what to subtract at most and at least to get seconds since the epoch. The
    /// two differ in the hour that occurs twice.
    pub(super) fn possible(&self, civil: i64) -> Option<[i64; 2]> {
        let wall = Offset::UTC.to_datetime(Timestamp::from_second(civil).ok()?);
        let ambiguous = self.zone.to_ambiguous_timestamp(wall);
        Some(match ambiguous.offset() {
            AmbiguousOffset::Fold { before, after } => {
                [before, after].map(|offset| i64::from(offset.seconds()))
            }
            _ => [civil - ambiguous.compatible().ok()?.as_second(); 2],
        })
    }

    #[cold]
    fn ask(&mut self, civil: i64) -> Option<(i64, i16)> {
        let hour = civil.div_euclid(HOUR);
        let (first, is_twice) = self.look_up(hour * HOUR)?;
        let (last, is_also_twice) = self.look_up(hour * HOUR + HOUR - 1)?;
        if first == last && !is_twice && !is_also_twice {
            // No zone changes twice within an hour, so the offset is the same in all of it.
            (self.hour, self.offset) = (hour, first);
            return Some(first);
        }
        self.look_up(civil).map(|(offset, _)| offset)
    }

    /// The same, and whether that local time occurs twice.
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

    /// Whether `time`, the later one of the two, may be the time of the line.
    fn is_later(&self, time: i64) -> bool {
        time <= self.last.saturating_add(JITTER)
            // If the file was changed long after, its time says nothing.
            && (!self.is_first || self.last.saturating_sub(time) <= RECENT)
    }
}
