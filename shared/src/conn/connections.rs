//! How many connections a server has, and which one makes room for another.

use super::Watch;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::sleep;

/// Connections past the limit that are kept for health checks: whoever watches over a server has
/// to reach it when it is busy, or takes it for dead.
pub const HEALTH_RESERVE: usize = 32;

/// How often, and how long each time, a connection is waited for that was told to make room.
const WAITS: usize = 50;
const WAIT: Duration = Duration::from_millis(2);

/// The connections of a server, for the one who accepts.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    /// Those that were accepted; some of them are gone.
    accepted: Vec<Weak<Watch>>,
}

impl Connections {
    /// None yet, and `most` at once at most, besides those for health checks.
    pub fn new(most: usize) -> Connections {
        Connections { most, accepted: Vec::new() }
    }

    /// Connections that there may be at once, whatever they are for.
    pub fn bound(most: usize) -> usize {
        most + HEALTH_RESERVE
    }

    /// Takes a connection in, where `open` says how many there are: the watch over it, or nothing
    /// where there is no room. When the limit is reached, the one that has been idle the longest
    /// makes room; where none is idle, the new one may ask for the server's health only.
    pub async fn admit(&mut self, client: SocketAddr, open: impl Fn() -> usize) -> Option<Arc<Watch>> {
        // Those for health checks are counted apart: one that makes room leaves a place of its own
        // kind, or all of these places would become common ones, one by one.
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

    /// Whether there is room for one more of a kind of which there are `places`, once the one of
    /// them that has been idle the longest has made room if need be.
    async fn has_room(&mut self, is_reserved: bool, places: usize) -> bool {
        let mut leaving: Option<Weak<Watch>> = None;
        for _ in 0..WAITS {
            // A request may have come first. Then another one has to make room.
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
            // It takes its thread a moment.
            sleep(WAIT).await;
        }
        false
    }

    /// How many there are of a kind, and which of them has been idle the longest.
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
