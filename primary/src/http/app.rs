//! What the endpoints look at.

use crate::capacity::Capacity;
use crate::fleet::Fleet;
use crate::fleet::rounds::Rounds;
use crate::host::times::Times;
use crate::host::upstream::Upstream;
use std::sync::Arc;
use tokio::sync::watch;

/// What the threads have in common.
#[derive(Debug)]
pub struct Shared {
    /// The fleet now.
    pub fleet: watch::Receiver<Arc<Fleet>>,
    /// The name of the host that this runs on.
    pub hostname: String,
    /// What all requests together may hold.
    pub capacity: Capacity,
    /// Rounds of fresh probes, for `/hosts`.
    pub rounds: Rounds,
}

impl Shared {
    /// The state of a server of this fleet.
    pub fn new(fleet: watch::Receiver<Arc<Fleet>>, capacity: Capacity) -> Shared {
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Shared { fleet, hostname, capacity, rounds: Rounds::default() }
    }

    /// The fleet as it is now. It does not change under a request that holds it.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.borrow())
    }
}

/// What every request may look at.
#[derive(Debug)]
pub struct App {
    /// What the threads have in common.
    pub shared: Arc<Shared>,
    /// The client of the hosts. Each thread has connections of its own, so that an answer does not
    /// have to wake another thread.
    pub upstream: Upstream,
}

impl App {
    /// The state of one thread.
    pub fn new(shared: Arc<Shared>, times: Times) -> Arc<App> {
        let upstream = Upstream::new(times, shared.capacity.clone());
        Arc::new(App { shared, upstream })
    }
}
