//! The places of one request among all answers of hosts that are under way.

use super::problems;
use crate::app::Room;
use backscroll_shared::wire::problem::Problem;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// The places of one request. It has all of them before the first host is asked: requests that
/// took one after the other could each have some and wait for ever for those of the others.
#[derive(Debug)]
pub struct Places {
    left: Mutex<OwnedSemaphorePermit>,
    room: Room,
}

impl Places {
    /// For a request to so many hosts. Requests are admitted in the order in which they come.
    pub async fn admit(room: &Room, hosts: usize, wait: Duration) -> Result<Places, Problem> {
        // A fleet that is larger than all there is asks its first hosts, and then those for
        // which others have ended: most do not have the file.
        let count = u32::try_from(hosts.min(room.most_streams)).unwrap_or(u32::MAX);
        let streams = || Arc::clone(&room.streams);
        let left = match streams().try_acquire_many_owned(count) {
            Ok(left) => left,
            Err(_) => timeout(wait, streams().acquire_many_owned(count))
                .await
                .ok()
                .and_then(Result::ok)
                .ok_or_else(|| problems::not_admitted(hosts))?,
        };
        Ok(Places { left: Mutex::new(left), room: room.clone() })
    }

    /// One of them; none where all are taken.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).split(1)
    }

    /// One that another request, or another host, gives back.
    pub(super) async fn wait(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        let streams = Arc::clone(&self.room.streams);
        timeout(wait, streams.acquire_owned()).await.ok()?.ok()
    }
}
