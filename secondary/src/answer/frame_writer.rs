//! Records for a primary that merges them: each with the time by which it is merged, and
//! marks where none is found for long.

use super::part::Part;
use backscroll_shared::scan::Record;
use backscroll_shared::time::{Known, LineTimes, Stamp, Stamps};
use backscroll_shared::wire::frames;
use backscroll_shared::wire::verdict::Verdict;
use std::time::{Duration, Instant};

/// Bytes looked at without a record after which a mark is due: about a millisecond of a
/// search in the page cache.
const MARK_BYTES: u64 = 8 << 20;

/// Time without a record after which one is due: a slow disk is not to hold up what the
/// other hosts have.
const MARK_TIME: Duration = Duration::from_millis(50);

/// Writes the frames of one file.
#[derive(Debug)]
pub struct FrameWriter {
    encoder: frames::Encoder,
    stamps: Stamps,
    /// A record without a time, whose older lines have to be read first.
    pending: Option<Pending>,
    /// The newest time in the last block whose lines have been looked at.
    newest: Option<i64>,
    /// Bytes looked at since the last record or mark.
    unmarked: u64,
    marked: Instant,
    /// Whether there was a record since the last block.
    has_record: bool,
}

#[derive(Debug)]
struct Pending {
    part: Part,
    /// Its bytes; None where it is a long record, which is written in pieces.
    bytes: Option<Vec<u8>>,
}

impl FrameWriter {
    /// For a file that was last written `modified_seconds` after 1970.
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

    /// Appends a record, or keeps it where the lines before it have to be read for its time.
    /// `is_worth_reading`: as [`Stamps::of`] says.
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

    /// Looks for the time of a long record, which [`FrameWriter::begin`] then begins.
    pub(crate) fn look_at(&mut self, record: &Record<'_>, is_worth_reading: bool) -> Known {
        self.stamps.of(record, is_worth_reading)
    }

    /// Appends the beginning of a record: the bytes of what is returned are to follow. Nothing,
    /// where the lines before it have to be read first.
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

    /// The record whose time has to be looked for before it, if there is one.
    pub(crate) fn pending(&self) -> Option<&Part> {
        self.pending.as_ref().map(|pending| &pending.part)
    }

    /// What takes the lines before it.
    pub fn stamps(&mut self) -> &mut Stamps {
        &mut self.stamps
    }

    /// Appends the record that was kept, once the lines before it have been read. Of a long one
    /// the beginning: the bytes of what is returned are to follow.
    pub(crate) fn settle(&mut self, out: &mut Vec<u8>) -> Option<Part> {
        let Pending { part, bytes } = self.pending.take()?;
        let stamp = self.stamps.settled(part.offset);
        let begun = self.begin_with(stamp, part, out);
        let Some(bytes) = bytes else { return Some(begun) };
        out.extend_from_slice(&bytes);
        None
    }

    /// Says that so many bytes of the file have been scanned.
    pub(crate) fn progress(&mut self, bytes: u64, out: &mut Vec<u8>) {
        self.encoder.progress(bytes, out);
    }

    /// Takes a block that the search is about to go through, all of the newer ones being
    /// done. Appends a mark where one is due: what is left is no newer than the last block.
    pub fn next_block(&mut self, block: &[u8], out: &mut Vec<u8>) {
        // Not with each record: there are millions of them.
        if std::mem::take(&mut self.has_record) {
            self.rest();
        }
        if self.unmarked >= MARK_BYTES || (self.unmarked > 0 && self.marked.elapsed() >= MARK_TIME) {
            // Where no time is known it says no more than that the search goes on.
            self.encoder.mark(self.newest.unwrap_or(i64::MAX), out);
            self.rest();
        }
        self.unmarked += block.len() as u64;
        self.newest = self.stamps.newest_of(block).or(self.newest);
    }

    /// Appends the verdict, with what is known of the times.
    pub fn end(&self, verdict: Verdict, out: &mut Vec<u8>) -> Verdict {
        let verdict = Verdict { disorder_ms: self.stamps.disorder_ms(), ..verdict };
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
        // What lies between that line and the record needs no second look.
        writer.record(&record(80, b" at a", b""), true, &mut out);
        writer.record(&record(50, b"1700000009 died", b""), true, &mut out);
        // Nor what follows a line at hand.
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
