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

/// A place in the file that a search has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::answer) struct Reached {
    /// Every record that begins here or later has been written.
    pub(in crate::answer) offset: u64,
    /// The anchor of the record there, and that of the end of the window.
    pub(in crate::answer) anchor: Option<Digest>,
    pub(in crate::answer) end_anchor: Option<Digest>,
}

impl<E: Engine, S: LogSource> Producer<E, S> {
    /// From now on it is noted how far the records have come.
    pub(in crate::answer) fn track(&mut self) {
        self.is_tracked = true;
    }

    /// Why the search has ended, and whether there are more records.
    pub(super) fn search_ended(&self, verdict: &mut Verdict) {
        let is_over = self.search.settled() <= self.source.window().start;
        let found_all = self.search.remaining() != Some(0);
        verdict.stopped = Some(if found_all { Stopped::Exhausted } else { Stopped::N });
        // Without a condition each line is a record.
        verdict.more = match (found_all || is_over, self.search.takes_all()) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        };
    }

    /// How far the records have come that are written completely.
    pub(in crate::answer) fn reached(&self) -> Reached {
        let is_unwritten = self.long.is_some() || self.encoding.pending().is_some();
        let offset = if is_unwritten { self.before } else { self.search.settled() };
        match self.reached {
            Some(reached) if reached.offset == offset => reached,
            _ => Reached {
                offset,
                anchor: self.search.at_hand(self.anchor_at(offset)).map(Digest::anchor),
                end_anchor: self.look.end().and_then(|(end, bytes)| {
                    let wanted = end.min(ANCHOR_BYTES as u64);
                    let from = bytes.len().checked_sub(usize::try_from(wanted).ok()?)?;
                    Some(Digest::of(&bytes[from..]))
                }),
            },
        }
    }

    /// The bytes that are hashed of a record at `offset`.
    fn anchor_at(&self, offset: u64) -> Span {
        let most = self.source.window().end.saturating_sub(offset).min(ANCHOR_BYTES as u64);
        Span { offset, len: usize::try_from(most).unwrap_or(0) }
    }

    /// Notes how far the records have come, while their block is still here.
    pub(super) fn note_reached(&mut self) {
        if self.is_tracked {
            self.reached = Some(self.reached());
        }
    }

    /// Reads what is hashed and was not at hand.
    pub(super) async fn find_anchors(&mut self) {
        let Some(mut reached) = self.reached else { return };
        let (start, end) = (self.source.window().start, self.source.window().end);
        if reached.anchor.is_none() && reached.offset > start {
            reached.anchor = self.hashed(self.anchor_at(reached.offset), Digest::anchor).await;
        }
        if reached.end_anchor.is_none() {
            let offset = end.saturating_sub(ANCHOR_BYTES as u64);
            let len = usize::try_from(end - offset).unwrap_or(0);
            reached.end_anchor = self.hashed(Span { offset, len }, Digest::of).await;
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
