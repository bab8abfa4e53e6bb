//! Fills a buffer with the records that a search finds in a source of blocks. It sends nothing: the
//! caller does, and says when to give blocks back.

mod large;
mod reached;

use super::chunks::Chunks;
use super::encoding::Encoding;
use super::frame_writer::FrameWriter;
use super::log_source::LogSource;
use super::long::{Long, Sizes};
use super::look_back::look_back;
use super::part::Part;
use super::second_look::SecondLook;
use super::turns::{Halt, Turns};
use crate::read::admission::Admission;
use crate::read::block::Block;
use crate::read::{BlockSource as _, Engine, InodeState, ReadFailure, SourceBlock};
use backscroll_shared::scan::{Search, Step};
use backscroll_shared::wire::verdict::{Status, Verdict};
pub(super) use reached::Reached;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// How far a producer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// The buffer is ready to be sent.
    More,
    /// All records are written, and the file is the one that was opened.
    Done,
}

/// Writes the records of one search.
pub(super) struct Producer<E, S> {
    pub(super) turns: Turns<E>,
    admission: Arc<Admission>,
    chunks: Chunks,
    search: Search<Block>,
    source: S,
    encoding: Encoding,
    /// The record that is being written in pieces, if any.
    long: Option<Long>,
    look: SecondLook,
    /// Whether this answer has waited for its client since the last look at the file.
    is_look_due: bool,
    /// Held while a long line or record is in memory, and never while waiting for the client.
    large: Option<OwnedSemaphorePermit>,
    /// When the first block came, and how many have come.
    first_block: Option<Instant>,
    blocks: u64,
    /// Whether it is noted how far the records have come: where they had come before the last one, and
    /// at the end.
    is_tracked: bool,
    before: u64,
    reached: Option<Reached>,
}

impl<E, S> Producer<E, S> {
    /// When the search had its first block, how many it has had, and how many bytes of the file.
    pub(super) fn searched(&self) -> (Option<Instant>, u64, u64) {
        (self.first_block, self.blocks, self.search.summary().bytes_scanned)
    }
}

