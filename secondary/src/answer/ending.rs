//! How an answer ends: the verdict in the form that this client understands.

use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
use http_body::Frame;
use std::time::Instant;

/// What decides how the answer ends for this client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Text, NDJSON, or frames for a primary that merges.
    pub format: Format,
    /// The client reads trailers.
    pub trailers: bool,
    /// The client is a browser that gets text. An incomplete answer then ends properly, with a last
    /// line that says so.
    pub browser: bool,
    /// The client is a primary. It writes the last NDJSON object itself.
    pub relay: bool,
    /// When an answer that has not ended yet is ended as an incomplete one.
    pub deadline: Option<Instant>,
}

/// The answer is incomplete. The body is cut, so that nobody takes it for complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer is incomplete: {0}")]
pub struct Cut(pub String);

/// What the body of an answer ends with so far. A merge needs a last frame; an answer of any kind
/// may end inside a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing is left to write.
    Written,
    /// The last frame of a merge has not been written yet. Other answers have none, and stay so.
    Due,
    /// It ends inside a record, so no frame can follow.
    BrokenOff,
}

impl Ending {
    fn is_framed(&self) -> bool {
        self.format == Format::Frames
    }

    /// Bytes that end the last record if the answer ends inside it.
    pub(super) fn end_of_cut_record(&self) -> &'static [u8] {
        if self.has_last_object() { ndjson::CUT } else { b"" }
    }

    fn has_last_object(&self) -> bool {
        self.format == Format::Ndjson && !self.relay
    }

    /// Bytes that follow the records in the body, if any: the last NDJSON object, or the last line
    /// for a browser.
    pub(super) fn last_bytes(&self, verdict: &Verdict, tail: Tail) -> Option<Vec<u8>> {
        if self.has_last_object() {
            return Some(ndjson::end(verdict));
        }
        if self.browser && verdict.status != Status::Complete {
            // The text is a line of its own, even after half a line.
            let mut line = if tail == Tail::BrokenOff { b"\n".to_vec() } else { Vec::new() };
            line.extend_from_slice(&verdict.last_line());
            return Some(line);
        }
        // It shows no fields either.
        self.browser.then(|| verdict.notes()).filter(|notes| !notes.is_empty())
    }

    /// What follows the body: trailers, the cut, or nothing.
    pub(super) fn close(&self, verdict: &Verdict, tail: Tail) -> Option<Result<Frame<Bytes>, Cut>> {
        let cut = || verdict.error.as_ref().map(|failure| Err(Cut(failure.detail.clone())));
        if self.is_framed() && tail == Tail::BrokenOff && verdict.error.is_some() {
            return cut();
        }
        if self.trailers {
            return Some(Ok(Frame::trailers(verdict.to_trailers())));
        }
        // The last frame, or the last line, has already said that the answer is incomplete.
        if self.is_framed() || self.browser { None } else { cut() }
    }
}
