//! Rounds of fresh probes, for `/hosts`: whoever asks while one is under way, or soon after it
//! began, shares it. So clients cannot make the primary ask the hosts more often than this.
//!
//! A round only asks the prober to look before its time, and waits for what it sees. Its
//! probes count as any others do.

use super::Health;
use crate::fleet::Fleet;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;

/// From the beginning of one round to that of the next, at least.
const PAUSE: Duration = Duration::from_secs(1);

/// The same for each host: at most a thousand are probed in a second for those who ask.
const PAUSE_EACH: Duration = Duration::from_millis(1);

/// How long a round lasts at most: somebody waits for the list. Of a host that was not probed
/// by then the list says what the last probe saw. Longer than a probe lasts.
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
    /// Waits until the hosts of `fleet` have been looked at: by a new round, or by the last one
    /// if it is recent.
    pub async fn looked_at(&self, fleet: &Fleet) {
        let mut over = self.current(fleet);
        while over.changed().await.is_ok() {}
    }

    fn current(&self, fleet: &Fleet) -> watch::Receiver<()> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(round) = current.as_ref().filter(|round| round.is_fresh()) {
            return round.over.clone();
        }
        let began = Instant::now();
        let healths: BTreeMap<&str, &Arc<Health>> =
            fleet.hosts().map(|host| (&*host.url, &host.health)).collect();
        let pause = PAUSE.max(PAUSE_EACH * u32::try_from(healths.len()).unwrap_or(u32::MAX));
        let (end, over) = watch::channel(());
        tokio::spawn(round(healths.into_values().cloned().collect(), began, end));
        *current = Some(Round { began, pause, over: over.clone() });
        over
    }
}

async fn round(healths: Vec<Arc<Health>>, began: Instant, end: watch::Sender<()>) {
    for health in &healths {
        health.want_probe();
    }
    let mut looks: FuturesUnordered<_> = healths.iter().map(|health| health.probed_since(began)).collect();
    // What was not seen in time is not in the health either.
    let _ = timeout(ROUND_TIME, async { while looks.next().await.is_some() {} }).await;
    drop(end);
}
