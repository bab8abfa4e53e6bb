//! When a line was written, where its time contradicts the order of its file.
//!
//! A line cannot have been written before a line that stands before it in the file. So it was
//! written between the newest time of the lines before it and the oldest time of the lines
//! after it. Single times are odd: an access log says when a request began, a host starts
//! without a clock, somebody quotes a date. They are too old or too new for their place.
//!
//! The lines are read newest first. A time that is too new does no harm: it is lowered to the
//! time of the newer line that was read just before. A time that is too old would hide all
//! older lines of the file, until every other host has passed that time. The older lines tell
//! whether it is too old.
//!
//! One kind of odd lines is not recognised: a run that takes longer than its times are wrong
//! by, such as an hour of a clock that is a minute slow. Some of the lines before it then take
//! its times.

use super::{LineTime, NANOS};
use std::collections::VecDeque;

/// A step back that is looked into further than the nearest lines, where what is needed for
/// that is at hand. A line with an odd time moves others by no more than this.
const STEP: i64 = 60 * NANOS;

/// A step back for which lines are read that are not at hand.
const LONG_STEP: i64 = 3600 * NANOS;

/// Lines with a time that are looked at before each record.
const NEAR_LINES: usize = 8;

/// Bytes in which they are looked for, where none of them contradicts: eight long lines.
const NEAR_BYTES: u64 = 32 << 10;

/// Lines with a time, and bytes, that are looked at before a step back: as many lines as a host
/// writes that starts without a clock.
const FAR_LINES: usize = 1024;
pub(super) const FAR_BYTES: u64 = 256 << 10;

/// Half of that is enough, so that the next record needs nothing more to be read.
const ENOUGH_LINES: usize = FAR_LINES / 2;
const ENOUGH_BYTES: u64 = FAR_BYTES / 2;

/// Lines that are looked at before it is asked again whether that is enough.
const LINES_AT_ONCE: usize = 64;

/// Before this, in September 2001, seconds since the epoch have nine digits. A clock that says
/// so is not set.
const CLOCKS_SET: i64 = 1_000_000_000 * NANOS;

/// A line that carries a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timed {
    /// Offset of its first byte in the file.
    pub(super) at: u64,
    pub(super) time: LineTime,
}

/// What the lines before a record say of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The time by which it is merged, if there is one.
    Key(Option<i64>),
    /// So many more lines have to be looked at. Whether they are to be read if they are not at
    /// hand.
    More { lines: usize, must_read: bool },
}

/// A run of odd lines: where the line before it begins, and when they were written.
pub(super) type Run = Option<(u64, i64)>;

/// What is known of the lines around a record.
pub(super) struct Evidence<'a> {
    /// The line whose time it is, and the ones with a time before it, newest first.
    pub(super) timed: &'a VecDeque<Timed>,
    /// The stamp of the record before.
    pub(super) last: Option<i64>,
    /// When the file was last written.
    pub(super) modified: i64,
    /// Every line from here on has been looked at.
    pub(super) looked_to: u64,
    /// Whether lines are read for no more than a doubt.
    pub(super) is_worth_reading: bool,
    /// There is nothing more to look at.
    pub(super) is_all: bool,
}

impl Evidence<'_> {
    pub(super) fn judge(&self) -> (Verdict, Run) {
        let (line, time) = (self.timed[0], self.timed[0].time.nanos);
        let most = self.last.unwrap_or(i64::MAX);
        if time >= most {
            return (Verdict::Key(Some(most)), None);
        }
        // Before the first record the file's own time has to do.
        let step = self.last.unwrap_or(self.modified).saturating_sub(time);
        let is_unset = time < CLOCKS_SET;

        let far_from = line.at.saturating_sub(FAR_BYTES);
        let near = self.timed.iter().skip(1).take(NEAR_LINES).take_while(|older| older.at >= far_from);
        let (mut count, mut agree, mut contradict) = (0, 0, 0);
        // The newest and the oldest time that contradicts, and the newest that agrees.
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
            // One line that agrees will do, unless something contradicts it: at the edge of what
            // is at hand most lines are read for nothing.
            let is_large = is_unset || (self.last.is_some() && step > STEP);
            let must_read = newer.is_some() || is_large || (count == 0 && self.is_worth_reading);
            // As many again, so that the next records need nothing more.
            return (Verdict::More { lines: 2 * NEAR_LINES - count, must_read }, None);
        }
        if let Some(newest) = newer {
            // Or the few lines right before it go on from the ones before them in smaller steps
            // than the one back to this time.
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

    /// The nearest lines agree with the time, but it is much older than the record before: a
    /// run of odd lines, or the host wrote nothing for some time.
    fn judge_step(&self, step: i64, must_read: bool) -> (Verdict, Run) {
        let (line, time) = (self.timed[0], self.timed[0].time.nanos);
        let most = self.last.unwrap_or(i64::MAX);
        // Lines of a run are a little out of order as well.
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
        // Either the run is too old, or the lines before it are too new: as many again say which.
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