impl<E: Engine, S: LogSource> Producer<E, S> {
    /// Searches `source`. `opened` is the state of the file's inode when it was opened.
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
            first_block: None,
            blocks: 0,
            is_tracked: false,
            before: 0,
            reached: None,
        }
    }

    /// Works until the buffer is ready to be sent or no record is left. Records are sent as soon as
    /// they are found: those of one block do not wait for the next block. May be dropped and called
    /// again with the same buffer.
    pub(super) async fn fill(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<Progress, Halt> {
        self.leave_large_permit();
        self.take_turn().await;
        self.look_again().await?;
        while out.len() < sizes.chunk {
            if let Some(halt) = self.turns.halt() {
                return Err(halt);
            }
            self.chunks.make_room(out, sizes.chunk);
            // Asked here, because it is asked for each record.
            if self.encoding.pending().is_some() {
                self.settle(out, sizes).await?;
            }
            if self.long.is_some() {
                self.write_piece(out, sizes).await?;
                continue;
            }
            if self.encoding.is_text() && self.search.take_lines(out, sizes.chunk, sizes.piece) {
                continue;
            }
            let is_worth_reading = self.search.has_older_lines() && self.search.remaining() != Some(1);
            if self.is_tracked {
                self.before = self.search.settled();
            }
            match self.search.step() {
                Step::Record(record) if record.bytes.len() <= sizes.piece => {
                    self.encoding.write(&record, is_worth_reading, out);
                }
                Step::Record(record) => {
                    let inspected = self.encoding.look_at(&record, is_worth_reading);
                    let part = Part::of(&record);
                    let part = part.in_pieces(self.search.delivered(), self.search.excerpt());
                    self.long = self.encoding.begin(inspected, part, out);
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

    /// Gives back every block, and what is held of long lines and records, because the client does
    /// not read. They are read again when it does.
    pub(super) fn park(&mut self) {
        self.source.park();
        self.search.release();
        self.is_look_due = true;
        self.leave_large_permit();
    }

    /// Stops reading ahead of the client, and gives back what is held.
    pub(super) fn slow_down(&mut self) {
        self.source.slow_down();
        self.park();
    }

    /// From now on the search is not refused, however many others wait.
    pub(super) fn keep_place(&mut self) {
        self.source.keep_place();
    }

    /// Whether other answers wait for the permit that this one holds for a long line.
    pub(super) fn is_large_waited_for(&self) -> bool {
        self.large.is_some() && self.admission.is_large_waited_for()
    }

    /// Compares what was read with the file as it is now, before records are sent to a merge. The
    /// primary may have all that it wants before this answer reaches its last check.
    pub(super) async fn look_before_leaving(&mut self) -> Result<(), ReadFailure> {
        self.make_room_for_another_block();
        self.look.check_before_leaving(&self.source).await
    }

    /// The writer of frames, if the answer is for a merge.
    pub(super) fn frames(&mut self) -> Option<&mut FrameWriter> {
        self.encoding.frames()
    }

    /// Tells a merge how much has been scanned, because the answer may be cut before its end.
    pub(super) fn write_progress(&mut self, out: &mut Vec<u8>) {
        if let (Some(frames), None) = (self.encoding.frames(), &self.long) {
            frames.progress(self.search.summary().bytes_scanned, out);
        }
    }

    /// Whether the bytes written so far end inside a record.
    pub(super) fn is_within_record(&self) -> bool {
        self.long.as_ref().is_some_and(Long::has_begun)
    }

    /// Gives up the record that is being written, because the rest of it will not be sent.
    pub(super) fn drop_record(&mut self) {
        self.long = None;
    }

    /// Whether the search has come to the file's beginning and found less than what is asked for.
    pub(super) fn wants_older(&self) -> bool {
        self.search.remaining() != Some(0) && self.turns.halt().is_none()
    }

    /// The counts of what has been written completely.
    pub(super) fn tally(&self, status: Status) -> Verdict {
        let summary = self.search.summary();
        // This record has been found, but not written completely.
        let unwritten = self.long.as_ref().map(|long| &long.part).or(self.encoding.pending());
        let mut verdict = Verdict {
            lines: summary.lines - unwritten.map_or(0, |part| part.lines),
            bytes_scanned: summary.bytes_scanned,
            truncated_lines: summary.truncated_lines - unwritten.map_or(0, |part| part.truncated_lines),
            skipped_bytes: summary.skipped_bytes,
            ..Verdict::new(status)
        };
        if status == Status::Complete {
            self.search_ended(&mut verdict);
        }
        verdict
    }

    /// Called when all records are written. The answer is complete unless the file has changed
    /// meanwhile: some records may then be bytes of another file.
    async fn finish(&mut self) -> Result<Progress, Halt> {
        self.note_reached();
        self.park();
        self.look.check_at_end(&self.source).await?;
        self.find_anchors().await;
        Ok(Progress::Done)
    }

    /// Checks that the file is unchanged if the answer has waited for its client. Otherwise a line
    /// could be joined from two files.
    async fn look_again(&mut self) -> Result<(), ReadFailure> {
        if self.is_look_due {
            self.look.check_before_more(&self.source).await?;
        }
        self.is_look_due = false;
        Ok(())
    }

    /// Writes the record that waited for the time of the lines before it, if there is one.
    async fn settle(&mut self, out: &mut Vec<u8>, sizes: Sizes) -> Result<(), ReadFailure> {
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

    /// Gives back the blocks of this answer before it reads another one, if few blocks are left. If
    /// answers waited for a second block while holding a first, all of them could wait for each
    /// other.
    fn make_room_for_another_block(&mut self) {
        if !self.source.has_room() {
            self.park();
        }
    }

    /// Feeds the next block, or a hole, to the search. False when the start of the file has been
    /// passed.
    async fn feed_next(&mut self, out: &mut Vec<u8>) -> Result<bool, ReadFailure> {
        self.take_turn().await;
        if let Some(hole) = self.source.skip_hole() {
            // The hole may be new: the file may have been emptied meanwhile.
            self.look.has_read_more();
            self.search.feed_hole(hole);
            return Ok(true);
        }
        if !self.find_large_permit().await? {
            // The search has given up its blocks while waiting, so it asks for those again first.
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
        self.first_block.get_or_insert_with(Instant::now);
        self.blocks += 1;
        if self.source.take_torn() {
            self.look.has_read_more();
        }
        self.look.take(span, block.as_ref());
        match finding {
            Some(matches) => self.search.feed_matched(span, block, matches.into()),
            None => self.search.feed(span, block),
        }
    }

    async fn take_turn(&mut self) {
        let has_waited = self.source.take_waited();
        self.turns.take(has_waited).await;
    }
}
