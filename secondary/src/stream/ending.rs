//! How an answer ends: its verdict, and the way in which that leaves.

use super::long::Long;
use super::{Encoding, LogStream, Phase, Tail};
use crate::read::{Engine, ReadFailure};
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use backscroll_shared::wire::{Format, ndjson};
use bytes::Bytes;
use http_body::Frame;
use std::time::Instant;

/// How the answer ends, for a client of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// Text or NDJSON.
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
pub struct Incomplete(pub String);

impl<E: Engine> LogStream<E> {
    pub(super) fn close(&self, verdict: &Verdict) -> Option<Result<Frame<Bytes>, Incomplete>> {
        if let (Encoding::Framed(_), Tail::BrokenOff, Some(failure)) =
            (&self.encoding, self.tail, &verdict.error)
        {
            return Some(Err(Incomplete(failure.detail.clone())));
        }
        if self.ending.trailers {
            return Some(Ok(Frame::trailers(verdict.to_trailers())));
        }
        if let Encoding::Framed(_) = self.encoding {
            // The last frame has said it.
            return None;
        }
        if self.ending.browser {
            // The last line has said it.
            return None;
        }
        let failure = verdict.error.as_ref()?;
        Some(Err(Incomplete(failure.detail.clone())))
    }

    /// Ends it once the records are out: complete, unless the file has become another one
    /// meanwhile, so that some of them may have been somebody else's bytes.
    pub(super) async fn finish(&mut self) {
        self.park();
        match self.look.again(&self.readahead).await {
            Ok(()) => self.end(self.tally(Status::Complete)),
            Err(failure) => self.fail(&failure),
        }
    }

    pub(super) fn fail(&mut self, failure: &ReadFailure) {
        tracing::warn!(file = %self.name, %failure, "an answer is incomplete");
        self.end(self.failed(failure));
    }

    /// The records are out; what is left of the answer needs no block.
    pub(super) fn end(&mut self, verdict: Verdict) {
        self.park();
        // What is left of the record that is on its way does not come any more.
        let breaks_off = self.long.take().is_some_and(|long| long.has_begun());
        if breaks_off && self.ending.format == Format::Ndjson && !self.ending.relay {
            self.frame.extend_from_slice(ndjson::CUT);
        }
        self.tail = if breaks_off { Tail::BrokenOff } else { Tail::Due };
        self.phase = Phase::Ended(verdict);
    }

    /// A frame is about to leave: what has been delivered with it.
    pub(super) fn note_delivery(&mut self) {
        let tally = self.tally(Status::Complete);
        self.delivered.at = Some(Instant::now());
        self.delivered.bytes += self.frame.len() as u64;
        self.delivered.lines = tally.lines;
        self.delivered.truncated_lines = tally.truncated_lines;
        self.delivered.is_within = self.long.as_ref().is_some_and(Long::has_begun);
    }

    /// What waits in the frame is another file's, and does not leave.
    pub(super) fn take_back(&mut self, failure: &ReadFailure) {
        self.frame.clear();
        self.long = None;
        self.fail(failure);
        if self.delivered.is_within {
            self.tail = Tail::BrokenOff;
        }
        if let Phase::Ended(verdict) = &mut self.phase {
            verdict.lines = self.delivered.lines;
            verdict.truncated_lines = self.delivered.truncated_lines;
        }
    }

    /// Writes the last frame of an answer to a merge, once that is known.
    pub(super) fn write_end(&mut self) {
        if let (Encoding::Framed(framing), Phase::Ended(verdict), Tail::Due) =
            (&self.encoding, &mut self.phase, self.tail)
        {
            *verdict = framing.end(verdict.clone(), &mut self.frame);
            self.tail = Tail::Written;
        }
    }

    fn failed(&self, failure: &ReadFailure) -> Verdict {
        self.cut_short(failure.code(), &failure.to_string())
    }

    pub(super) fn cut_short(&self, code: Code, why: &str) -> Verdict {
        let detail = format!("{}: {why}: ask again", self.name);
        Verdict { error: Some(Failure { code, detail }), ..self.tally(Status::Failed) }
    }

    fn tally(&self, status: Status) -> Verdict {
        let summary = self.search.summary();
        // A record that has been found, and has not been written to its end.
        let pending = match &self.encoding {
            Encoding::Plain(_) => None,
            Encoding::Framed(framing) => framing.pending(),
        };
        let unwritten = self.long.as_ref().map(|long| &long.part).or(pending);
        Verdict {
            lines: summary.lines - unwritten.map_or(0, |part| part.lines),
            bytes_scanned: summary.bytes_scanned,
            truncated_lines: summary.truncated_lines - unwritten.map_or(0, |part| part.truncated_lines),
            skipped_bytes: summary.skipped_bytes,
            ..Verdict::new(status)
        }
    }

    /// Says in an answer to a merge how much has been scanned: it may be cut before its end.
    pub(super) fn write_progress(&mut self) {
        if let (Encoding::Framed(framing), Phase::Searching, None) =
            (&mut self.encoding, &self.phase, &self.long)
            && !self.frame.is_empty()
        {
            framing.progress(self.search.summary().bytes_scanned, &mut self.frame);
        }
    }
}
