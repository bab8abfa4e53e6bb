//! The permits of one request. They limit the answers of hosts that are under way, of all
//! requests together.
//!
//! A request takes all its permits before it asks the first host. If requests took them one by
//! one, each could hold some and wait for ever for those of the others. A request to more hosts
//! than half of all permits begins with that half, and takes the rest one by one. Only one request
//! at a time may do so. So if slow readers hold a few permits, it fails for these hosts alone.
//!
//! Some permits are kept for requests to one host, so that they need not queue behind requests
//! that wait for many.

use super::problems;
use crate::capacity::Capacity;
use backscroll_shared::auth::{InUse, Usage};
use backscroll_shared::wire::problem::Problem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{AcquireError, OwnedSemaphorePermit};
use tokio::time::timeout;

/// The permits of one request.
#[derive(Debug)]
pub struct Permits {
    left: Mutex<Left>,
    capacity: Capacity,
}

#[derive(Debug)]
struct Left {
    permits: OwnedSemaphorePermit,
    /// What counts them among those of the caller, if it has a limit.
    share: Option<InUse>,
    /// Hosts for which it is not known yet whether they get a permit.
    unsettled: usize,
    /// The permit to take more one by one. It is given back once all hosts are settled.
    growing: Option<OwnedSemaphorePermit>,
}

/// The limit of a caller: what it uses, of which it may have half of all permits.
pub type Share = Option<Arc<Usage>>;

/// A permit for the answer of one host.
#[derive(Debug)]
pub(super) struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    _share: Option<InUse>,
}

/// A host that needs a permit. It is settled once this is dropped.
#[derive(Debug)]
pub(super) struct Unsettled<'p>(&'p Permits);

impl Permits {
    /// Waits for the permits of a request to so many hosts. Requests to several hosts are admitted
    /// in the order in which they come. A caller who has its `share` already is refused at once, so
    /// that it does not fill the queue.
    pub async fn admit(
        capacity: &Capacity,
        hosts: usize,
        wait: Duration,
        share: &Share,
    ) -> Result<Permits, Problem> {
        let half = capacity.half();
        let share = match share {
            None => None,
            Some(usage) => Some(usage.streams(hosts.min(half), half).ok_or_else(problems::share_is_used)?),
        };
        let admitted = timeout(wait, Permits::admitted(capacity, hosts)).await;
        let (permits, growing) =
            admitted.ok().and_then(Result::ok).ok_or_else(|| problems::not_admitted(hosts))?;
        let left = Left { permits, share, unsettled: hosts, growing };
        Ok(Permits { left: Mutex::new(left), capacity: capacity.clone() })
    }

    async fn admitted(
        capacity: &Capacity,
        hosts: usize,
    ) -> Result<(OwnedSemaphorePermit, Option<OwnedSemaphorePermit>), AcquireError> {
        let (one, many) = (|| Arc::clone(&capacity.single_streams), || Arc::clone(&capacity.streams));
        if hosts <= 1 {
            let free = one().try_acquire_owned().or_else(|_| many().try_acquire_owned());
            let permit = if let Ok(permit) = free {
                permit
            } else {
                tokio::select! {
                    permit = one().acquire_owned() => permit?,
                    permit = many().acquire_owned() => permit?,
                }
            };
            return Ok((permit, None));
        }
        let most = capacity.half();
        let growing =
            if hosts > most { Some(Arc::clone(&capacity.growing).acquire_owned().await?) } else { None };
        let count = u32::try_from(hosts.min(most)).unwrap_or(u32::MAX);
        Ok((many().acquire_many_owned(count).await?, growing))
    }

