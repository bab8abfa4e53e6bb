//! The time by which a record is merged with those of other hosts: its own, or the time of the
//! nearest older line that has one. Odd times are corrected, so that a single line cannot hold back
//! the lines before it.
//!
//! Each line is examined once, newest first: as a record, or earlier, because the lines before a
//! record show when it was written ([`disorder`](super::disorder)).

use super::disorder::{self, Evidence, Timed, Verdict};
use super::{LineTime, LineTimes, NANOS};
use crate::scan::Record;
use memchr::{memchr, memrchr};
use std::collections::VecDeque;

/// The bytes before a record in which an older line with a time is searched, if a newer line with a
/// time is known. A stack trace is shorter, and a file must not be read to its beginning for twenty
/// lines.
const LOOK_BACK_BYTES: u64 = 128 << 10;

/// The same if no time is known at all. A dump of all threads is shorter. Without a time, the lines
/// of this host would come after those of all others.
const FIRST_LOOK_BACK_BYTES: u64 = 4 << 20;

/// How many lines without a time are examined before it is checked again whether they are enough.
const LINES_AT_ONCE: usize = 64;

/// How many lines spread over a block are examined for its newest time, in addition to the newest
/// lines.
const PROBES: usize = 4;

/// The time by which a record is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub nanos: i64,
    /// The time in the record itself, if there is one. It differs from `nanos` if it contradicts
    /// the order of the file.
    pub own: Option<LineTime>,
}

impl Stamp {
    /// For a record with this time, which fits its place in the file.
    pub fn carried(time: LineTime) -> Stamp {
        Stamp { nanos: time.nanos, own: Some(time) }
    }

    /// For a record without a time.
    pub fn inherited(nanos: i64) -> Stamp {
        Stamp { nanos, own: None }
    }
}

/// What is known about a record's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its stamp. `None` if no older line near enough has a time.
    Stamp(Option<Stamp>),
    /// Nothing yet: the lines before it have to be read, newest first, and each given to
    /// [`Stamps::older_line`].
    LookBack,
}

/// Finds the stamps of the records of one file, newest first.
#[derive(Debug, Clone)]
pub struct Stamps {
    times: LineTimes,
    /// When the file was last written.
    modified: i64,
    /// Lines with a time, newest first: the last record, if it has one, and older lines.
    timed: VecDeque<Timed>,
    /// Every line from this offset to the last record has been examined.
    looked_to: u64,
    /// Where a look back was given up: there is no time from this offset to the record.
    gave_up_at: Option<u64>,
    /// The stamp of the last record. No older record gets a newer one.
    last: Option<i64>,
    /// The last run of odd lines: where the line before the run begins, and the stamp of its lines.
    run: Option<(u64, i64)>,
    is_worth_reading: bool,
    /// The time of the oldest line that was examined.
    oldest: Option<i64>,
    disorder: i64,
}

impl Stamps {
    /// For a file that was last written `modified_seconds` after 1970, and whose times `times`
    /// finds.
    pub fn new(times: LineTimes, modified_seconds: i64) -> Stamps {
        Stamps {
            times,
            modified: modified_seconds.saturating_mul(NANOS),
            timed: VecDeque::new(),
            looked_to: u64::MAX,
            gave_up_at: None,
            last: None,
            run: None,
            is_worth_reading: true,
            oldest: None,
            disorder: 0,
        }
    }

    /// The stamp of the next record, newest first. If none of the lines before it is in memory,
    /// they have to be read to see whether its time is odd, but only if `is_worth_reading`. It is
    /// not for the last record that is wanted, whose time affects no other.
    pub fn of(&mut self, record: &Record<'_>, is_worth_reading: bool) -> Known {
        let offset = record.offset;
        self.is_worth_reading = is_worth_reading;
        while self.timed.front().is_some_and(|line| line.at > offset) {
            self.timed.pop_front();
        }
        if self.looked_to > offset {
            self.look(offset, first_line(record));
        }
        loop {
            match self.judge(offset, false) {
                Verdict::Key(key) => return Known::Stamp(self.stamp(offset, key)),
                Verdict::More { lines, must_read } => {
                    if self.look_at_hand(record, lines) {
                        continue;
                    }
                    if must_read {
                        return Known::LookBack;
                    }
                    let Verdict::Key(key) = self.judge(offset, true) else { return Known::LookBack };
                    return Known::Stamp(self.stamp(offset, key));
                }
            }
        }
    }

    /// The stamp of a record at `offset` after a look back.
    pub fn settled(&mut self, offset: u64) -> Option<Stamp> {
        let key = match self.judge(offset, true) {
            Verdict::Key(key) => key,
            Verdict::More { .. } => self.last,
        };
        self.stamp(offset, key)
    }

    /// Where the lines end that have not been examined yet, for a look back.
    pub fn looked_to(&self) -> u64 {
        self.looked_to
    }

    /// The most bytes that a look back reads.
    pub fn look_back_bytes(&self) -> u64 {
        match (self.timed.is_empty(), self.oldest) {
            (false, _) => disorder::FAR_BYTES,
            (true, Some(_)) => LOOK_BACK_BYTES,
            (true, None) => FIRST_LOOK_BACK_BYTES,
        }
    }

