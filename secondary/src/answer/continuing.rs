//! What an answer says of where others continue.

use super::cursors::Cursors;
use super::log_source::LogSource;
use super::{Answer, Phase};
use crate::read::Engine;
use backscroll_shared::wire::code::Code;
use backscroll_shared::wire::cursor::FileId;
use backscroll_shared::wire::verdict::Verdict;
use std::time::Instant;

impl<E: Engine, S: LogSource> Answer<E, S> {
    /// Sets what the cursors of the verdict are made of.
    pub fn with_cursors(&mut self, cursors: Cursors) {
        self.producer.track(cursors.tracked());
        self.cursors = Some(Box::new(cursors));
    }

    /// Sets when the answer ends as a partial one, because the client has given it no more time.
    pub fn end_at(&mut self, timeout: Instant) {
        self.producer.turns.end_at(timeout);
    }

    /// Sets which file is read, once its first bytes are known. None where they cannot be read: then
    /// there are no cursors.
    pub fn identify(&mut self, file: Option<FileId>) {
        match (&mut self.cursors, file) {
            (Some(cursors), Some(file)) => cursors.file = Some(file),
            (cursors, _) => *cursors = None,
        }
        if let (Some(cursors), Some(reached), Phase::Ended(verdict)) =
            (&self.cursors, &self.reached, &mut self.phase)
        {
            cursors.write(reached, verdict);
        }
        // The last frame has waited for that.
        self.write_end();
    }

    /// The cursor for what comes after the opening of the file that is read, as far as it is known now.
    pub fn opened(&self) -> Option<String> {
        let cursors = self.cursors.as_ref()?;
        cursors.opened(&self.reached.or_else(|| self.producer.reached())?)
    }

    /// Whether it is not known yet which file is read, and the verdict has to say it.
    pub(super) fn is_unidentified(&self) -> bool {
        self.cursors.as_ref().is_some_and(|cursors| cursors.file.is_none())
    }

    /// Says in the verdict where others continue.
    pub(super) fn note_cursors(&mut self, verdict: &mut Verdict) {
        let is_gone = |code| matches!(code, Code::FileShrunk | Code::OutOfOrder | Code::NoTimes);
        if verdict.error.as_ref().is_some_and(|failure| is_gone(failure.code)) {
            // The places are gone, or say nothing of where records are left.
            self.cursors = None;
        }
        if let (Some(cursors), Some(reached)) = (&self.cursors, self.producer.reached()) {
            cursors.write(&reached, verdict);
            self.reached = Some(reached);
        }
    }
}
