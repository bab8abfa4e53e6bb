//! Finds the newer edge of a range by the order of times: it goes back from the end of the file in
//! steps that double (it gallops), and then bisects. It does no I/O: it says which bytes it wants to
//! see, and takes them.
//!
//! A probe looks at a few lines at one place. It moves the newer bound only if they are newer than
//! the range for certain. A place without times, or with times in the hour that comes twice, moves
//! the older bound: the edge may then be found too new, and more is read, but nothing is lost.

mod probe;

use super::lines::{HEAD, Piece};
use super::steps::SLACK;
use backscroll_shared::nuls::is_all_nul;
use backscroll_shared::scan::{Span, Window};
use backscroll_shared::time::LineTimes;
use probe::{Found, Timed, contradict, look, middle};

/// Bytes of the first read of a probe. Two searches in a file of 100 GiB are 60 probes.
const FIRST_BYTES: u64 = 4 << 10;

/// Bytes of each further read of a probe that has found no time.
const MORE_BYTES: u64 = 64 << 10;

/// Bytes in which a probe looks for a time.
const PROBE_BYTES: u64 = 4 << 20;

/// Bytes in which all probes together may find no time.
const WASTED_BYTES: u64 = 2 * PROBE_BYTES;

/// How near the edge is found. Reading so much more is cheaper than another probe.
const NEAR_BYTES: u64 = 64 << 10;

const PAGE: u64 = 4096;

/// What has been found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No line of the range stands at this offset or after it. `newest`: the time of the line there,
    /// in nanoseconds since 1970, unless it is the end of the file.
    Edge { at: u64, newest: Option<i64> },
    /// The times contradict each other.
    Disorder,
    /// There is text, and no line of it has a time.
    NoTimes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Looks at the end of the file.
    Newest,
    /// No time was found there. Looks at a few other places.
    Spread(u64),
    /// Goes back by this many bytes.
    Gallop(u64),
    Bisect,
    /// Looks at this many bytes after the edge, whether times go on as they should.
    After(u64),
    /// Looks at this many bytes before the place where the search stops, for the same reason.
    Before(u64),
    Done(Outcome),
}

/// Looks for the edge.
#[derive(Debug)]
pub(super) struct Finder {
    window: Window,
    /// The first time after the range, and the slack.
    past: Option<i64>,
    times: LineTimes,
    stage: Stage,
    /// The edge lies between these.
    older: u64,
    newer: u64,
    newest: Option<i64>,
    /// The place that is looked at, where the next read ends, and how much was read for it.
    target: u64,
    end: u64,
    spent: u64,
    probes: Vec<Timed>,
    has_text: bool,
    /// Bytes that were taken, and those of them in which no time was found.
    read: u64,
    wasted: u64,
}

impl Finder {
    /// Looks for where `until` lies in the window, in nanoseconds since 1970. Without it, only
    /// whether the lines have times.
    pub(super) fn new(window: Window, until: Option<i64>, times: LineTimes) -> Finder {
        let mut finder = Finder {
            window,
            past: until.map(|until| until.saturating_add(SLACK)),
            times,
            stage: Stage::Newest,
            older: window.start,
            newer: window.end,
            newest: None,
            target: 0,
            end: 0,
            spent: 0,
            probes: Vec::new(),
            has_text: false,
            read: 0,
            wasted: 0,
        };
        if window.is_empty() {
            finder.end_at_newer();
        } else {
            finder.probe(Stage::Newest, window.end);
        }
        finder
    }

    /// Looks whether lines before `from` are newer than `since`, though the search stops there.
    pub(super) fn before(window: Window, from: u64, since: i64, times: LineTimes) -> Finder {
        let mut finder = Finder::new(Window { start: window.start, end: from }, None, times);
        finder.past = Some(since);
        finder.probe_before(NEAR_BYTES);
        finder
    }

    /// The bytes to take next. None once the outcome is known.
    pub(super) fn wanted(&self) -> Option<Span> {
        if let Stage::Done(_) = self.stage {
            return None;
        }
        let most = if self.spent == 0 { FIRST_BYTES } else { MORE_BYTES };
        let offset = self.end.saturating_sub(most) / PAGE * PAGE;
        let offset = offset.max(self.window.start);
        let len = usize::try_from(self.end - offset).expect("no more than a block");
        Some(Span { offset, len })
    }

    /// Takes the bytes that were wanted.
    pub(super) fn take(&mut self, span: Span, bytes: &[u8]) {
        self.read += span.len as u64;
        self.spent += span.len as u64;
        self.has_text |= !is_all_nul(bytes);
        let piece = Piece::new(span, bytes, self.window.start);
        match look(piece, &mut self.times) {
            Found::Nothing => {
                // The line that the piece cuts is looked at again with its beginning.
                let cut = piece.line_at(0).unwrap_or(bytes.len()).min(HEAD);
                let is_start = span.offset == self.window.start;
                self.end = if is_start { span.offset } else { span.offset + cut as u64 };
                self.wasted += span.len as u64;
                if self.wasted >= WASTED_BYTES && !matches!(self.stage, Stage::Newest | Stage::Spread(_)) {
                    // Times are too rare to look for the edge.
                    return self.end_at_newer();
                }
                let limit = if matches!(self.stage, Stage::Spread(_)) { MORE_BYTES } else { PROBE_BYTES };
                if is_start || self.spent >= limit {
                    self.conclude(&Found::Nothing);
                }
            }
            found => self.conclude(&found),
        }
    }

