//! What the programs send: records as text, NDJSON or frames, the verdict on an answer, problems.

pub mod accept;
pub mod code;
pub mod cursor;
pub mod form_body;
pub mod frames;
pub mod head;
pub mod headers;
pub mod instance;
pub mod ndjson;
pub mod notice;
pub mod problem;
pub mod public_readyz;
pub mod server_timing;
pub mod text;
pub mod verdict;

use crate::scan::Record;
use crate::time::LineTimes;

/// How the records of an answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain`: the lines as they are in the file.
    Text,
    /// `application/x-ndjson`: one object for each record, and the verdict as the last one.
    Ndjson,
    /// Frames for a primary that merges the records of several hosts.
    Frames,
}

impl Format {
    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
            Format::Frames => frames::CONTENT_TYPE,
        }
    }
}

/// Writes the records of one file in one format.
#[derive(Debug)]
pub enum Encoder {
    /// Lines as they are in the file.
    Text,
    /// One object for each record, and what finds its time.
    Ndjson(ndjson::Encoder, LineTimes),
}

impl Encoder {
    /// An encoder for the records, newest first, of `file` on `host`, which was last written
    /// `modified_seconds` after 1970. Frames have an encoder of their own, [`frames::Encoder`].
    pub fn new(format: Format, host: &str, file: &[u8], modified_seconds: i64) -> Encoder {
        match format {
            Format::Text | Format::Frames => Encoder::Text,
            Format::Ndjson => {
                Encoder::Ndjson(ndjson::Encoder::new(host, file), LineTimes::new(modified_seconds))
            }
        }
    }

    /// Appends one record.
    pub fn encode(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        match self {
            Encoder::Text => text::encode(record, out),
            Encoder::Ndjson(encoder, times) => encoder.encode(record, times.of(record.bytes), out),
        }
    }
}
