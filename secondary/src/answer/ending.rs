//! How an answer ends, for a client of this kind: the ways in which its verdict leaves.

use backscroll_shared::wire::verdict::{Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
use http_body::Frame;
use std::time::Instant;

/// How the answer ends, for a client of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Text, NDJSON, or the frames of a merge.
    pub format: Format,
    /// The client reads trailers.
    pub trailers: bool,
    /// The client is a browser that gets text: an incomplete one ends properly, and says so.
    pub browser: bool,
    /// The client is a primary, which writes the last NDJSON object itself.
    pub relay: bool,
    /// When it ends as an incomplete one, if it has not ended by then.
    pub deadline: Option<Instant>,
}

/// The answer is incomplete, and is cut so that nobody takes it for complete.
#[derive(Debug, thiserror::Error)]
#[error("the answer is incomplete: {0}")]
pub struct Cut(pub String);

/// What ends the frames of an answer to a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing that is still to be written.
    Written,
    /// The last frame is still to be written.
    Due,
    /// They end within a record, so that nothing can follow.
    BrokenOff,
}

impl Ending {
    fn is_framed(&self) -> bool {
        self.format == Format::Frames
    }

    /// What ends the last record, where the answer ends within it.
    pub(super) fn end_of_cut_record(&self) -> &'static [u8] {
        if self.has_last_object() { ndjson::CUT } else { b"" }
    }

    fn has_last_object(&self) -> bool {
        self.format == Format::Ndjson && !self.relay
    }

    /// What follows the records in the body, where something does: the last NDJSON object, or a
    /// browser's last line.
    pub(super) fn last_bytes(&self, verdict: &Verdict, tail: Tail) -> Option<Vec<u8>> {
        if self.has_last_object() {
            return Some(ndjson::end(verdict));
        }
        if self.browser && verdict.status != Status::Complete {
            // A line of its own, also after half of one.
            let mut line = if tail == Tail::BrokenOff { b"\n".to_vec() } else { Vec::new() };
            line.extend_from_slice(&verdict.last_line());
            return Some(line);
        }
        None
    }

    /// What comes after the body: trailers, the cut, or nothing.
    pub(super) fn close(&self, verdict: &Verdict, tail: Tail) -> Option<Result<Frame<Bytes>, Cut>> {
        let cut = || verdict.error.as_ref().map(|failure| Err(Cut(failure.detail.clone())));
        if self.is_framed() && tail == Tail::BrokenOff && verdict.error.is_some() {
            return cut();
        }
        if self.trailers {
            return Some(Ok(Frame::trailers(verdict.to_trailers())));
        }
        // The last frame, or the last line, has said it.
        if self.is_framed() || self.browser { None } else { cut() }
    }
}
