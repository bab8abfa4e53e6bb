//! A source of blocks and a search fill a buffer with records. It knows nothing of clients.

use super::chunks::Chunks;
use super::encoding::Encoding;
use super::frame_writer::FrameWriter;
use super::long::{Long, Sizes};
use super::look_back::look_back;
use super::part::Part;
use super::second_look::SecondLook;
use super::turns::{Halt, Turns};
use crate::read::admission::{Admission, LARGE_BYTES};
use crate::read::block::Block;
use crate::read::{BlockSource, Engine, InodeState, ReadFailure, SourceBlock};
use backscroll_shared::scan::{BlockMatches, Search, Step};
use backscroll_shared::wire::verdict::{Status, Verdict};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long a line that is long waits for its permit. Permits are not held while a client is
/// waited for, so it takes no longer than others need to read.
const LARGE_WAIT: Duration = Duration::from_mins(1);

/// How far a producer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// What is in the buffer is to leave.
    More,
    /// All records are out, and the file is what it was when it was opened.
    Done,
}

/// What the records come from.
pub(super) struct Producer<E, S> {
    turns: Turns<E>,
    admission: Arc<Admission>,
    chunks: Chunks,
    search: Search<Block>,
    source: S,
    encoding: Encoding,
    /// The record that is being written in pieces, if one is.
    long: Option<Long>,
    look: SecondLook,
    /// Whether the client was given time since the last look at the file.
    is_look_due: bool,
    /// Held while much is held of a line or a record, and never while the client is waited for.
    large: Option<OwnedSemaphorePermit>,
}

impl<E: Engine, S: BlockSource<Finding: Into<BlockMatches>>> Producer<E, S> {
    /// Searches `source`, a file of which `opened` was said when it was opened.
    pub(super) fn new(
        turns: Turns<E>,
        admission: Arc<Admission>,
        chunks: Chunks,
        opened: InodeState,
        search: Search<Block>,
        source: S,
        encoding: Encoding,
    ) -> Producer<E, S> {
        Producer {
            turns,
            admission,
            chunks,
            search,
            source,
            encoding,
            long: None,
            look: SecondLook::new(opened),
            is_look_due: false,
            large: None,
        }
    }

