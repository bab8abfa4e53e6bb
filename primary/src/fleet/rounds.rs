//! Rounds of fresh probes, for `/hosts`. Requests that come while a round is under way, or soon after
//! it began, share it. So clients cannot make the primary probe the hosts more often than this.
//!
//! A round asks the prober for probes before their time, and waits for them. They count as any
//! other probes do.

use super::Fleet;
use crate::host::health::Health;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// The shortest time from the beginning of one round to that of the next.
const PAUSE: Duration = Duration::from_secs(1);

/// The same for each host of the fleet, so that rounds probe at most a thousand hosts a second.
const PAUSE_EACH: Duration = Duration::from_millis(1);

/// How long a round lasts at most: a client waits for the list, which shows the last probe of a host
/// that is not probed by then. A probe takes less time.
const ROUND_TIME: Duration = Duration::from_secs(4);

/// The rounds, of all threads.
#[derive(Debug, Default)]
pub struct Rounds(Mutex<Option<Round>>);

#[derive(Debug)]
struct Round {
    began: Instant,
    pause: Duration,
    /// Its sender is gone once the round is over.
    over: watch::Receiver<()>,
}

impl Round {
    fn is_fresh(&self) -> bool {
        self.began.elapsed() < self.pause || self.over.has_changed().is_ok()
    }
}

impl Rounds {
    /// Waits until the `visible` hosts of `fleet` have been probed: by a new round, or by the last
    /// one if it is recent. A round probes all hosts. But how long it takes says nothing of those
    /// that are not visible, because they are not waited for.
    pub async fn probed(&self, fleet: &Arc<Fleet>, visible: &Arc<Fleet>) {
        let (began, mut over) = self.current(fleet);
        if Arc::ptr_eq(fleet, visible) {
            while over.changed().await.is_ok() {}
        } else {
            wait(&healths(visible), began).await;
        }
    }

    fn current(&self, fleet: &Fleet) -> (Instant, watch::Receiver<()>) {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = current.as_ref().filter(|round| round.is_fresh()) {
            return (round.began, round.over.clone());
        }
        let began = Instant::now();
        let healths = healths(fleet);
        let pause = PAUSE.max(PAUSE_EACH * u32::try_from(healths.len()).unwrap_or(u32::MAX));
        let (end, over) = watch::channel(());
        tokio::spawn(round(healths, began, end));
        *current = Some(Round { began, pause, over: over.clone() });
        (began, over)
    }
}

/// The health of each URL of a fleet.
fn healths(fleet: &Fleet) -> Vec<Arc<Health>> {
    let by_url: BTreeMap<&str, &Arc<Health>> = fleet.hosts().map(|host| (&*host.url, &host.health)).collect();
    by_url.into_values().cloned().collect()
}

async fn round(healths: Vec<Arc<Health>>, began: Instant, end: watch::Sender<()>) {
    for health in &healths {
        health.want_probe();
    }
    wait(&healths, began).await;
    drop(end);
}

/// Waits until these have been probed in a round.
async fn wait(healths: &[Arc<Health>], began: Instant) {
    let mut probes: FuturesUnordered<_> = healths.iter().map(|health| health.probed_since(began)).collect();
    // A host that is not probed in time is shown as it was.
    let _ = timeout(ROUND_TIME, async { while probes.next().await.is_some() {} }).await;
}
