//! Writes records for a primary that merges them, each with the time that it is merged by. If no
//! record is found for long, it writes marks.

use super::part::Part;
use backscroll_shared::scan::Record;
use backscroll_shared::time::{Known, LineTimes, Stamp, Stamps};
use backscroll_shared::wire::frames;
use backscroll_shared::wire::verdict::Verdict;
use std::time::{Duration, Instant};

/// A mark is due after this many bytes without a record. A search in the page cache needs about a
/// millisecond for them.
const MARK_BYTES: u64 = 8 << 20;

/// A mark is due after this time without a record, so that a slow disk does not hold up the records
/// of the other hosts.
const MARK_TIME: Duration = Duration::from_millis(50);

/// Writes the frames of one file.
#[derive(Debug)]
pub struct FrameWriter {
    encoder: frames::Encoder,
    stamps: Stamps,
    /// A record without a time of its own. The lines before it have to be read first.
    pending: Option<Pending>,
    /// The newest time in the last block whose lines were looked at, in nanoseconds since 1970.
    newest: Option<i64>,
    /// Bytes scanned since the last record or mark.
    unmarked: u64,
    marked: Instant,
    /// Whether a record was written since the last block.
    has_record: bool,
}

#[derive(Debug)]
struct Pending {
    part: Part,
    /// Its bytes; `None` for a long record, which is written in pieces.
    bytes: Option<Vec<u8>>,
}

impl FrameWriter {
    /// A writer for a file that was last written `modified_seconds` after 1970.
    pub fn new(modified_seconds: i64) -> FrameWriter {
        FrameWriter {
            encoder: frames::Encoder::default(),
            stamps: Stamps::new(LineTimes::new(modified_seconds), modified_seconds),
            pending: None,
            newest: None,
            unmarked: 0,
            marked: Instant::now(),
            has_record: false,
        }
    }

    /// Appends a record, or keeps it if the lines before it have to be read for its time.
    /// `is_worth_reading`: see [`Stamps::of`].
    pub(crate) fn record(&mut self, record: &Record<'_>, is_worth_reading: bool, out: &mut Vec<u8>) {
        match self.stamps.of(record, is_worth_reading) {
            Known::Stamp(stamp) => {
                self.encoder.record(record, stamp, out);
                self.has_record = true;
            }
            Known::LookBack => {
                let bytes = Some(record.bytes.to_vec());
                self.pending = Some(Pending { part: Part::of(record), bytes });
            }
        }
    }

    /// Looks for the time of a long record. [`FrameWriter::begin`] then begins to write it.
    pub(crate) fn look_at(&mut self, record: &Record<'_>, is_worth_reading: bool) -> Known {
        self.stamps.of(record, is_worth_reading)
    }

    /// Appends the beginning of a record's frame. The bytes of the returned part must follow.
    /// `None` if the lines before the record have to be read first.
    pub(crate) fn begin(&mut self, known: Known, part: Part, out: &mut Vec<u8>) -> Option<Part> {
        match known {
            Known::Stamp(stamp) => Some(self.begin_with(stamp, part, out)),
            Known::LookBack => {
                self.pending = Some(Pending { part, bytes: None });
                None
            }
        }
    }

    fn begin_with(&mut self, stamp: Option<Stamp>, part: Part, out: &mut Vec<u8>) -> Part {
        self.encoder.begin_record(part.span, part.lines, part.truncated_lines, stamp, out);
        self.has_record = true;
        part
    }

    /// The record that waits until the lines before it have been read for its time.
    pub(crate) fn pending(&self) -> Option<&Part> {
        self.pending.as_ref().map(|pending| &pending.part)
    }

    /// The stamps. A look back gives them the lines before the record that waits.
    pub fn stamps(&mut self) -> &mut Stamps {
        &mut self.stamps
    }

    /// Appends the record that was kept, once the lines before it have been read. Of a long record
    /// it appends the beginning: the bytes of the returned part must follow.
    pub(crate) fn settle(&mut self, out: &mut Vec<u8>) -> Option<Part> {
        let Pending { part, bytes } = self.pending.take()?;
        let stamp = self.stamps.settled(part.offset);
        let begun = self.begin_with(stamp, part, out);
        let Some(bytes) = bytes else { return Some(begun) };
        out.extend_from_slice(&bytes);
        None
    }

    /// Tells the primary how many bytes of the file have been scanned.
    pub(crate) fn progress(&mut self, bytes: u64, out: &mut Vec<u8>) {
        self.encoder.progress(bytes, out);
    }

