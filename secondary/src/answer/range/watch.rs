//! Watches the blocks that a search reads: how far back in time it is, and whether the times are in
//! order. It looks at a few lines of each block, because there are millions of lines.

use super::before::{Before, LOOK_BACK_BYTES, LookBackPlan};
use super::lines::{HEAD, Piece};
use super::steps::{SLACK, Steps};
use backscroll_shared::time::LineTimes;
use std::collections::VecDeque;

/// The search stops after so many bytes and lines with a time that are all older than the range.
const PAST_BYTES: u64 = 64 << 10;
const PAST_LINES: u64 = 64;

/// Places in a block at which lines are looked at, and how many lines at each.
const PLACES: usize = 8;
const LINES: usize = 3;

/// Bytes for each place. A smaller block has fewer places.
const PLACE_BYTES: usize = 8 << 10;

/// The times of a search for a keyword with a line feed that are kept: 16 bytes each.
const INDEX_LINES: usize = 16 << 10;

/// What the blocks have shown.
#[derive(Debug)]
pub(super) struct Watch {
    times: LineTimes,
    /// The first time of the range, less the slack.
    past: Option<i64>,
    steps: Steps,
    /// Lines and bytes in a row that are older than that, at the oldest edge of what was read.
    past_lines: u64,
    past_bytes: u64,
    /// The lines with a time that were looked at in the last block, newest first.
    samples: Vec<(u64, i64)>,
    /// The times as they were known before that block, if all of its lines were looked at.
    entering: Option<LineTimes>,
    before: Before,
    /// What to look at for a line with a time before the last block, if that has to be done.
    look_back: Option<LookBackPlan>,
    /// The lines with a time that stand before lines without one, newest first, for a search whose
    /// records come without the lines before them. And the oldest line with a time.
    index: Option<VecDeque<(u64, i64)>>,
    /// Whether the last line that was seen has a time, and whether that is in the index only as the
    /// oldest one.
    is_timed: bool,
    is_spare: bool,
    /// The end of the line that the last block's older edge cuts.
    cut: Vec<u8>,
}

impl Watch {
    /// `since`: where the search may stop. `has_index`: whether the times of all lines are kept.
    pub(super) fn new(times: LineTimes, since: Option<i64>, has_index: bool) -> Watch {
        Watch {
            times,
            past: since.map(|since| since.saturating_sub(SLACK)),
            steps: Steps::default(),
            past_lines: 0,
            past_bytes: 0,
            samples: Vec::new(),
            entering: None,
            before: Before::Unknown,
            look_back: None,
            index: has_index.then(VecDeque::new),
            is_timed: false,
            is_spare: false,
            cut: Vec::new(),
        }
    }

    /// Takes the next older block. What is known of the newer ones stays.
    pub(super) fn look(&mut self, piece: Piece<'_>) {
        let before = self.times.clone();
        if self.index.is_some() {
            self.look_at_all(piece);
        } else {
            self.look_at_some(piece, &before);
        }
        self.count_past(piece, before);
        self.look_for_untimed(piece);
    }

    /// Whether enough lines in a row are older than the range.
    pub(super) fn is_past(&self) -> bool {
        self.past_bytes >= PAST_BYTES && self.past_lines >= PAST_LINES
    }

    /// From now on, the search goes on to the start of the file.
    pub(super) fn do_not_stop(&mut self) {
        self.past = None;
        (self.past_lines, self.past_bytes) = (0, 0);
    }

    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// The times as they are known before the last block, for lines before it.
    pub(super) fn times(&self) -> LineTimes {
        self.times.clone()
    }

    pub(super) fn before(&self) -> Before {
        self.before
    }

    /// What to look at for a line with a time before the last block, if a line of the block needs it.
    pub(super) fn look_back(&self) -> Option<LookBackPlan> {
        self.look_back
    }

    /// Sets what was found there.
    pub(super) fn set_before(&mut self, before: Before) {
        self.before = before;
        self.look_back = None;
    }

    /// Of the lines that were looked at, the oldest one that is newer than this offset.
    pub(super) fn newer_than(&self, offset: u64) -> Option<(u64, i64)> {
        let is_newer = |line: &&(u64, i64)| line.0 > offset;
        if let Some(index) = &self.index {
            return index.iter().take_while(is_newer).last().copied();
        }
        let next = self.samples.partition_point(|(at, _)| *at > offset);
        next.checked_sub(1).map(|last| self.samples[last])
    }

    /// The newest line with a time before this offset, among those of which all are kept.
    pub(super) fn older_than(&mut self, offset: u64) -> Option<i64> {
        if self.entering.is_some() {
            let next = self.samples.partition_point(|(at, _)| *at >= offset);
            return self.samples.get(next).map(|(_, nanos)| *nanos);
        }
        let index = self.index.as_mut()?;
        // Records come newest first. One newer line is kept, for a record without any older one.
        while index.get(1).is_some_and(|(at, _)| *at > offset) {
            index.pop_front();
        }
        index.iter().find(|(at, _)| *at < offset).map(|(_, nanos)| *nanos)
    }