    /// Works until the buffer is to leave, or the records are out. Records leave as they are
    /// found: what a block has yielded is not held back for the next one. May be dropped and
    /// called again with the same buffer.
    pub(super) async fn fill(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<Progress, Halt> {
        self.leave_large_permit();
        self.take_turn().await;
        self.look_again().await?;
        while out.len() < sizes.chunk {
            if let Some(halt) = self.turns.halt() {
                return Err(halt);
            }
            self.chunks.make_room(out, sizes.chunk);
            self.settle(out, sizes).await?;
            if self.long.is_some() {
                self.write_piece(out, sizes).await?;
                continue;
            }
            if self.encoding.is_text() && self.search.take_lines(out, sizes.chunk, sizes.piece) {
                continue;
            }
            let is_worth_reading = self.search.has_older_lines() && self.search.remaining() != Some(1);
            match self.search.step() {
                Step::Record(record) if record.bytes.len() <= sizes.piece => {
                    self.encoding.write(&record, is_worth_reading, out);
                }
                Step::Record(record) => {
                    let looked = self.encoding.look_at(&record, is_worth_reading);
                    let part = Part::of(&record);
                    let part = part.in_pieces(self.search.delivered(), self.search.excerpt());
                    self.long = self.encoding.begin(looked, part, out);
                }
                Step::Done => return self.finish().await,
                Step::Working | Step::NeedBlock | Step::NeedAgain(_) if !out.is_empty() => break,
                Step::Working => self.take_turn().await,
                Step::NeedBlock => {
                    if !self.feed_next(out).await? {
                        return self.finish().await;
                    }
                }
                Step::NeedAgain(span) => {
                    self.take_turn().await;
                    let again = self.source.again(span).await?;
                    self.feed(again);
                }
            }
        }
        Ok(Progress::More)
    }

    /// Gives back every block, and what is held of long lines and records, because the client
    /// does not read. They are read again once it does.
    pub(super) fn park(&mut self) {
        self.source.park();
        self.search.release();
        self.is_look_due = true;
        self.leave_large_permit();
    }

    /// Reads no more ahead than the client takes, and gives back what is held.
    pub(super) fn slow_down(&mut self) {
        self.source.slow_down();
        self.park();
    }

    /// Whether others wait for the permit that is held for a long line.
    pub(super) fn is_large_waited_for(&self) -> bool {
        self.large.is_some() && self.admission.is_large_waited_for()
    }

    /// Compares what was read with what is there now, before records leave for a merge: the
    /// primary may have all that it wants before this answer comes to its end.
    pub(super) async fn look_before_leaving(&mut self) -> Result<(), ReadFailure> {
        self.make_room_for_another_block();
        self.look.before_leaving(&self.source).await
    }

    /// What writes the frames, in an answer to a merge.
    pub(super) fn frames(&mut self) -> Option<&mut FrameWriter> {
        self.encoding.frames()
    }

    /// Says in an answer to a merge how much has been scanned: it may be cut before its end.
    pub(super) fn write_progress(&mut self, out: &mut Vec<u8>) {
        if let (Some(frames), None) = (self.encoding.frames(), &self.long) {
            frames.progress(self.search.summary().bytes_scanned, out);
        }
    }

    /// Whether what has been written ends within a record.
    pub(super) fn is_within_record(&self) -> bool {
        self.long.as_ref().is_some_and(Long::has_begun)
    }

    /// Gives up the record that is being written, because no more of it leaves.
    pub(super) fn drop_record(&mut self) {
        self.long = None;
    }

    /// What has been found, and written to its end.
    pub(super) fn tally(&self, status: Status) -> Verdict {
        let summary = self.search.summary();
        // A record that has been found, and has not been written to its end.
        let unwritten = self.long.as_ref().map(|long| &long.part).or(self.encoding.pending());
        Verdict {
            lines: summary.lines - unwritten.map_or(0, |part| part.lines),
            bytes_scanned: summary.bytes_scanned,
            truncated_lines: summary.truncated_lines - unwritten.map_or(0, |part| part.truncated_lines),
            skipped_bytes: summary.skipped_bytes,
            ..Verdict::new(status)
        }
    }

    /// The records are out. The answer is complete, unless the file has become another one
    /// meanwhile: then some of them may be somebody else's bytes.
    async fn finish(&mut self) -> Result<Progress, Halt> {
        self.park();
        self.look.again(&self.source).await?;
        Ok(Progress::Done)
    }

    fn leave_large_permit(&mut self) {
        if self.search.held() <= LARGE_BYTES {
            self.large = None;
        }
    }

    /// Sees whether the file is still what it was, where it was left alone for some time: no
    /// line is to be made of two files.
    async fn look_again(&mut self) -> Result<(), ReadFailure> {
        if self.is_look_due {
            self.look.before_more(&self.source).await?;
        }
        self.is_look_due = false;
        Ok(())
    }

    /// Writes the record whose time had to be looked for in the lines before it, if there is
    /// one.
    async fn settle(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<(), ReadFailure> {
        let Some(&Part { offset, .. }) = self.encoding.pending() else { return Ok(()) };
        self.take_turn().await;
        self.make_room_for_another_block();
        let Some(frames) = self.encoding.frames() else { return Ok(()) };
        self.look.has_read_more();
        // The look back may need a pass of its own. Who held one while waiting for another could
        // wait for ever: everybody else may do the same.
        self.source.give_up_pass();
        look_back(self.turns.engine(), &self.source, frames.stamps(), offset).await?;
        self.long = frames.settle(out).map(Long::framed);
        self.chunks.make_room(out, sizes.chunk);
        Ok(())
    }

    /// Writes the next piece of the long record that is on its way.
    async fn write_piece(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<(), ReadFailure> {
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

    /// Gives back the blocks of this answer before another one is read, where few are left:
    /// two blocks for one answer could be waited for by everybody at once.
    fn make_room_for_another_block(&mut self) {
        if !self.source.has_room() {
            self.park();
        }
    }

    /// Feeds the next block, or a hole. False after the start of the file.
    async fn feed_next(&mut self, out: &mut Vec<u8>) -> Result<bool, ReadFailure> {
        self.take_turn().await;
        if let Some(hole) = self.source.skip_hole() {
            // It may be one because the file was emptied meanwhile.
            self.look.has_read_more();
            self.search.feed_hole(hole);
            return Ok(true);
        }
        if !self.find_large_permit().await? {
            // It has given up what it held, and reads that again first.
            return Ok(true);
        }
        let Some(next) = self.source.next().await? else { return Ok(false) };
        if let Some(frames) = self.encoding.frames() {
            frames.next_block(next.block.as_ref(), out);
        }
        self.feed(next);
        Ok(true)
    }

    fn feed(&mut self, SourceBlock { span, block, finding }: SourceBlock<S::Finding>) {
        if self.source.take_torn() {
            self.look.has_read_more();
        }
        self.look.take(span, block.as_ref());
        match finding {
            Some(matches) => self.search.feed_matched(span, block, matches.into()),
            None => self.search.feed(span, block),
        }
    }

    /// A line that grows past what everybody may hold needs one of few permits. Where there is
    /// none it waits for one, and holds nothing meanwhile: false then.
    async fn find_large_permit(&mut self) -> Result<bool, ReadFailure> {
        if self.search.held() <= LARGE_BYTES || self.large.is_some() {
            return Ok(true);
        }
        self.large = self.admission.try_large();
        if self.large.is_some() {
            return Ok(true);
        }
        self.park();
        self.turns.has_waited();
        let permit = timeout(LARGE_WAIT, self.admission.large());
        self.large = Some(permit.await.map_err(|_| ReadFailure::Starved)?);
        Ok(false)
    }

    async fn take_turn(&mut self) {
        let has_waited = self.source.take_waited();
        self.turns.take(has_waited).await;
    }
}
