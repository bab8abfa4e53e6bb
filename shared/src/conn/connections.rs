//! The connections of a server: how many there are, and which one closes to make room for another.

use super::Watch;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::sleep;

/// Connections above the limit that are reserved for health checks. A health check has to reach a
/// busy server, or the server is taken for dead.
pub const HEALTH_RESERVE: usize = 32;

/// How often, and how long each time, to wait for a connection that was told to make room.
const WAITS: usize = 50;
const WAIT: Duration = Duration::from_millis(2);

/// The connections of a server, for the task that accepts them.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    /// All that were accepted; some of them have ended.
    accepted: Vec<Weak<Watch>>,
}

impl Connections {
    /// At most `most` connections at once, in addition to those for health checks.
    pub fn new(most: usize) -> Connections {
        Connections { most, accepted: Vec::new() }
    }

    /// The most connections at once, those for health checks included.
    pub fn bound(most: usize) -> usize {
        most + HEALTH_RESERVE
    }

    /// Admits a connection and returns its watch, or `None` if there is no room. `open` gives the
    /// number of open connections. When the limit is reached, the connection that has been idle the
    /// longest makes room. If none is idle, the new one may ask only for the server's health.
    pub async fn admit(&mut self, client: SocketAddr, open: impl Fn() -> usize) -> Option<Arc<Watch>> {
        // Connections for health checks are counted separately, and only one of the same kind makes
        // room. Otherwise they would become ordinary connections one by one.
        let is_reserved = open() >= self.most && !self.has_room(false, self.most).await;
        if is_reserved && !self.has_room(true, HEALTH_RESERVE).await {
            return None;
        }
        if self.accepted.len() >= 2 * Connections::bound(self.most) {
            self.accepted.retain(|watch| watch.strong_count() > 0);
        }
        let watch = Watch::of(Some(client), is_reserved);
        self.accepted.push(Arc::downgrade(&watch));
        Some(watch)
    }

    /// Whether there is room for one more connection of a kind with `places` places. If there is
    /// none, makes the one that has been idle the longest close, and waits for that.
    async fn has_room(&mut self, is_reserved: bool, places: usize) -> bool {
        let mut leaving: Option<Weak<Watch>> = None;
        for _ in 0..WAITS {
            // If a request arrived on it first, another connection has to make room.
            let is_leaving =
                leaving.as_ref().and_then(Weak::upgrade).is_some_and(|watch| !watch.is_answering());
            if !is_leaving {
                let (taken, oldest) = self.look(is_reserved);
                if taken < places {
                    return true;
                }
                let Some(oldest) = oldest else { return false };
                oldest.evict();
                leaving = Some(Arc::downgrade(&oldest));
            }
            // The thread of that connection needs a moment to close it.
            sleep(WAIT).await;
        }
        false
    }

    /// How many connections there are of a kind, and which of them has been idle the longest.
    fn look(&mut self, is_reserved: bool) -> (usize, Option<Arc<Watch>>) {
        let mut taken = 0;
        let mut oldest: Option<(_, Arc<Watch>)> = None;
        self.accepted.retain(|watch| {
            let Some(watch) = watch.upgrade() else { return false };
            if watch.is_reserved == is_reserved {
                taken += 1;
                if let Some(since) = watch.evictable()
                    && oldest.as_ref().is_none_or(|(oldest, _)| since < *oldest)
                {
                    oldest = Some((since, watch));
                }
            }
            true
        });
        (taken, oldest.map(|(_, watch)| watch))
    }
}
