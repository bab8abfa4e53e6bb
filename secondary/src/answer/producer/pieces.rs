//! Records that cannot be written at once: those that wait for a time, and long ones.

use super::Producer;
use crate::answer::log_source::LogSource;
use crate::answer::long::{Long, Sizes};
use crate::answer::look_back::look_back;
use crate::answer::part::Part;
use crate::read::admission::LARGE_BYTES;
use crate::read::{BlockSource as _, Engine, ReadFailure};
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer waits for a permit to hold a long line. Nobody holds such a permit while
/// waiting for a client, so the wait is only as long as others need to read.
const LARGE_WAIT: Duration = Duration::from_mins(1);

impl<E: Engine, S: LogSource> Producer<E, S> {
    /// Writes the record that waited for the time of the lines before it, if there is one.
    pub(super) async fn settle(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<(), ReadFailure> {
        let Some(&Part { offset, .. }) = self.encoding.pending() else { return Ok(()) };
        self.take_turn().await;
        self.make_room_for_another_block();
        let Some(frames) = self.encoding.frames() else { return Ok(()) };
        self.look.has_read_more();
        // The look back may need a pass of its own. If every answer held one pass while waiting for
        // a second, all of them would wait for ever.
        self.source.give_up_pass();
        look_back(self.turns.engine(), &self.source, frames.stamps(), offset).await?;
        self.long = frames.settle(out).map(Long::framed);
        self.chunks.make_room(out, sizes.chunk);
        Ok(())
    }

    /// Writes the next piece of the long record.
    pub(super) async fn write_piece(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<(), ReadFailure> {
        self.take_turn().await;
        let Some(long) = &self.long else { return Ok(()) };
        let span = long.wanted(sizes, out);
        let mut block = None;
        if self.search.at_hand(span).is_none() {
            self.make_room_for_another_block();
            self.look.has_read_more();
            block = Some(self.source.beside(None).again(span).await?.block);
        }
        let bytes = block.as_ref().map(AsRef::as_ref).or_else(|| self.search.at_hand(span));
        let (Some(long), Some(bytes)) = (&mut self.long, bytes) else { return Ok(()) };
        if !long.take(bytes, sizes, self.encoding.json(), out) {
            return Err(ReadFailure::Overwritten { offset: span.offset });
        }
        if long.is_over() {
            self.long = None;
        }
        Ok(())
    }

    pub(super) fn leave_large_permit(&mut self) {
        if self.search.held() <= LARGE_BYTES {
            self.large = None;
        }
    }

    /// Gets one of the few permits that a line or record over [`LARGE_BYTES`] needs. If none is
    /// free, gives back all blocks, waits for one, and returns false.
    pub(super) async fn find_large_permit(&mut self) -> Result<bool, ReadFailure> {
        if self.search.held() <= LARGE_BYTES || self.large.is_some() {
            return Ok(true);
        }
        self.large = self.admission.try_large_permit();
        if self.large.is_some() {
            return Ok(true);
        }
        self.park();
        self.turns.has_waited();
        let permit = timeout(LARGE_WAIT, self.admission.large_permit());
        self.large = Some(permit.await.map_err(|_| ReadFailure::Starved)?);
        Ok(false)
    }
}
