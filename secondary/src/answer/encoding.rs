//! How the records of an answer are written.

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

/// What has to be known of a long record before it is written.
pub(super) enum Looked {
    Text,
    Json(Option<LineTime>),
    Framed(Known),
}

impl Encoding {
    /// Whether records are written as the lines that they are.
    pub(super) fn is_text(&self) -> bool {
        matches!(self, Encoding::Plain(Encoder::Text))
    }

    pub(super) fn frames(&mut self) -> Option<&mut FrameWriter> {
        match self {
            Encoding::Plain(_) => None,
            Encoding::Framed(frames) => Some(frames),
        }
    }

    /// The encoder of JSON, where that is written.
    pub(super) fn json(&self) -> Option<&ndjson::Encoder> {
        match self {
            Encoding::Plain(Encoder::Ndjson(encoder, _)) => Some(encoder),
            _ => None,
        }
    }

    /// A record that waits until the lines before it have been read for its time.
    pub(super) fn pending(&self) -> Option<&Part> {
        match self {
            Encoding::Plain(_) => None,
            Encoding::Framed(frames) => frames.pending(),
        }
    }

    /// Appends a record. `is_worth_reading`: whether the lines before it may be read for its time.
    pub(super) fn write(&mut self, record: &Record<'_>, is_worth_reading: bool, out: &mut Vec<u8>) {
        match self {
            Encoding::Plain(encoder) => encoder.encode(record, out),
            Encoding::Framed(frames) => frames.record(record, is_worth_reading, out),
        }
    }

    /// Looks at a record that will leave in pieces.
    pub(super) fn look_at(&mut self, record: &Record<'_>, is_worth_reading: bool) -> Looked {
        match self {
            Encoding::Plain(Encoder::Text) => Looked::Text,
            Encoding::Plain(Encoder::Ndjson(_, times)) => Looked::Json(times.of(record.bytes)),
            Encoding::Framed(frames) => Looked::Framed(frames.look_at(record, is_worth_reading)),
        }
    }

    /// Begins to write it. None where the lines before it have to be read first.
    pub(super) fn begin(&mut self, looked: Looked, part: Part, out: &mut Vec<u8>) -> Option<Long> {
        match (looked, self) {
            (Looked::Framed(known), Encoding::Framed(frames)) => {
                frames.begin(known, part, out).map(Long::framed)
            }
            (Looked::Json(time), _) => Some(Long::json(part, time)),
            _ => Some(Long::text(part)),
        }
    }
}
