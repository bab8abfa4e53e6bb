//! Ends an answer before all its records are out.

use super::ending::Tail;
use super::log_source::LogSource;
use super::turns::Halt;
use super::{Answer, Phase};
use crate::read::{Engine, ReadFailure};
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};

impl<E: Engine, S: LogSource> Answer<E, S> {
    /// Ends the answer before all records are written.
    pub(super) fn halt(&mut self, halt: &Halt) {
        if let Halt::Failed(failure) = halt {
            let request_id = Exchange::logged(self.exchange.as_ref());
            tracing::warn!(file = %self.name, %failure, request_id, "an answer is incomplete");
            if failure.code() == Code::FileShrunk {
                self.meter.truncated();
            }
        }
        let detail = format!("{}: {halt}: {}", self.name, halt.remedy());
        let error = Some(Failure { code: halt.code(), detail });
        let stopped = halt.stopped();
        self.end(Verdict { error, stopped, ..self.producer.tally(halt.status()) });
    }

    /// Ends the answer as a partial one, because the time was over before it was known what the file is:
    /// it may be compressed, and a search through that would look complete.
    pub fn end_unidentified(&mut self) {
        let Phase::Ended(Verdict { status: Status::Complete, .. }) = self.phase else { return };
        let is_closed = self.producer.frames().is_some() && self.tail == Tail::Written;
        self.halt(&Halt::TimedOut);
        if is_closed {
            // The last frame said that the answer is complete.
            self.out.clear();
            if let Phase::Ended(verdict) = &mut self.phase {
                (verdict.lines, verdict.truncated_lines) = (0, 0);
            }
        }
    }

    /// Empties the chunk, because its bytes may come from another file, and ends the answer.
    pub(super) fn take_back(&mut self, failure: ReadFailure) {
        self.out.clear();
        self.producer.drop_record();
        self.halt(&Halt::Failed(failure));
        if self.delivered.ends_within_record {
            self.tail = Tail::BrokenOff;
        }
        if let Phase::Ended(verdict) = &mut self.phase {
            verdict.lines = self.delivered.lines;
            verdict.truncated_lines = self.delivered.truncated_lines;
            // It is not known how far the records have come that were sent.
            (verdict.older, verdict.newer) = (None, None);
        }
        self.cursors = None;
    }
}
