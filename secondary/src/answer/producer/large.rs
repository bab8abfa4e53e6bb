//! The permits for long lines and records.

use super::Producer;
use crate::answer::log_source::LogSource;
use crate::read::admission::LARGE_BYTES;
use crate::read::{Engine, ReadFailure};
use std::time::Duration;
use tokio::time::timeout;

/// How long an answer waits for a permit to hold a long line. Nobody holds such a permit while
/// waiting for a client, so the wait is only as long as others need to read.
const LARGE_WAIT: Duration = Duration::from_mins(1);

impl<E: Engine, S: LogSource> Producer<E, S> {
    pub(super) fn leave_large_permit(&mut self) {
        if self.search.held() <= LARGE_BYTES {
            self.large = None;
        }
    }

    /// Gets one of the few permits that a line or record over [`LARGE_BYTES`] needs. If none is
    /// free, gives back all blocks, waits for one, and returns false.
    pub(super) async fn find_large_permit(&mut self) -> Result<bool, ReadFailure> {
        if self.search.held() <= LARGE_BYTES || self.large.is_some() {
            return Ok(true);
        }
        self.large = self.admission.try_large_permit();
        if self.large.is_some() {
            return Ok(true);
        }
        self.park();
        self.turns.has_waited();
        let permit = timeout(LARGE_WAIT, self.admission.large_permit());
        self.large = Some(permit.await.map_err(|_| ReadFailure::Starved)?);
        Ok(false)
    }
}
