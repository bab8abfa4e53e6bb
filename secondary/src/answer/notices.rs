//! What is worth knowing of a complete answer, beside its verdict.

use super::log_source::LogSource;
use super::{Answer, Phase};
use crate::read::Engine;
use crate::rotated::Rotated;
use backscroll_shared::wire::notice::Notice;
use backscroll_shared::wire::verdict::Verdict;
use std::time::Duration;
use tokio::time::timeout;

/// How long the look for rotated members may take. It is shorter than what an answer has for its end
/// once the time to drain is over.
const LOOK_TIME: Duration = Duration::from_millis(50);

impl<E: Engine, S: LogSource> Answer<E, S> {
    /// Sets what is worth knowing of the answer, and where rotated members of its file are looked for.
    pub fn with_notices(&mut self, notice: Option<Notice>, rotated: Option<Rotated>) {
        (self.notices, self.rotated) = (notice.into_iter().collect(), rotated);
    }

    /// The notices, once the answer has ended.
    pub fn notices(&self) -> &[Notice] {
        if let Phase::Ended(verdict) = &self.phase { &verdict.notices } else { &[] }
    }

    /// Ends the answer with the notices beside its verdict. May be dropped and called again.
    pub(super) async fn look_for_rotated(&mut self) {
        if self.rotated.is_some() && self.producer.wants_older() {
            // The blocks are for others now.
            self.producer.park();
            let time = self.producer.turns.spare_time(LOOK_TIME);
            if let Some(rotated) = &self.rotated
                && let Ok(notice) = timeout(time, rotated.look(self.producer.turns.engine())).await
            {
                self.notices.extend(notice);
            }
        }
        self.rotated = None;
        if let Phase::Looking(verdict) = std::mem::replace(&mut self.phase, Phase::Over) {
            let notices = std::mem::take(&mut self.notices);
            self.end(Verdict { notices, ..verdict });
        }
    }
}
