//! The connections of a server: how many there are, and which one closes to make room for another.

use super::{Peer, Place, Watch};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::sleep;

/// Connections above the limit that are reserved for health checks and metrics. A health check has to
/// reach a busy server, or the server is taken for dead, and a busy one is worth being watched.
pub const HEALTH_RESERVE: usize = 32;

/// The most connections to the health port. Some probes and some readers of metrics need few, and one
/// that is idle makes room for the next.
pub const HEALTH_PORT_CONNECTIONS: usize = 32;

/// From so many connections to the health port on, each of them closes after its answer, so that
/// clients that ask without a pause do not keep the places.
const HEALTH_PORT_CROWD: usize = HEALTH_PORT_CONNECTIONS / 2;

/// How often, and how long each time, to wait for a connection that was told to make room.
const WAITS: usize = 50;
const WAIT: Duration = Duration::from_millis(2);

/// The connections to one port of a server, for the task that accepts them.
#[derive(Debug)]
pub struct Connections {
    most: usize,
    /// What the connections are for.
    place: Place,
    /// All that were accepted; some of them have ended.
    accepted: Vec<Weak<Watch>>,
}

impl Connections {
    /// At most `most` connections at once, in addition to those for health checks.
    pub fn new(most: usize) -> Connections {
        Connections { most, place: Place::Ordinary, accepted: Vec::new() }
    }

    /// Those to the health port: at most [`HEALTH_PORT_CONNECTIONS`].
    pub fn of_health_port() -> Connections {
        Connections { most: HEALTH_PORT_CONNECTIONS, place: Place::HealthPort, accepted: Vec::new() }
    }

    /// The most connections at once to the main port, those for health checks included.
    pub fn bound(most: usize) -> usize {
        most + HEALTH_RESERVE
    }

    /// Admits a connection and returns its watch, or `None` if there is no room. `open` gives the
    /// number of open connections. When the limit is reached, the connection that has been idle the
    /// longest makes room. If none is idle, the new one may ask only for the server's health. (At the
    /// health port it waits a moment for one that ends with its answer, and has no place if none does.)
    pub async fn admit(&mut self, peer: Peer, open: impl Fn() -> usize) -> Option<Arc<Watch>> {
        // Connections for health checks are counted separately, and only one of the same kind makes
        // room. Otherwise they would become ordinary connections one by one.
        let mut place = self.place;
        let is_crowded = place == Place::HealthPort && open() >= HEALTH_PORT_CROWD;
        if is_crowded {
            self.accepted.iter().filter_map(Weak::upgrade).for_each(|watch| watch.end_with_answer());
        }
        if open() >= self.most && !self.has_room(place, self.most).await {
            if place == Place::HealthPort || !self.has_room(Place::Reserve, HEALTH_RESERVE).await {
                return None;
            }
            place = Place::Reserve;
        }
        if self.accepted.len() >= 2 * Connections::bound(self.most) {
            self.accepted.retain(|watch| watch.strong_count() > 0);
        }
        let watch = Watch::of(peer, place);
        if is_crowded {
            watch.end_with_answer();
        }
        self.accepted.push(Arc::downgrade(&watch));
        Some(watch)
    }

    /// Whether there is room for one more connection of a kind with `places` places. If there is
    /// none, makes the one that has been idle the longest close, and waits for that. At the health port
    /// it also waits for one that is busy.
    async fn has_room(&mut self, place: Place, places: usize) -> bool {
        let mut leaving: Option<Weak<Watch>> = None;
        for _ in 0..WAITS {
            // If a request arrived on it first, another connection has to make room.
            let is_leaving =
                leaving.as_ref().and_then(Weak::upgrade).is_some_and(|watch| !watch.is_answering());
            if !is_leaving {
                let (taken, oldest) = self.look(place);
                if taken < places {
                    return true;
                }
                match oldest {
                    Some(oldest) => {
                        oldest.evict();
                        leaving = Some(Arc::downgrade(&oldest));
                    }
                    // All are about to end, each with its answer.
                    None if place == Place::HealthPort => {}
                    None => return false,
                }
            }
            // The thread of that connection needs a moment to close it.
            sleep(WAIT).await;
        }
        false
    }

    /// How many connections there are of a kind, and which of them has been idle the longest.
    fn look(&mut self, place: Place) -> (usize, Option<Arc<Watch>>) {
        let mut taken = 0;
        let mut oldest: Option<(_, Arc<Watch>)> = None;
        self.accepted.retain(|watch| {
            let Some(watch) = watch.upgrade() else { return false };
            if watch.place == place {
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
