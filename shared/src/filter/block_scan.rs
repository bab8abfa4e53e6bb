//! The matching lines of a block, found in steps.
//!
//! The rarest condition is searched for in the whole block. Only the lines with a hit are judged by
//! the others, and the search goes on at the next line. Without a condition that a line must meet,
//! the rarest one that it must not meet is searched for, and the lines between its hits are records.

use super::automaton::Walk;
use super::compiled::{Caches, Compiled, Judges, Judging};
use super::fuel::Fuel;
use super::literals::narrow;
use super::part::{Hit, Sought};
use crate::nuls;
use memchr::{memchr, memrchr};

/// What one line costs that needs no judging.
const LINE: usize = 10;

/// How far the search through whole lines has come.
#[derive(Debug)]
pub(super) struct BlockScan {
    /// Where the next line begins that has not been looked at.
    from: usize,
    /// The search for the rarest condition.
    walk: Walk,
    /// The line that is being judged.
    line: Option<Line>,
    /// If lines are left out: those that begin before the hit are not.
    hit: Option<NextHit>,
    /// Whether a line begins with a run of NUL bytes. Then every line is judged without its run, on
    /// its own.
    has_runs: bool,
}

#[derive(Debug)]
struct Line {
    start: usize,
    text: usize,
    end: usize,
    judges: Judges,
    judging: Judging,
}

/// The line of the next hit that leaves a line out; past the last line if there is none.
#[derive(Debug, Clone, Copy)]
struct NextHit {
    start: usize,
    end: usize,
    is_sure: bool,
}

/// The lines that are searched, and what is said of all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines<'b> {
    /// A block up to the end of the content of its last whole line.
    pub(super) block: &'b [u8],
    /// As in [`Limits`](crate::scan::Limits).
    pub(super) nul_run: usize,
    /// Bytes of a line that a pattern sees.
    pub(super) limit: usize,
}

impl BlockScan {
    /// Begins with the line at `from`.
    pub(super) fn new(from: usize, lines: Lines<'_>) -> BlockScan {
        let has_runs = nuls::in_lines(&lines.block[from..], lines.nul_run) > 0;
        BlockScan { from, walk: Walk::from(from), line: None, hit: None, has_runs }
    }

    /// Goes on. Appends the bounds of matching lines to `out`, oldest first. Returns whether all
    /// lines have been looked at.
    pub(super) fn go_on(
        &mut self,
        compiled: &Compiled,
        caches: &mut Caches,
        lines: Lines<'_>,
        fuel: &mut Fuel,
        out: &mut Vec<(u32, u32)>,
    ) -> bool {
        caches.resize_with(compiled.parts.len(), || None);
        loop {
            if fuel.is_out() {
                return false;
            }
            if let Some(Line { start, text, end, judges, judging }) = &mut self.line {
                let (start, end) = (*start, *end);
                let line = (&lines.block[*text..end], lines.limit);
                let Some(is_record) = compiled.judge(caches, judging, *judges, line, fuel) else {
                    return false;
                };
                fuel.burn(LINE);
                if is_record {
                    out.push((narrow(start), narrow(end)));
                }
                self.pass(end);
            }
            if self.from > lines.block.len() {
                return true;
            }
            if self.has_runs {
                self.judge(lines, self.from, self.from, Judges::All);
            } else if compiled.required > 0 {
                match compiled.parts[0].next_hit(&mut caches[0], lines.block, &mut self.walk, fuel) {
                    Sought::Hit(Hit { start, end, is_sure }) => {
                        let judges = if is_sure { Judges::AllBut(0) } else { Judges::All };
                        self.judge(lines, start, end, judges);
                    }
                    Sought::Nothing => return true,
                    Sought::Tired => return false,
                }
            } else if !self.pass_before_hit(compiled, caches, lines, fuel, out) {
                return false;
            }
        }
    }

    /// Looks at one line or more, where lines are only left out. False if there was no fuel left.
    fn pass_before_hit(
        &mut self,
        compiled: &Compiled,
        caches: &mut Caches,
        lines: Lines<'_>,
        fuel: &mut Fuel,
        out: &mut Vec<(u32, u32)>,
    ) -> bool {
        let block = lines.block;
        let NextHit { start, end, is_sure } = match self.hit {
            Some(hit) => hit,
            None => match compiled.parts[0].next_hit(&mut caches[0], block, &mut self.walk, fuel) {
                Sought::Tired => return false,
                Sought::Nothing => NextHit { start: block.len() + 1, end: block.len() + 1, is_sure: true },
                Sought::Hit(Hit { start, end, is_sure }) => {
                    let (start, end) = line_of(block, self.from, start, end);
                    NextHit { start, end, is_sure }
                }
            },
        };
        self.hit = Some(NextHit { start, end, is_sure });
        if self.from >= start {
            self.hit = None;
            // A pattern sees only the beginning of a long line, and may have hit its end.
            if is_sure && end - start <= lines.limit {
                self.pass(end);
            } else {
                self.judge(lines, start, end, Judges::All);
            }
            return true;
        }
        if compiled.parts.len() > 1 {
            self.judge(lines, self.from, self.from, Judges::AllBut(0));
            return true;
        }
        while self.from < start && !fuel.is_out() {
            let end = memchr(b'\n', &block[self.from..]).map_or(block.len(), |feed| self.from + feed);
            out.push((narrow(self.from), narrow(end)));
            self.from = end + 1;
            fuel.burn(LINE);
        }
        true
    }

    /// The line of a hit is judged next.
    fn judge(&mut self, lines: Lines<'_>, start: usize, end: usize, judges: Judges) {
        let (start, end) = line_of(lines.block, self.from, start, end);
        let run = if self.has_runs { nuls::at_start(&lines.block[start..end], lines.nul_run) } else { 0 };
        let is_long = end - start > lines.limit;
        let judges =
            if is_long && judges == Judges::AllBut(0) && self.hit.is_none() { Judges::All } else { judges };
        self.line = Some(Line { start, text: start + run, end, judges, judging: Judging::default() });
    }

    /// Goes on after the line that ends at `end`.
    fn pass(&mut self, end: usize) {
        self.line = None;
        self.from = end + 1;
        if self.hit.is_none() {
            self.walk = Walk::from(self.from);
        }
    }
}

/// The bounds of the line in which the bytes from `start` to `end` lie. A line begins at `from`.
fn line_of(block: &[u8], from: usize, start: usize, end: usize) -> (usize, usize) {
    let first = memrchr(b'\n', &block[from..start]).map_or(from, |feed| from + feed + 1);
    let last = memchr(b'\n', &block[end..]).map_or(block.len(), |feed| end + feed);
    (first, last)
}
