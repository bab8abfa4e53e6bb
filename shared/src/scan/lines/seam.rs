//! The line that an edge of the block cuts grows, piece by piece.

use super::{LineSearch, Phase};
use memchr::memrchr;

impl<B: AsRef<[u8]>> LineSearch<B> {
    /// Adds the block, or a piece of it, to the line that its newer edge cuts. True if that line is
    /// now complete and a record.
    pub(super) fn cross_seam(&mut self) -> bool {
        let block = self.block.as_ref().expect("checked by step").as_ref();
        let mut end = block.len();
        if self.at_end {
            // A line feed ends the last line. No empty line follows it.
            if block.last() == Some(&b'\n') {
                end -= 1;
            } else {
                self.cut.set_unended();
            }
        }
        if let Some(feed) = memrchr(b'\n', &block[..end]) {
            if !self.grow_cut_line(feed + 1, end) {
                return false;
            }
            self.at_end = false;
            self.open_offset = self.span.offset + feed as u64 + 1;
            self.enter_region(feed);
            self.complete_cut_line()
        } else {
            if !self.grow_cut_line(0, end) {
                return false;
            }
            self.at_end = false;
            self.open_offset = self.window.start;
            self.block = None;
            let is_first = self.is_at_start();
            self.phase = if is_first { Phase::Finished } else { Phase::Hungry };
            is_first && self.complete_cut_line()
        }
    }

    /// Completes the cut line, whose beginning is known. Returns whether it is a record; false if
    /// it has to be judged first.
    pub(super) fn complete_cut_line(&mut self) -> bool {
        let (is_record, run) = self.cut.complete(&self.filter, self.open_offset);
        self.skipped += run;
        self.open_run = run;
        if !is_record || !self.filter.needs_whole_lines() {
            return is_record;
        }
        self.next_phase = std::mem::replace(&mut self.phase, Phase::Judging);
        false
    }

    /// Adds these bytes of the block to the cut line, or a piece at their end. False if some are left.
    pub(super) fn grow_cut_line(&mut self, from: usize, to: usize) -> bool {
        let block = self.block.as_ref().expect("in a block").as_ref();
        self.cut.grow(&self.filter, self.span.offset + from as u64, &block[from..to])
    }
}
