//! Fills a buffer with the records that a search finds in a source of blocks. It sends nothing: the
//! caller does, and says when to give blocks back.

mod pieces;
mod ranged;
mod reached;

use super::chunks::Chunks;
use super::encoding::Encoding;
use super::frame_writer::FrameWriter;
use super::log_source::LogSource;
use super::long::{Long, Sizes};
use super::part::Part;
use super::range::Ranged;
use super::second_look::SecondLook;
use super::turns::{Halt, Turns};
use crate::read::admission::Admission;
use crate::read::block::Block;
use crate::read::{Engine, InodeState, ReadFailure, SourceBlock};
use backscroll_shared::scan::{Search, Step, Summary};
use backscroll_shared::wire::verdict::{Status, Verdict};
pub(super) use reached::{Reached, Tracked};
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
    /// The time range, if one is asked for.
    range: Option<Box<Ranged>>,
    /// Records that were held against it.
    judged: u64,
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
    /// What is needed to note how far the records have come; None where that is not wanted.
    tracked: Option<Tracked>,
    /// How far they had come before the last record.
    before: u64,
    /// How far they have come, as it was noted last.
    reached: Option<Reached>,
}

impl<E, S> Producer<E, S> {
    /// When the search had its first block, how many it has had, and how many bytes of the file.
    pub(super) fn searched(&self) -> (Option<Instant>, u64, u64) {
        (self.first_block, self.blocks, self.summary().bytes_scanned)
    }

    /// What has been counted.
    fn summary(&self) -> Summary {
        let summary = self.search.summary();
        self.range.as_ref().map_or(summary, |range| range.sum(summary))
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
            range: None,
            judged: 0,
            long: None,
            look: SecondLook::new(opened),
            is_look_due: false,
            large: None,
            first_block: None,
            blocks: 0,
            tracked: None,
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
        if !self.find_range().await? {
            return self.finish().await;
        }
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
            if self.range.is_some() {
                self.look_back_for_range().await?;
                self.count_judged().await;
            } else if self.encoding.is_text() && self.search.take_lines(out, sizes.chunk, sizes.piece) {
                continue;
            }
            let is_worth_reading = self.search.has_older_lines() && self.search.remaining() != Some(1);
            if self.tracked.is_some() {
                self.before = self.search.settled();
            }
            match self.search.step() {
                Step::Record(record) if self.range.as_mut().is_some_and(|range| !range.has(&record)) => {
                    let (lines, truncated_lines) = (record.lines, record.truncated_lines);
                    self.search.take_back(lines, truncated_lines);
                }
                Step::Record(record) if self.range.as_ref().is_some_and(|range| range.is_in_rest()) => {
                    let (lines, truncated_lines) = (record.lines, record.truncated_lines);
                    self.search.take_back(lines, truncated_lines);
                    return Err(Halt::OutOfOrder);
                }
                Step::Record(record) if record.bytes.len() <= sizes.piece => {
                    self.encoding.write(&record, is_worth_reading, out);
                }
                Step::Record(record) => {
                    let inspected = self.encoding.look_at(&record, is_worth_reading);
                    let part = Part::of(&record);
                    let part = part.in_pieces(self.search.delivered(), self.search.excerpt());
                    self.long = self.encoding.begin(inspected, part, out);
                }
                Step::Done => {
                    if !self.search_rest() {
                        return self.finish().await;
                    }
                }
                Step::Working | Step::NeedBlock | Step::NeedAgain(_) if !out.is_empty() => break,
                Step::Working => self.take_turn().await,
                Step::NeedBlock => {
                    if !self.feed_next(out).await? && !self.search_rest() {
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
            let summary = self.search.summary();
            let summary = self.range.as_ref().map_or(summary, |range| range.sum(summary));
            frames.progress(summary.bytes_scanned, out);
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
        let summary = self.summary();
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
        if let Some(range) = &self.range {
            range.fill(&mut verdict);
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
    async fn feed_next(&mut self, out: &mut Vec<u8>) -> Result<bool, Halt> {
        self.take_turn().await;
        if self.range.is_some() && self.is_past_range().await? {
            return Ok(false);
        }
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
        if !self.watch_range(&next) {
            // The search begins anew.
            return Ok(true);
        }
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
