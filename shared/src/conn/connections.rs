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
const WAITS: usize = 20;
const WAIT: Duration = Duration::from_millis(5);

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
        let is_full = open() >= self.most;
        let makes_room = is_full && self.evict();
        if makes_room {
            // It takes its thread a moment.
            for _ in 0..WAITS {
                if open() < Connections::bound(self.most) {
                    break;
                }
                sleep(WAIT).await;
            }
        }
        if open() >= Connections::bound(self.most) {
            return None;
        }
        if self.accepted.len() >= 2 * Connections::bound(self.most) {
            self.accepted.retain(|watch| watch.strong_count() > 0);
        }
        let watch = Watch::of(Some(client), is_full && !makes_room);
        self.accepted.push(Arc::downgrade(&watch));
        Some(watch)
    }

    /// Tells the connection that has been idle the longest to end. False where none is idle.
    fn evict(&mut self) -> bool {
        let mut oldest: Option<(_, Arc<Watch>)> = None;
        self.accepted.retain(|watch| {
            let Some(watch) = watch.upgrade() else { return false };
            if let Some(since) = watch.evictable()
                && oldest.as_ref().is_none_or(|(oldest, _)| since < *oldest)
            {
                oldest = Some((since, watch));
            }
            true
        });
        oldest.inspect(|(_, watch)| watch.evict()).is_some()
    }
}