    /// To be dropped once it is known whether the next host gets a permit.
    pub(super) fn unsettled(&self) -> Unsettled<'_> {
        Unsettled(self)
    }

    /// One of them; None where all are taken.
    pub(super) fn take(&self) -> Option<StreamPermit> {
        let mut left = self.left();
        let permit = left.permits.split(1)?;
        Some(StreamPermit { _permit: permit, _share: left.share.as_mut().map(|share| share.split(1)) })
    }

    /// Waits for one that another request, or another host, gives back.
    pub(super) async fn wait(&self, wait: Duration) -> Option<StreamPermit> {
        let streams = Arc::clone(&self.capacity.streams);
        let permit = timeout(wait, streams.acquire_owned()).await.ok()?.ok()?;
        // A request to more hosts than a share has one share at most.
        Some(StreamPermit { _permit: permit, _share: None })
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
    use backscroll_shared::wire::problem::Code;

    const SOON: Duration = Duration::from_millis(50);
    const LONG: Duration = Duration::from_mins(1);

    async fn admit(capacity: &Capacity, hosts: usize, wait: Duration) -> Option<Permits> {
        Permits::admit(capacity, hosts, wait, &None).await.ok()
    }

    #[tokio::test]
    async fn slow_readers_of_single_hosts_do_not_keep_a_question_to_the_whole_fleet_out() {
        let capacity = Capacity::new(80);
        let mut slow = Vec::new();
        for _ in 0..30 {
            slow.push(admit(&capacity, 1, SOON).await.unwrap());
        }
        let fleet = admit(&capacity, 200, SOON).await.unwrap();
        let mut hosts = Vec::new();
        while let Some(permit) = fleet.take() {
            hosts.push(permit);
        }
        while let Some(permit) = fleet.wait(SOON).await {
            hosts.push(permit);
        }
        assert_eq!(hosts.len() + slow.len(), 80);
    }

    #[tokio::test]
    async fn a_question_to_one_host_passes_one_to_many_that_waits() {
        let capacity = Capacity::new(80);
        let many = (admit(&capacity, 30, SOON).await.unwrap(), admit(&capacity, 30, SOON).await.unwrap());
        let waiting = {
            let capacity = capacity.clone();
            tokio::spawn(async move { admit(&capacity, 30, LONG).await.is_some() })
        };
        while capacity.streams.available_permits() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(admit(&capacity, 1, SOON).await.is_some() && !waiting.is_finished());
        drop(many);
        assert!(waiting.await.unwrap());
    }

    #[tokio::test]
    async fn no_caller_holds_more_than_half_of_all_permits_and_who_would_is_refused_at_once() {
        let capacity = Capacity::new(80);
        let (one, other) = (Some(Arc::<Usage>::default()), Some(Arc::<Usage>::default()));
        let admit = |hosts, share| Permits::admit(&capacity, hosts, LONG, share);
        let first = admit(30, &one).await.unwrap();
        // It does not wait for LONG.
        assert_eq!(admit(30, &one).await.unwrap_err().code(), Code::Overloaded);
        let theirs = admit(30, &other).await.unwrap();
        // What a host has of it is given back with its answer.
        let hosts: Vec<_> = (0..30).map(|_| first.take().unwrap()).collect();
        drop(first);
        assert!(admit(30, &one).await.is_err());
        drop(hosts);
        drop(theirs);
        let large = admit(200, &one).await.unwrap();
        assert!(admit(1, &one).await.is_err() && admit(1, &other).await.is_ok());
        drop(large);
        assert!(admit(35, &one).await.is_ok());
    }

    #[tokio::test]
    async fn of_those_that_need_more_than_half_one_at_a_time_takes_the_rest() {
        let capacity = Capacity::new(80);
        let first = admit(&capacity, 60, SOON).await.unwrap();
        assert!(admit(&capacity, 60, SOON).await.is_none());
        let mut permits = Vec::new();
        for _ in 0..60 {
            let _unsettled = first.unsettled();
            let permit = match first.take() {
                Some(permit) => Some(permit),
                None => first.wait(LONG).await,
            };
            permits.push(permit.unwrap());
        }
        permits.truncate(30);
        assert!(admit(&capacity, 60, SOON).await.is_some(), "it has all that it needs");
    }
}
