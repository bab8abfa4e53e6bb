//! What a producer does for a time range.

use super::Producer;
use crate::answer::log_source::LogSource;
use crate::answer::look_back::older_lines;
use crate::answer::range::{Next, Phase, Ranged};
use crate::answer::turns::Halt;
use crate::read::{BlockSource as _, Engine, ReadFailure, SourceBlock};
use backscroll_shared::nuls::is_all_nul;
use backscroll_shared::scan::{Limits, Search, Window};

/// After so many records that were judged, others get a turn if it is due.
const RECORDS_AT_ONCE: u64 = 64;

impl<E: Engine, S: LogSource> Producer<E, S> {
    /// Only records in this range are wanted.
    pub(in crate::answer) fn set_range(&mut self, range: Box<Ranged>) {
        self.range = Some(range);
    }

    /// Whether the search has stopped because all that is left is older than the range.
    pub(in crate::answer) fn stopped_by_since(&self) -> bool {
        self.range.as_ref().is_some_and(|range| range.stopped_by_since())
    }

    /// Finds the newer edge of the range, if that is still to be done. False if nothing is to be
    /// searched. May be dropped and called again.
    #[inline]
    pub(super) async fn find_range(&mut self) -> Result<bool, Halt> {
        match self.range.as_ref().map(|range| range.phase()) {
            Some(Phase::NotRead) => Ok(false),
            // If no record is wanted, nothing is read.
            Some(Phase::Finding) if self.search.remaining() != Some(0) => {
                self.look_for_edge().await?;
                Ok(true)
            }
            _ => Ok(true),
        }
    }

    /// Looks at all that the range wants to see.
    async fn look_for_edge(&mut self) -> Result<(), Halt> {
        self.make_room_for_another_block();
        // The probes may need a pass of their own.
        self.source.give_up_pass();
        let mut beside = self.source.beside(None);
        let Some(range) = &mut self.range else { return Ok(()) };
        while let Some(span) = range.wanted() {
            self.turns.take(beside.take_waited()).await;
            if let Some(halt) = self.turns.halt() {
                return Err(halt);
            }
            let piece = beside.again(span).await?.block;
            if range.is_first_look() {
                self.look.take(span, piece.as_ref());
            }
            self.look.has_read_more();
            range.take(span, piece.as_ref());
            if is_all_nul(piece.as_ref())
                && let Some(start) = beside.hole_before(span.offset)
            {
                range.skip_hole(start);
            }
        }
        match range.found() {
            Next::GoOn => Ok(()),
            Next::NoTimes => Err(Halt::NoTimes),
            Next::Search { window, settled } => {
                self.search_again(window, settled, false);
                Ok(())
            }
        }
    }

    /// Whether all lines that are left are older than the range.
    pub(super) async fn is_past_range(&mut self) -> Result<bool, Halt> {
        self.note_disorder();
        if self.range.as_ref().is_some_and(|range| range.phase() == Phase::Stopping) {
            self.look_for_edge().await?;
        }
        Ok(self.stopped_by_since())
    }

    /// Looks at the times of a block before it is searched. False if the search has begun anew, so that
    /// the block is of no use.
    pub(super) fn watch_range(&mut self, next: &SourceBlock<S::Finding>) -> bool {
        let Some(range) = &mut self.range else { return true };
        range.watch(next.span, next.block.as_ref());
        if !range.is_disorder_new() {
            return true;
        }
        // A merge may have been told already that nothing newer follows.
        let is_too_late =
            self.search.summary().lines > 0 || (self.blocks > 0 && self.encoding.frames().is_some());
        if !range.has_edge() || is_too_late {
            range.note_disorder();
            return true;
        }
        // Nothing has been found yet, so nothing is in the wrong place.
        if let Next::Search { window, settled } = range.scan_whole() {
            self.search_again(window, settled, false);
            return false;
        }
        true
    }

    /// Notes a disorder that the records of the last block have shown.
    fn note_disorder(&mut self) {
        if let Some(range) = self.range.as_mut().filter(|range| range.is_disorder_new()) {
            range.note_disorder();
        }
    }

    /// Looks for the time of the first lines of the block, if they have none.
    pub(super) async fn look_back_for_range(&mut self) -> Result<(), ReadFailure> {
        let Some(mut look_back) = self.range.as_ref().and_then(|range| range.look_back()) else {
            return Ok(());
        };
        self.take_turn().await;
        self.make_room_for_another_block();
        self.look.has_read_more();
        // It may need a pass of its own.
        self.source.give_up_pass();
        let (_, read) = older_lines(self.turns.engine(), &self.source, &mut look_back).await?;
        if let Some(range) = &mut self.range {
            range.looked_back(&look_back, read);
        }
        Ok(())
    }

    /// Lets others have a turn after a number of records that were judged.
    pub(super) async fn count_judged(&mut self) {
        self.judged += 1;
        if self.judged.is_multiple_of(RECORDS_AT_ONCE) {
            self.take_turn().await;
        }
    }

    /// Goes on with what lies after the edge of the range, if that has to be done.
    pub(super) fn search_rest(&mut self) -> bool {
        self.note_disorder();
        self.note_reached();
        let Some((window, settled)) = self.range.as_mut().and_then(|range| range.take_rest()) else {
            return false;
        };
        self.search_again(window, settled, true);
        true
    }

    /// Searches another window for records that begin before `settled`. `is_sent`: whether the records that
    /// were found so far count.
    fn search_again(&mut self, window: Window, settled: u64, is_sent: bool) {
        let Some(range) = &mut self.range else { return };
        range.keep(self.search.summary(), is_sent);
        // One record after the edge is enough to tell that the answer is incomplete.
        let n = if is_sent { Some(1) } else { self.search.remaining() };
        self.search = Search::new(range.filter(), n, window, Limits::default()).resumed(settled);
        self.source.restart(window);
        self.leave_large_permit();
    }
}
