//! The places of one request among all answers of hosts that are under way.
//!
//! A request has its places before the first host is asked: requests that took one after the
//! other could each have some and wait for ever for those of the others. One to more hosts than
//! half of all places begins with that half, and then takes one after the other, while no
//! other one does so: a few places that slow readers hold cost it these hosts, and not the answer.
//!
//! Requests to one host have some places of their own, so that they pass those that wait for
//! many.

use super::problems;
use crate::app::Room;
use backscroll_shared::wire::problem::Problem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::timeout;

/// The places of one request.
#[derive(Debug)]
pub struct Places {
    left: Mutex<Left>,
    room: Room,
}

#[derive(Debug)]
struct Left {
    places: OwnedSemaphorePermit,
    /// Hosts for which it is not known yet whether there is a place.
    unsettled: usize,
    /// That no other request grows meanwhile.
    growing: Option<OwnedSemaphorePermit>,
}

/// A host for which a place is looked for, until this is dropped.
#[derive(Debug)]
pub(super) struct Unsettled<'p>(&'p Places);

impl Places {
    /// For a request to so many hosts. Those to several hosts are admitted in the order in which
    /// they come.
    pub async fn admit(room: &Room, hosts: usize, wait: Duration) -> Result<Places, Problem> {
        let admitted = timeout(wait, Places::admitted(room, hosts)).await;
        let (places, growing) =
            admitted.ok().and_then(Result::ok).ok_or_else(|| problems::not_admitted(hosts))?;
        let left = Left { places, unsettled: hosts, growing };
        Ok(Places { left: Mutex::new(left), room: room.clone() })
    }

    async fn admitted(
        room: &Room,
        hosts: usize,
    ) -> Result<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>), AcquireError> {
        let (one, many) = (|| Arc::clone(&room.single_streams), || Arc::clone(&room.streams));
        if hosts <= 1 {
            let free = one().try_acquire_owned().or_else(|_| many().try_acquire_owned());
            let place = if let Ok(place) = free {
                place
            } else {
                tokio::select! {
                    place = one().acquire_owned() => place?,
                    place = many().acquire_owned() => place?,
                }
            };
            return Ok((place, None));
        }
        let most = (room.most_streams / 2).max(1);
        let growing =
            if hosts > most { Some(Arc::clone(&room.growing).acquire_owned().await?) } else { None };
        let count = u32::try_from(hosts.min(most)).unwrap_or(u32::MAX);
        Ok((many().acquire_many_owned(count).await?, growing))
    }

    /// To be dropped once it is known whether there is a place for the next host.
    pub(super) fn unsettled(&self) -> Unsettled<'_> {
        Unsettled(self)
    }

    /// One of them; none where all are taken.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        self.left().places.split(1)
    }

    /// One that another request, or another host, gives back.
    pub(super) async fn wait(&self, wait: Duration) -> Option<OwnedSemaphorePermit> {
        let streams = Arc::clone(&self.room.streams);
        timeout(wait, streams.acquire_owned()).await.ok()?.ok()
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        let mut left = self.0.left();
        left.unsettled = left.unsettled.saturating_sub(1);
        if left.unsettled == 0 {
            left.growing = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_mins(1);

    async fn admit(room: &Room, hosts: usize, wait: Duration) -> Option<Places> {
        Places::admit(room, hosts, wait).await.ok()
    }

    #[tokio::test]
    async fn slow_readers_of_single_hosts_do_not_keep_a_question_to_the_whole_fleet_out() {
        let room = Room::new(80);
        let mut slow = Vec::new();
        for _ in 0..30 {
            slow.push(admit(&room, 1, SOON).await.unwrap());
        }
        let fleet = admit(&room, 200, SOON).await.unwrap();
        let mut hosts = Vec::new();
        while let Some(place) = fleet.take() {
            hosts.push(place);
        }
        while let Some(place) = fleet.wait(SOON).await {
            hosts.push(place);
        }
        assert_eq!(hosts.len() + slow.len(), 80);
    }

    #[tokio::test]
    async fn a_question_to_one_host_passes_one_to_many_that_waits() {
        let room = Room::new(80);
        let many = (admit(&room, 30, SOON).await.unwrap(), admit(&room, 30, SOON).await.unwrap());
        let waiting = {
            let room = room.clone();
            tokio::spawn(async move { admit(&room, 30, LONG).await.is_some() })
        };
        while room.streams.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(admit(&room, 1, SOON).await.is_some() && !waiting.is_finished());
        drop(many);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn of_those_that_need_more_than_half_one_at_a_time_takes_the_rest() {
        let room = Room::new(80);
        let first = admit(&room, 60, SOON).await.unwrap();
        assert!(admit(&room, 60, SOON).await.is_none());
        let mut places = Vec::new();
        for _ in 0..60 {
            let _unsettled = first.unsettled();
            let place = match first.take() {
                Some(place) => Some(place),
                None => first.wait(LONG).await,
            };
            places.push(place.unwrap());
        }
        places.truncate(30);
        assert!(admit(&room, 60, SOON).await.is_some(), "it has all that it needs");
    }
}
