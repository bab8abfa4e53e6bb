//! How the records of an answer are written: for a client, or as frames for a primary.

use super::frame_writer::FrameWriter;
use super::long::Long;
use super::part::Part;
use backscroll_shared::scan::Record;
use backscroll_shared::time::{Known, LineTime};
use backscroll_shared::wire::{Encoder, ndjson};

/// How the records are written.
#[derive(Debug)]
pub enum Encoding {
    /// For the client.
    Plain(Encoder),
    /// For a primary that merges them.
    Framed(Box<FrameWriter>),
}

/// What is found out about a long record before it is written.
pub(super) enum Inspected {
    Text,
    Json(Option<LineTime>),
    Framed(Known),
}

impl Encoding {
    /// Whether records are written as plain text lines.
    #[inline]
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Encoding::Plain(Encoder::Text))
    }

    pub(super) fn frames(&mut self) -> Option<&mut FrameWriter> {
        match self {
            Encoding::Plain(_) => None,
            Encoding::Framed(frames) => Some(frames),
        }
    }

    /// The JSON encoder, if the answer is JSON.
    pub(super) fn json(&self) -> Option<&ndjson::Encoder> {
        match self {
            Encoding::Plain(Encoder::Ndjson(encoder, _)) => Some(encoder),
            _ => None,
        }
    }

    /// The record that waits for its time: the lines before it have to be read first.
    #[inline]
    pub(super) fn pending(&self) -> Option<&Part> {
        match self {
            Encoding::Plain(_) => None,
            Encoding::Framed(frames) => frames.pending(),
        }
    }

    /// Appends a record. `is_worth_reading`: whether the lines before it may be read for its time.
    #[inline]
    pub(super) fn write(&mut self, record: &Record<'_>, is_worth_reading: bool, out: &mut Vec<u8>) {
        match self {
            Encoding::Plain(encoder) => encoder.encode(record, out),
            Encoding::Framed(frames) => frames.record(record, is_worth_reading, out),
        }
    }

    /// Looks at a record that will be written in pieces.
    pub(super) fn look_at(&mut self, record: &Record<'_>, is_worth_reading: bool) -> Inspected {
        match self {
            Encoding::Plain(Encoder::Text) => Inspected::Text,
            Encoding::Plain(Encoder::Ndjson(_, times)) => Inspected::Json(times.of(record.bytes)),
            Encoding::Framed(frames) => Inspected::Framed(frames.look_at(record, is_worth_reading)),
        }
    }

    /// Begins to write the record. `None` if the lines before it have to be read first.
    pub(super) fn begin(&mut self, inspected: Inspected, part: Part, out: &mut Vec<u8>) -> Option<Long> {
        match (inspected, self) {
            (Inspected::Framed(known), Encoding::Framed(frames)) => {
                frames.begin(known, part, out).map(Long::framed)
            }
            (Inspected::Json(time), _) => Some(Long::json(part, time)),
            _ => Some(Long::text(part)),
        }
    }
}