    /// Looks at some lines. Near a change of the clocks it looks at all lines, because only the lines
    /// after a line tell which of two hours it means. `before`: the times as they were known before.
    fn look_at_some(&mut self, piece: Piece<'_>, before: &LineTimes) {
        let last = self.samples.last().copied();
        self.samples.clear();
        let places = (piece.bytes.len() / PLACE_BYTES).clamp(1, PLACES);
        let mut newest = piece.bytes.len();
        for place in (0..places).rev() {
            let from = piece.bytes.len() / places * place;
            let mut lines = [(0, &[][..]); LINES];
            let mut count = 0;
            for line in piece.forwards(from).take(LINES) {
                if usize::try_from(line.0 - piece.offset).is_ok_and(|at| at < newest) {
                    lines[count] = line;
                    count += 1;
                }
            }
            for (at, line) in lines[..count].iter().rev() {
                self.sample(*at, line);
            }
            newest = from;
        }
        let times = || last.iter().chain(&self.samples).map(|(_, nanos)| *nanos);
        let is_in_doubt = times().min().zip(times().max());
        let is_in_doubt = is_in_doubt.is_some_and(|(from, to)| self.times.may_change_clocks(from, to));
        self.entering = is_in_doubt.then(|| before.clone());
        if is_in_doubt {
            self.samples.clear();
            self.times = before.clone();
            for (at, line) in piece.backwards(piece.bytes.len()) {
                self.sample(at, line);
            }
        }
        for (_, nanos) in &self.samples {
            self.steps.see(*nanos);
        }
    }

    fn sample(&mut self, at: u64, line: &[u8]) {
        if let Some(time) = self.times.of(line) {
            self.samples.push((at, time.nanos));
        }
    }

    /// The time of the line at this offset, if it is known better than by the lines that match.
    pub(super) fn exact(&self, offset: u64, line: &[u8]) -> Option<i64> {
        let entering = self.entering.as_ref()?;
        let at = self.samples.binary_search_by(|(at, _)| offset.cmp(at));
        // A line that the block's newer edge cuts comes before those in the block.
        let cut = || entering.clone().of(line).map(|time| time.nanos);
        at.ok().map(|at| self.samples[at].1).or_else(cut)
    }

    fn look_at_all(&mut self, piece: Piece<'_>) {
        let bytes = piece.bytes;
        // The line that the newer edge cuts.
        if let Some(at) = memchr::memrchr(b'\n', bytes).map(|feed| feed + 1)
            && (at < bytes.len() || !self.cut.is_empty())
        {
            let line = [&bytes[at..], &self.cut].concat();
            self.see(piece.offset + at as u64, &line);
        }
        for (at, line) in piece.backwards(bytes.len()) {
            self.see(at, line);
        }
        match memchr::memchr(b'\n', bytes) {
            Some(feed) => self.cut = bytes[..feed.min(HEAD)].to_vec(),
            // The whole block is a part of one line.
            None => self.cut = [&bytes[..bytes.len().min(HEAD)], &self.cut].concat(),
        }
        self.cut.truncate(HEAD);
    }

    fn see(&mut self, at: u64, line: &[u8]) {
        let Some(time) = self.times.of(line) else {
            self.is_timed = false;
            return;
        };
        self.steps.see(time.nanos);
        if let Some(index) = &mut self.index {
            if self.is_spare {
                index.pop_back();
            } else if index.len() == INDEX_LINES {
                index.pop_front();
            }
            index.push_back((at, time.nanos));
        }
        self.is_spare = std::mem::replace(&mut self.is_timed, true);
    }

    /// Counts the lines at the block's older edge that are older than the range. `times`: what was
    /// known before the block.
    fn count_past(&mut self, piece: Piece<'_>, mut times: LineTimes) {
        let Some(past) = self.past else { return };
        let oldest = match &self.index {
            Some(index) => index.back(),
            None => self.samples.last(),
        };
        // A block without times changes nothing.
        let here = |(at, _): &&(u64, i64)| *at < piece.offset + piece.bytes.len() as u64;
        let Some((at, nanos)) = oldest.filter(here).copied() else { return };
        if nanos >= past {
            (self.past_lines, self.past_bytes) = (0, 0);
            return;
        }
        let most = usize::try_from(PAST_BYTES).expect("small") + PLACE_BYTES;
        // Before that line there are none with a time.
        let untimed = usize::try_from(at.saturating_sub(piece.offset)).unwrap_or(0);
        let end = piece.bytes.len().min(untimed + most);
        if end < piece.bytes.len() {
            // The lines after it are not looked at.
            (self.past_lines, self.past_bytes) = (0, 0);
        }
        for (_, line) in piece.backwards(end) {
            match times.of(line) {
                Some(time) if time.nanos >= past => (self.past_lines, self.past_bytes) = (0, 0),
                Some(_) => self.past_lines += 1,
                None => {}
            }
            self.past_bytes += line.len() as u64 + 1;
        }
    }

    /// Finds out whether the block begins with lines that have the time of a line before the block.
    fn look_for_untimed(&mut self, piece: Piece<'_>) {
        let end = piece.offset;
        // What was looked at before, if it begins in this block or before it.
        let looked_to = match self.before {
            Before::Nothing { from } if from <= end => Some(from),
            _ => None,
        };
        let looked = looked_to.map_or(0, |from| end - from);
        let is_known = match self.before {
            Before::Line { at, .. } => at < end,
            Before::Nothing { from } => from == 0 || looked >= LOOK_BACK_BYTES,
            Before::Unknown => false,
        };
        let first = piece.line_at(0).map(|at| (at, piece.forwards(at).next()));
        let needs_it = match first {
            Some((_, Some((_, line)))) => self.times.clone().of(line).is_none(),
            // Its end, or its beginning, is in another block.
            Some((_, None)) => true,
            None => false,
        };
        if piece.is_at_line {
            self.before = Before::Nothing { from: 0 };
        } else if !is_known && needs_it {
            let from = first.map_or(end, |(at, _)| end + at as u64);
            let look_back = LookBackPlan { from: looked_to.unwrap_or(from), most: LOOK_BACK_BYTES - looked };
            self.look_back = Some(look_back);
        } else if !is_known {
            self.before = Before::Unknown;
        }
    }
}