    /// Called before the search goes through `block`, when all newer blocks are done. Appends a
    /// mark if one is due: the records that are left are no newer than the last block.
    pub fn next_block(&mut self, block: &[u8], out: &mut Vec<u8>) {
        // Done once for a block and not for each record: there are millions of records.
        if std::mem::take(&mut self.has_record) {
            self.rest();
        }
        if self.unmarked >= MARK_BYTES || (self.unmarked > 0 && self.marked.elapsed() >= MARK_TIME) {
            // If no time is known, the mark says only that the search goes on.
            self.encoder.mark(self.newest.unwrap_or(i64::MAX), out);
            self.rest();
        }
        self.unmarked += block.len() as u64;
        self.newest = self.stamps.newest_of(block).or(self.newest);
    }

    /// Appends the verdict, with what is known of the times. Returns the verdict as it was written.
    pub fn end(&self, verdict: Verdict, out: &mut Vec<u8>) -> Verdict {
        let verdict = Verdict { disorder_ms: self.stamps.disorder_ms().max(verdict.disorder_ms), ..verdict };
        frames::Encoder::end(&verdict, out);
        verdict
    }

    fn rest(&mut self) {
        self.unmarked = 0;
        self.marked = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use backscroll_shared::wire::frames::{Decoder, Item};

    const SECOND: i64 = 1_000_000_000;

    fn items(bytes: Vec<u8>) -> Vec<Item> {
        let mut decoder = Decoder::default();
        decoder.push(bytes.into());
        std::iter::from_fn(|| decoder.next_item().unwrap()).collect()
    }

    fn pending(writer: &FrameWriter) -> Option<u64> {
        writer.pending().map(|part| part.offset)
    }

    #[test]
    fn a_search_that_finds_nothing_for_long_says_how_far_it_is() {
        let (mut writer, mut out) = (FrameWriter::new(2_000_000_000), Vec::new());
        let mut block = b"cut off\n1700000009 newest\n1700000001 older\n \n cut".to_vec();
        block.resize(1 << 20, b'x');
        block.extend_from_slice(b"\n1700000010 of this block\nand a trace\n");
        for _ in 0..9 {
            writer.next_block(&block, &mut out);
        }
        assert_eq!(items(out), [Item::Mark(1_700_000_010 * SECOND)]);
    }

    #[test]
    fn a_record_without_a_time_waits_for_the_lines_before_it() {
        let (mut writer, mut out) = (FrameWriter::new(2_000_000_000), Vec::new());
        let record = |offset, bytes, older| Record { offset, bytes, lines: 1, truncated_lines: 0, older };
        writer.record(&record(90, b" at b", b"x"), true, &mut out);
        assert!(out.is_empty() && pending(&writer) == Some(90));
        assert!(!writer.stamps().older_line(90, 80, b" at a"));
        assert!(!writer.stamps().older_line(90, 50, b"1700000009 died"), "it may be an odd time");
        writer.stamps().give_up();
        writer.settle(&mut out);
        // The writer has already seen the lines between that one and the record.
        writer.record(&record(80, b" at a", b""), true, &mut out);
        writer.record(&record(50, b"1700000009 died", b""), true, &mut out);
        // If a line with a time is at hand, nothing older has to be read.
        writer.record(&record(30, b" at c", b"cut\n1700000007 x\n\n"), false, &mut out);
        let stamps: Vec<_> = items(out)
            .into_iter()
            .map(|item| match item {
                Item::Record(framed) => {
                    framed.stamp.map(|stamp| (stamp.nanos / SECOND, stamp.own.map(|own| own.offset_minutes)))
                }
                other => panic!("{other:?}"),
            })
            .collect();
        let at = |seconds, own| Some((seconds, own));
        let (nine, seven) = (1_700_000_009, 1_700_000_007);
        assert_eq!(stamps, [at(nine, None), at(nine, None), at(nine, Some(0)), at(seven, None)]);
    }

    #[test]
    fn lines_without_any_time_are_looked_at_once() {
        let (mut writer, mut out) = (FrameWriter::new(2_000_000_000), Vec::new());
        let record = |offset| Record { offset, bytes: b"x", lines: 1, truncated_lines: 0, older: b"y\n" };
        writer.record(&record(1 << 30), true, &mut out);
        assert_eq!(pending(&writer), Some(1 << 30));
        assert!(!writer.stamps().older_line(1 << 30, (1 << 30) - 2, b"y"));
        assert!(writer.stamps().older_line(1 << 30, (1 << 30) - (4 << 20), b"y"));
        writer.settle(&mut out);
        writer.record(&record((1 << 30) - 2), true, &mut out);
        assert_eq!(pending(&writer), None);
        assert!(items(out).iter().all(|item| matches!(item, Item::Record(framed) if framed.stamp.is_none())));
    }
}
