//! How far a producer has come in the file, for the cursors of its answer.

use super::Producer;
use crate::answer::log_source::LogSource;
use crate::read::{BlockSource as _, Engine};
use backscroll_shared::scan::Span;
use backscroll_shared::wire::cursor::{ANCHOR_BYTES, Digest};
use backscroll_shared::wire::verdict::{Stopped, Verdict};
use std::time::Duration;
use tokio::time::timeout;

/// How long the reads for anchors may take. A cursor may do without them.
const ANCHOR_TIME: Duration = Duration::from_millis(50);

/// What is read for the cursors of an answer.
#[derive(Debug, Clone, Copy)]
pub(in crate::answer) struct Tracked {
    /// What stands before this offset belongs to an earlier answer.
    pub(in crate::answer) floor: u64,
    /// Where newer records begin.
    pub(in crate::answer) end: u64,
    /// Whether the anchor of that place is wanted.
    pub(in crate::answer) wants_end: bool,
}

/// A place in the file that a search has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::answer) struct Reached {
    /// Every record that begins here or later has been written.
    pub(in crate::answer) offset: u64,
    /// Whether fewer records were found than were asked for.
    found_all: bool,
    /// The anchor of the record there, and that of the place where newer records begin.
    pub(in crate::answer) anchor: Option<Digest>,
    pub(in crate::answer) end_anchor: Option<Digest>,
}

impl<E: Engine, S: LogSource> Producer<E, S> {
    /// From now on it is noted how far the records have come.
    pub(in crate::answer) fn track(&mut self, tracked: Tracked) {
        self.tracked = Some(tracked);
    }

    /// Why the search has ended, and whether there are more records. Only of an answer with cursors.
    pub(super) fn search_ended(&self, verdict: &mut Verdict) {
        let (Some(tracked), Some(reached)) = (self.tracked, self.reached) else { return };
        let is_over = reached.offset <= tracked.floor;
        verdict.stopped = Some(match (reached.found_all, self.stopped_by_since()) {
            (false, _) => Stopped::N,
            (true, true) => Stopped::Since,
            (true, false) => Stopped::Exhausted,
        });
        // Without a condition each line is a record.
        let is_known = self.search.takes_all() && self.range.is_none();
        verdict.more = if reached.found_all || is_over { Some(false) } else { is_known.then_some(true) };
    }

    /// How far the records have come that are written completely. Nothing where that is not noted.
    pub(in crate::answer) fn reached(&self) -> Option<Reached> {
        let tracked = self.tracked?;
        if self.range.as_ref().is_some_and(|range| range.is_in_rest()) {
            // The search is at the newer end again.
            return self.reached;
        }
        let is_unwritten = self.long.is_some() || self.encoding.pending().is_some();
        let offset = if is_unwritten { self.before } else { self.search.settled() };
        let found_all = self.search.remaining() != Some(0);
        if let Some(reached) = self.reached
            && (reached.offset, reached.found_all) == (offset, found_all)
        {
            return Some(reached);
        }
        let span = anchor_at(offset, tracked.end);
        let at_hand = self.search.at_hand(span).filter(|_| span.len > 0);
        let last = self.look.end().filter(|(end, _)| *end == tracked.end).and_then(|(_, bytes)| {
            let wanted = before(tracked.end).len;
            bytes.len().checked_sub(wanted).map(|from| &bytes[from..])
        });
        Some(Reached {
            offset,
            found_all,
            anchor: at_hand.map(Digest::anchor),
            end_anchor: last.filter(|last| !last.is_empty()).map(Digest::of),
        })
    }

    /// Notes how far the records have come, while their block is still here.
    pub(super) fn note_reached(&mut self) {
        self.reached = self.reached();
    }

    /// Reads what is hashed and was not at hand.
    pub(super) async fn find_anchors(&mut self) {
        let (Some(mut reached), Some(tracked)) = (self.reached, self.tracked) else { return };
        // Where nothing is left there is no place.
        if reached.anchor.is_none() && reached.offset > tracked.floor && !reached.found_all {
            reached.anchor = self.hashed(anchor_at(reached.offset, tracked.end), Digest::anchor).await;
        }
        if reached.end_anchor.is_none() && tracked.wants_end {
            reached.end_anchor = self.hashed(before(tracked.end), Digest::of).await;
        }
        self.reached = Some(reached);
    }

    async fn hashed(&mut self, span: Span, hash: impl Fn(&[u8]) -> Digest) -> Option<Digest> {
        if span.len == 0 {
            return None;
        }
        self.make_room_for_another_block();
        let time = self.turns.spare_time(ANCHOR_TIME);
        let mut beside = self.source.beside(None);
        let read = timeout(time, beside.again(span)).await.ok()?.ok()?;
        Some(hash(read.block.as_ref()))
    }
}

/// The bytes that are hashed of a record at `offset`. None of them lies at `end` or after it.
fn anchor_at(offset: u64, end: u64) -> Span {
    let most = end.saturating_sub(offset).min(ANCHOR_BYTES as u64);
    Span { offset, len: usize::try_from(most).unwrap_or(0) }
}

/// The bytes that are hashed of what stands before `end`.
fn before(end: u64) -> Span {
    let offset = end.saturating_sub(ANCHOR_BYTES as u64);
    Span { offset, len: usize::try_from(end - offset).unwrap_or(0) }
}
