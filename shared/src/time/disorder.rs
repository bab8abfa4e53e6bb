//! Works out when a line was written if its time contradicts the order of its file.
//!
//! A line cannot have been written before a line that stands before it in the file. So it was
//! written between the newest time of the lines before it and the oldest time of the lines after
//! it. Some lines have a time that is too old or too new for their place: an access log says when a
//! request began, a host starts before its clock is set, a message quotes a date. Such a time is
//! called odd here.
//!
//! The lines are read newest first. A time that is too new does no harm: it is lowered to the time
//! of the newer line that was read just before. A time that is too old would hold back all older
//! lines of the file until every other host has passed that time. The older lines show whether it
//! is too old.
//!
//! One kind of odd lines is not recognised: a run that lasts longer than its times are wrong by,
//! such as an hour of a clock that is a minute slow. Then some of the lines before the run get its
//! times.

use super::{LineTime, NANOS};
use std::collections::VecDeque;

/// For a step back in time that is larger than this, more than the nearest lines are examined, if
/// they are in memory. So an odd time moves other lines by no more than this.
const STEP: i64 = 60 * NANOS;

/// For a step back in time that is larger than this, lines that are not in memory are read.
const LONG_STEP: i64 = 3600 * NANOS;

/// How many lines with a time are examined before each record.
const NEAR_LINES: usize = 8;

/// The bytes in which they are searched while none of them contradicts: eight long lines.
const NEAR_BYTES: u64 = 32 << 10;

/// How many lines with a time, and how many bytes, are examined before a step back: as many lines
/// as a host writes that starts before its clock is set.
const FAR_LINES: usize = 1024;
pub(super) const FAR_BYTES: u64 = 256 << 10;

/// Half of that is enough for a verdict, so that the next records need no further reading.
const ENOUGH_LINES: usize = FAR_LINES / 2;
const ENOUGH_BYTES: u64 = FAR_BYTES / 2;

/// How many lines are examined before it is checked again whether they are enough.
const LINES_AT_ONCE: usize = 64;

/// A clock that shows a time before this, September 2001, is not set. Seconds since the epoch had
/// nine digits until then.
const CLOCKS_SET: i64 = 1_000_000_000 * NANOS;

/// A line that has a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    /// Offset of its first byte in the file.
    pub(super) at: u64,
    pub(super) time: LineTime,
}

/// What the lines before a record show about its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The time by which the record is merged, if there is one.
    Key(Option<i64>),
    /// This many more lines have to be examined. `must_read`: even if they are not in memory.
    More { lines: usize, must_read: bool },
}

/// A run of odd lines: where the line before the run begins, and when the run was written.
pub(super) type Run = Option<(u64, i64)>;

/// What is known about the lines around a record.
pub(super) struct Evidence<'a> {
    /// The line that gives the record its time, and the lines with a time before it, newest first.
    pub(super) timed: &'a VecDeque<Timed>,
    /// The stamp of the record that was read before, which is newer.
    pub(super) last: Option<i64>,
    /// When the file was last written.
    pub(super) modified: i64,
    /// Every line from this offset on has been examined.
    pub(super) looked_to: u64,
    /// Whether lines may be read only to find out whether the time is odd.
    pub(super) is_worth_reading: bool,
    /// There is nothing more to examine.
    pub(super) is_all: bool,
}

impl Evidence<'_> {
    pub(super) fn judge(&self) -> (Verdict, Run) {
        let (line, time) = (self.timed[0], self.timed[0].time.nanos);
        let most = self.last.unwrap_or(i64::MAX);
        if time >= most {
            return (Verdict::Key(Some(most)), None);
        }
        // The first record is compared with the file's last change.
        let step = self.last.unwrap_or(self.modified).saturating_sub(time);
        let is_unset = time < CLOCKS_SET;

        let far_from = line.at.saturating_sub(FAR_BYTES);
        let near = self.timed.iter().skip(1).take(NEAR_LINES).take_while(|older| older.at >= far_from);
        let (mut count, mut agree, mut contradict) = (0, 0, 0);
        // The newest and the oldest time that contradict, and the newest that agrees.
        let (mut newer, mut least_newer, mut older) = (None, i64::MAX, i64::MIN);
        for near in near {
            count += 1;
            let nanos = near.time.nanos;
            if nanos <= time {
                agree += 1;
                older = older.max(nanos);
            } else if nanos <= most {
                contradict += 1;
                newer = newer.max(Some(nanos));
                if agree == 0 {
                    least_newer = least_newer.min(nanos);
                }
            }
        }
        let near_from = if newer.is_some() { far_from } else { line.at.saturating_sub(NEAR_BYTES) };
        let is_near_done = self.is_all || count == NEAR_LINES || self.looked_to <= near_from;
        if !is_near_done {
            // If nothing contradicts, one line that agrees is enough: to read more at the edge of
            // what is in memory is useless for most lines.
            let is_large = is_unset || (self.last.is_some() && step > STEP);
            let must_read = newer.is_some() || is_large || (count == 0 && self.is_worth_reading);
            // Twice as many as needed, so that the next records need no further reading.
            return (Verdict::More { lines: 2 * NEAR_LINES - count, must_read }, None);
        }
        if let Some(newest) = newer {
            // `is_step`: the few lines right before this one continue the lines before them with a
            // smaller step than the step back to this time.
            let is_step = least_newer.saturating_sub(older) < newest.saturating_sub(time);
            if contradict >= agree || is_step || is_unset {
                return (Verdict::Key(newer), None);
            }
        }
        if step <= STEP && !is_unset {
            return (Verdict::Key(Some(time)), None);
        }
        let must_read = is_unset || (self.last.is_some() && step > LONG_STEP);
        self.judge_step(step, must_read)
    }

    /// The nearest lines agree with the time, but it is much older than the record that was read
    /// before. Either this is a run of odd lines, or the host wrote nothing for some time.
    fn judge_step(&self, step: i64, must_read: bool) -> (Verdict, Run) {
        let (line, time) = (self.timed[0], self.timed[0].time.nanos);
        let most = self.last.unwrap_or(i64::MAX);
        // Lines of a run may be a little out of order as well.
        let margin = step / 16;
        let far_from = line.at.saturating_sub(FAR_BYTES);
        let far = self.timed.iter().skip(1).take(FAR_LINES).take_while(|older| older.at >= far_from);
        let is_newer =
            |older: &&Timed| older.time.nanos.saturating_sub(time) > margin && older.time.nanos <= most;
        let is_far_done = self.is_all
            || self.timed.len() > ENOUGH_LINES
            || self.looked_to <= line.at.saturating_sub(ENOUGH_BYTES);
        let more = Verdict::More { lines: LINES_AT_ONCE, must_read };

        let Some(run) = far.clone().position(|older| is_newer(&older)) else {
            let verdict = if is_far_done { Verdict::Key(Some(time)) } else { more };
            return (verdict, None);
        };
        // Either the run is too old, or the lines before it are too new. As many lines as the run
        // has, before it, decide.
        let wanted = (run + 1).max(NEAR_LINES);
        let (mut count, mut newer, mut key) = (0, 0, time);
        let end = self.timed[run + 1].at;
        for older in far.skip(run).filter(|older| older.time.nanos <= most).take(wanted) {
            count += 1;
            if is_newer(&older) {
                newer += 1;
                key = key.max(older.time.nanos);
            }
        }
        if count < wanted && !is_far_done {
            return (more, None);
        }
        if 2 * newer >= count || time < CLOCKS_SET {
            (Verdict::Key(Some(key)), Some((end, key)))
        } else {
            (Verdict::Key(Some(time)), None)
        }
    }
}
