//! The time by which a record is merged with those of other hosts: its own, or that of the
//! nearest older line that has one.

use super::{LineTime, LineTimes};
use crate::scan::Record;
use memchr::memrchr;

/// Bytes before a record in which an older line with a time is looked for, where newer ones
/// have been seen. A stack trace is shorter; and a file must not be read to its start for
/// twenty lines.
const LOOK_BACK_BYTES: u64 = 128 << 10;

/// The same where no time has been seen at all: a dump of all threads is shorter. A host whose
/// newest lines had no time would come last of all.
const FIRST_LOOK_BACK_BYTES: u64 = 4 << 20;

/// The time by which a record is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub nanos: i64,
    /// Minutes east of UTC, where the record carries the time itself; None where it has that
    /// of an older line.
    pub own_offset: Option<i16>,
}

impl Stamp {
    /// The time that the record carries itself.
    pub fn own(self) -> Option<LineTime> {
        self.own_offset.map(|offset_minutes| LineTime { nanos: self.nanos, offset_minutes })
    }
}

/// What is known of a record's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its stamp; None where no older line near enough carries a time.
    Stamp(Option<Stamp>),
    /// Nothing: the lines before it have to be read, newest first, each given to
    /// [`Stamps::older_line`].
    LookBack,
}

/// Finds the stamps of the records of one file, newest first.
#[derive(Debug, Clone)]
pub struct Stamps {
    times: LineTimes,
    /// The newest line with a time that is older than all records so far: where it begins.
    older: Option<(u64, i64)>,
    /// From here to the last record no line carries a time.
    none_from: u64,
    /// The last time that was seen: nothing that follows should be newer.
    seen: Option<i64>,
}

impl Stamps {
    /// For a file whose times `times` finds.
    pub fn new(times: LineTimes) -> Stamps {
        Stamps { times, older: None, none_from: u64::MAX, seen: None }
    }

    /// The stamp of the next newest record.
    pub fn of(&mut self, record: &Record<'_>) -> Known {
        if let Some(time) = self.times.of(record.bytes) {
            self.seen = Some(time.nanos);
            return Known::Stamp(Some(Stamp { nanos: time.nanos, own_offset: Some(time.offset_minutes) }));
        }
        if self.searched(record.offset) || self.search(record.offset, record.older) {
            return Known::Stamp(self.inherited(record.offset));
        }
        Known::LookBack
    }

    /// The stamp of a record at `offset` that has no time, after a look back. Where that was
    /// given up, the last time of a newer line stands in, if there is one; where it came to the
    /// file's start, there is none.
    pub fn inherited(&self, offset: u64) -> Option<Stamp> {
        let older = self.older.filter(|(at, _)| *at < offset).map(|(_, nanos)| nanos);
        let newer = if offset == 0 || self.none_from == 0 { None } else { self.seen };
        older.or(newer).map(|nanos| Stamp { nanos, own_offset: None })
    }

    /// Bytes that are looked back at most.
    pub fn look_back_bytes(&self) -> u64 {
        if self.seen.is_some() { LOOK_BACK_BYTES } else { FIRST_LOOK_BACK_BYTES }
    }

    /// Takes a line that begins at `at`, on the way back from a record at `offset`. True once
    /// the search is over.
    pub fn older_line(&mut self, offset: u64, at: u64, line: &[u8]) -> bool {
        self.none_from = at;
        if let Some(time) = self.times.of(line) {
            self.older = Some((at, time.nanos));
            return true;
        }
        at == 0 || offset - at >= self.look_back_bytes()
    }

    /// Nothing more is looked at for a record at `offset`: the lines before are too long.
    pub fn give_up(&mut self, offset: u64) {
        self.none_from = self.none_from.min(offset.saturating_sub(self.look_back_bytes()));
    }

    /// The time of the newest whole line of a block, up to a few lines without one: no line
    /// before that block is newer.
    pub fn newest_of(&mut self, block: &[u8]) -> Option<i64> {
        const LINES: usize = 16;
        // On a copy: the line that the block's edge cuts is newer, and its year is still to be
        // worked out.
        let mut times = self.times.clone();
        let mut end = memrchr(b'\n', block)?;
        for _ in 0..LINES {
            let feed = memrchr(b'\n', &block[..end])?;
            if let Some(time) = times.of(&block[feed + 1..end]) {
                self.seen = Some(time.nanos);
                return Some(time.nanos);
            }
            end = feed;
        }
        None
    }

    fn searched(&self, offset: u64) -> bool {
        offset == 0 || self.older.is_some_and(|(at, _)| at < offset) || self.none_from < offset
    }

    /// Looks through the lines that lie before `offset` whole in `older`. True once the
    /// search is over.
    fn search(&mut self, offset: u64, older: &[u8]) -> bool {
        let base = offset - older.len() as u64;
        let Some(mut end) = older.len().checked_sub(1) else { return false };
        loop {
            let start = memrchr(b'\n', &older[..end]);
            // The first one may begin before what is at hand.
            if start.is_none() && base > 0 {
                return false;
            }
            let from = start.map_or(0, |feed| feed + 1);
            if self.older_line(offset, base + from as u64, &older[from..end]) {
                return true;
            }
            let Some(feed) = start else { return true };
            end = feed;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    const SECOND: i64 = 1_000_000_000;

    fn stamps(modified: i64) -> Stamps {
        Stamps::new(LineTimes::with_zone(modified, TimeZone::UTC))
    }

    fn record<'a>(offset: u64, bytes: &'a [u8], older: &'a [u8]) -> Record<'a> {
        Record { offset, bytes, lines: 1, truncated_lines: 0, older }
    }

    #[test]
    fn a_block_that_is_looked_at_early_costs_no_year() {
        // 2024-11-25T12:00:00Z.
        let mut stamps = stamps(1_732_536_000);
        let newest = stamps.newest_of(b"cut off\nNov  1 11:00:00 h a: x\nNov 25 11:0").unwrap();
        let Known::Stamp(Some(cut)) = stamps.of(&record(40, b"Nov 25 11:00:00 h a: y", b"")) else {
            panic!("it carries a time")
        };
        assert_eq!((cut.nanos - newest) / SECOND, 24 * 86_400, "both are of 2024");
    }

    #[test]
    fn where_no_older_line_is_near_the_last_time_seen_stands_in() {
        let mut stamps = stamps(2_000_000_000);
        let far = 1 << 30;
        assert_eq!(stamps.of(&record(far, b" at a", b" at b\n")), Known::LookBack);
        assert!(!stamps.older_line(far, far - (1 << 20), b" at c"), "nothing is known: it goes on");
        assert!(stamps.older_line(far, far - (5 << 20), b" at d"));
        assert_eq!(stamps.inherited(far), None);
        let timed = Known::Stamp(Some(Stamp { nanos: 1_700_000_000 * SECOND, own_offset: Some(0) }));
        assert_eq!(stamps.of(&record(far - (6 << 20), b"1700000000 x", b"")), timed);
        let next = far - (7 << 20);
        assert_eq!(stamps.of(&record(next, b" at e", b"")), Known::LookBack);
        assert!(stamps.older_line(next, next - (200 << 10), b" at f"), "a time is known: it gives up");
        let stood_in = Some(Stamp { nanos: 1_700_000_000 * SECOND, own_offset: None });
        assert_eq!(stamps.inherited(next), stood_in);
        // At the file's start there is no older line, and no time.
        assert_eq!(stamps.of(&record(9, b" at g", b" at h\n at i\n"[..9].as_ref())), Known::Stamp(None));
    }
}