    /// Takes the next older line, which begins at `at`, in a look back from the record at `offset`.
    /// True once no more lines are needed.
    pub fn older_line(&mut self, offset: u64, at: u64, line: &[u8]) -> bool {
        self.look(at, line);
        let is_enough = !matches!(self.judge(offset, false), Verdict::More { must_read: true, .. });
        if is_enough && self.timed.is_empty() {
            self.give_up();
        }
        is_enough
    }

    /// Ends the look back for the last record, because the lines before it are too long.
    pub fn give_up(&mut self) {
        self.gave_up_at = Some(self.looked_to);
    }

    /// The newest time in a block, taken from some of its lines. No line before that block is
    /// newer.
    pub fn newest_of(&mut self, block: &[u8]) -> Option<i64> {
        const LINES: usize = 16;
        // A copy is used: the line that the end of the block cuts is newer, and its year has to be
        // worked out first.
        let mut times = self.times.clone();
        let mut end = memrchr(b'\n', block)?;
        let mut newest = None;
        for _ in 0..LINES {
            let Some(feed) = memrchr(b'\n', &block[..end]) else { break };
            newest = times.of(&block[feed + 1..end]).map(|time| time.nanos);
            end = feed;
            if newest.is_some() {
                break;
            }
        }
        // The time of that line may be odd.
        for probe in (0..PROBES).rev() {
            let from = end / PROBES * probe;
            let Some(start) = memchr(b'\n', &block[from..end]).map(|feed| from + feed + 1) else { continue };
            let Some(len) = memchr(b'\n', &block[start..]) else { continue };
            newest = newest.max(times.of(&block[start..start + len]).map(|time| time.nanos));
        }
        let newest = newest?;
        Some(self.last.map_or(newest, |last| last.min(newest)))
    }

    /// The largest step back in time from a line to the line after it, in milliseconds.
    pub fn disorder_ms(&self) -> u64 {
        u64::try_from(self.disorder / (NANOS / 1000)).unwrap_or(0)
    }

    fn stamp(&mut self, offset: u64, key: Option<i64>) -> Option<Stamp> {
        let key = key?;
        let nanos = self.last.map_or(key, |last| last.min(key));
        self.last = Some(nanos);
        let own = self.timed.front().filter(|line| line.at == offset).map(|line| line.time);
        Some(Stamp { nanos, own })
    }

    fn judge(&mut self, offset: u64, is_all: bool) -> Verdict {
        let Some(line) = self.timed.front().copied() else { return self.judge_untimed(offset, is_all) };
        if let Some((until, key)) = self.run
            && line.at > until
            && line.time.nanos < key
        {
            return Verdict::Key(Some(key));
        }
        let evidence = Evidence {
            timed: &self.timed,
            last: self.last,
            modified: self.modified,
            looked_to: self.looked_to,
            is_worth_reading: self.is_worth_reading,
            is_all: is_all || self.looked_to == 0 || self.gave_up_at == Some(self.looked_to),
        };
        let (verdict, run) = evidence.judge();
        self.run = run.or(self.run);
        verdict
    }

    /// No line with a time has been found yet, beginning with the record.
    fn judge_untimed(&self, offset: u64, is_all: bool) -> Verdict {
        let is_over = is_all
            || self.gave_up_at.is_some_and(|at| at < offset)
            || offset - self.looked_to >= self.look_back_bytes();
        if self.looked_to == 0 {
            // At the beginning of the file there is no older line.
            Verdict::Key(None)
        } else if is_over {
            Verdict::Key(self.last)
        } else {
            Verdict::More { lines: LINES_AT_ONCE, must_read: true }
        }
    }

    fn look(&mut self, at: u64, line: &[u8]) {
        self.looked_to = at;
        let Some(time) = self.times.of(line) else { return };
        if let Some(newer) = self.oldest {
            self.disorder = self.disorder.max(time.nanos.saturating_sub(newer));
        }
        self.oldest = Some(time.nanos);
        self.timed.push_back(Timed { at, time });
    }

    /// Examines up to `lines` of the lines before the record that are completely in memory, and
    /// stops after the first time if none was known. False if there is no such line.
    fn look_at_hand(&mut self, record: &Record<'_>, lines: usize) -> bool {
        let base = record.offset - record.older.len() as u64;
        let mut looked = false;
        for _ in 0..lines {
            let left = self.looked_to.checked_sub(base).and_then(|left| usize::try_from(left).ok());
            let Some(end) = left.and_then(|left| left.checked_sub(1)) else { break };
            let feed = memrchr(b'\n', &record.older[..end]);
            // The first line may begin before the bytes in memory.
            if feed.is_none() && base > 0 {
                break;
            }
            let start = feed.map_or(0, |feed| feed + 1);
            let was_untimed = self.timed.is_empty();
            self.look(base + start as u64, &record.older[start..end]);
            looked = true;
            if was_untimed && !self.timed.is_empty() {
                break;
            }
        }
        looked
    }
}

fn first_line<'a>(record: &Record<'a>) -> &'a [u8] {
    let end = if record.lines > 1 { memchr(b'\n', record.bytes) } else { None };
    &record.bytes[..end.unwrap_or(record.bytes.len())]
}

#[cfg(test)]
mod tests;
