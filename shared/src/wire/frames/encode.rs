//! Writes frames.

use super::format::{COUNTED, END, Last, MARK, OTHER_TIME, OWN_TIME, PROGRESS, RECORD, TIMED};
use crate::scan::{Record, Span};
use crate::time::Stamp;
use crate::wire::verdict::Verdict;
use integer_encoding::VarInt;

/// Writes the frames of one stream.
#[derive(Debug, Default)]
pub struct Encoder {
    last: Last,
}

impl Encoder {
    /// Appends a record.
    pub fn record(&mut self, record: &Record<'_>, stamp: Option<Stamp>, out: &mut Vec<u8>) {
        let Record { offset, bytes, lines, truncated_lines, .. } = *record;
        self.begin_record(Span { offset, len: bytes.len() }, lines, truncated_lines, stamp, out);
        out.extend_from_slice(bytes);
    }

    /// Appends the beginning of a record; the bytes of `span` are to follow.
    pub fn begin_record(
        &mut self,
        span: Span,
        lines: u64,
        truncated_lines: u64,
        stamp: Option<Stamp>,
        out: &mut Vec<u8>,
    ) {
        let counted = lines != 1 || truncated_lines != 0;
        let own = stamp.and_then(|stamp| stamp.own);
        let other = stamp
            .and_then(|stamp| Some(stamp.nanos.wrapping_sub(stamp.own?.nanos)))
            .filter(|less| *less != 0);
        let mut tag = RECORD;
        tag |= if stamp.is_some() { TIMED } else { 0 };
        tag |= if own.is_some() { OWN_TIME } else { 0 };
        tag |= if counted { COUNTED } else { 0 };
        tag |= if other.is_some() { OTHER_TIME } else { 0 };
        out.push(tag);
        push(span.len as u64, out);
        // It may wrap: the reader wraps as well, and gets the same number.
        push(self.last.offset.wrapping_sub(span.offset).cast_signed(), out);
        self.last.offset = span.offset;
        if let Some(stamp) = stamp {
            self.time(stamp.nanos, out);
        }
        if let Some(own) = own {
            push(own.offset_minutes, out);
        }
        if let Some(less) = other {
            push(less, out);
        }
        if counted {
            push(lines, out);
            push(truncated_lines, out);
        }
    }

    /// Appends a mark: no record that follows is newer than `nanos`.
    pub fn mark(&mut self, nanos: i64, out: &mut Vec<u8>) {
        out.push(MARK);
        self.time(nanos, out);
    }

    /// Says that `bytes` of the file have been scanned so far, if they are more than the stream has
    /// said before.
    pub fn progress(&mut self, bytes: u64, out: &mut Vec<u8>) {
        if let Some(more) = bytes.checked_sub(self.last.scanned).filter(|more| *more > 0) {
            out.push(PROGRESS);
            push(more, out);
            self.last.scanned = bytes;
        }
    }

    /// Appends the end.
    pub fn end(verdict: &Verdict, out: &mut Vec<u8>) {
        let body = serde_json::to_vec(verdict).expect("a verdict is plain data, and a Vec takes it");
        out.push(END);
        push(body.len() as u64, out);
        out.extend_from_slice(&body);
    }

    fn time(&mut self, nanos: i64, out: &mut Vec<u8>) {
        push(self.last.nanos.wrapping_sub(nanos), out);
        self.last.nanos = nanos;
    }
}

pub(super) fn push<N: VarInt>(number: N, out: &mut Vec<u8>) {
    let mut bytes = [0; 10];
    let len = number.encode_var(&mut bytes);
    out.extend_from_slice(&bytes[..len]);
}