    /// Goes on before a hole that begins at `start`, which ends where the last piece began.
    pub(super) fn skip_hole(&mut self, start: u64) {
        if matches!(self.stage, Stage::Done(_)) {
            return;
        }
        self.end = start.max(self.window.start);
        // A little at the hole's edge may be enough again.
        self.spent = 0;
        if self.end == self.window.start {
            self.conclude(&Found::Nothing);
        }
    }

    /// What has been found, once that is known.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        match self.stage {
            Stage::Done(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// Bytes that were taken.
    #[cfg(test)]
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    fn conclude(&mut self, found: &Found) {
        match found {
            // Which year is meant depends on all newer lines. So they are all read.
            Found::NoYear => return self.read_from_the_end(),
            Found::Times(lines) => self.probes.push(middle(lines)),
            Found::Nothing => {}
        }
        let past = match found {
            Found::Times(lines) => self.first_past(lines),
            _ => None,
        };
        match self.stage {
            Stage::Newest => match found {
                Found::Nothing if self.end > self.window.start => self.spread(0),
                Found::Nothing => self.end_without_times(),
                _ => self.step_back(past, NEAR_BYTES),
            },
            Stage::Spread(place) => match found {
                Found::Nothing => self.spread(place + 1),
                _ if self.past.is_none() => self.end_at_newer(),
                _ => self.gallop(PROBE_BYTES),
            },
            Stage::Gallop(distance) => self.step_back(past, distance.saturating_mul(2)),
            Stage::Bisect => {
                self.narrow(past);
                self.bisect();
            }
            Stage::After(distance) => self.probe_after(distance.saturating_mul(2)),
            Stage::Before(distance) => {
                let is_newer = matches!((self.probes.last(), self.past), (Some(seen), Some(since)) if seen.earliest >= since);
                if is_newer {
                    self.stage = Stage::Done(Outcome::Disorder);
                } else {
                    self.probe_before(distance.saturating_mul(2));
                }
            }
            Stage::Done(_) => {}
        }
    }

    /// The first line of a probe that is newer than the range for certain, if most of them are.
    fn first_past(&self, lines: &[Timed]) -> Option<Timed> {
        let past = self.past?;
        let is_past = |line: &&Timed| {
            // In the hour that comes twice, the lines of both passes look alike. The edge must not
            // lie between them, because the lines after it tell which one is meant.
            let doubt = line.latest - line.earliest;
            line.earliest >= past.saturating_add(doubt)
        };
        let first = lines.iter().find(is_past)?;
        is_past(&&middle(lines)).then_some(*first)
    }

    fn narrow(&mut self, past: Option<Timed>) {
        match past {
            Some(line) => {
                self.newer = line.at.clamp(self.older, self.newer);
                self.newest = Some(line.latest);
            }
            // The lines that the last probe saw may lie long before its target.
            None => self.older = self.target.min(self.newer),
        }
    }

    /// Goes on from a probe at the end, or of the gallop.
    fn step_back(&mut self, past: Option<Timed>, distance: u64) {
        let is_newest = self.stage == Stage::Newest;
        match past {
            // What is asked for reaches the end of the file.
            None if is_newest => self.end_at_newer(),
            None => {
                self.narrow(None);
                self.bisect();
            }
            Some(_) => {
                self.narrow(past);
                self.gallop(distance);
            }
        }
    }

    fn gallop(&mut self, distance: u64) {
        if distance >= self.window.len() || self.newer <= self.window.start {
            self.older = self.window.start;
            return self.bisect();
        }
        self.probe(Stage::Gallop(distance), self.newer.min(self.window.end - distance));
    }

    fn bisect(&mut self) {
        if self.newer - self.older <= NEAR_BYTES {
            return self.probe_after(NEAR_BYTES);
        }
        self.probe(Stage::Bisect, u64::midpoint(self.older, self.newer));
    }

    fn probe_after(&mut self, distance: u64) {
        if contradict(&mut self.probes) {
            self.stage = Stage::Done(Outcome::Disorder);
        } else if distance >= self.window.end - self.newer {
            self.end_at_newer();
        } else {
            self.probe(Stage::After(distance), self.newer + distance);
        }
    }

    fn probe_before(&mut self, distance: u64) {
        if distance >= self.window.len() {
            self.end_at_newer();
        } else {
            self.probe(Stage::Before(distance), self.window.end - distance);
        }
    }

    /// Looks at the start, and at three places between it and the end.
    fn spread(&mut self, place: u64) {
        let at = match place {
            0 => MORE_BYTES.min(self.window.len()),
            1..=3 => self.window.len() / 4 * place,
            _ => return self.end_without_times(),
        };
        self.probe(Stage::Spread(place), self.window.start + at);
    }

    fn probe(&mut self, stage: Stage, target: u64) {
        (self.stage, self.target, self.end, self.spent) = (stage, target, target, 0);
        if target <= self.window.start {
            self.conclude(&Found::Nothing);
        }
    }

    fn end_without_times(&mut self) {
        if self.has_text {
            self.stage = Stage::Done(Outcome::NoTimes);
        } else {
            self.end_at_newer();
        }
    }

    fn read_from_the_end(&mut self) {
        self.stage = Stage::Done(Outcome::Edge { at: self.window.end, newest: None });
    }

    fn end_at_newer(&mut self) {
        self.stage = Stage::Done(Outcome::Edge { at: self.newer, newest: self.newest });
    }
}

#[cfg(test)]
mod tests;
