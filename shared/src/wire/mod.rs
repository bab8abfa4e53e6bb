//! What travels: records as text or NDJSON, the verdict on an answer, problems.

pub mod accept;
pub mod headers;
pub mod ndjson;
pub mod problem;
pub mod text;
pub mod verdict;

use crate::scan::Record;
use crate::time::LineTime;

/// How the records of an answer are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `text/plain`: the lines as they stand.
    Text,
    /// `application/x-ndjson`: an object a record, and the verdict as the last one.
    Ndjson,
}

impl Format {
    /// The `Content-Type` of an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
        }
    }
}

/// Writes the records of one file in one format.
#[derive(Debug)]
pub enum Encoder {
    /// Lines as they stand.
    Text,
    /// An object a record.
    Ndjson(ndjson::Encoder),
}

impl Encoder {
    /// An encoder for the records of `file` on `host`.
    pub fn new(format: Format, host: &str, file: &[u8]) -> Encoder {
        match format {
            Format::Text => Encoder::Text,
            Format::Ndjson => Encoder::Ndjson(ndjson::Encoder::new(host, file)),
        }
    }

    /// Appends one record, with the time that it carries where the format tells times.
    pub fn encode(&self, record: &Record<'_>, time: Option<LineTime>, out: &mut Vec<u8>) {
        match self {
            Encoder::Text => text::encode(record, out),
            Encoder::Ndjson(encoder) => encoder.encode(record, time, out),
        }
    }
}
