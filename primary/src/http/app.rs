//! What the endpoints look at.

use super::access::{Access, Viewer};
use crate::capacity::Capacity;
use crate::fleet::Fleet;
use crate::fleet::rounds::Rounds;
use crate::host::credentials::Credentials;
use crate::host::times::Times;
use crate::host::upstream::Upstream;
use backscroll_shared::http_host::AllowedHosts;
use backscroll_shared::metrics::Metrics;
use backscroll_shared::tls::ClientTls;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
    /// By which names it answers; none where it need not be asked by its own.
    pub allowed_hosts: Option<AllowedHosts>,
    /// Who may ask.
    pub access: Access,
    /// Rounds of fresh probes, for `/hosts`.
    pub rounds: Rounds,
    /// What an operator sees of this server.
    pub metrics: Metrics,
    /// Whether the server has begun to stop.
    pub is_draining: Arc<AtomicBool>,
}

impl Shared {
    /// The state of a server of this fleet.
    pub fn new(
        fleet: watch::Receiver<Arc<Fleet>>,
        capacity: Capacity,
        allowed_hosts: Option<AllowedHosts>,
        access: Access,
        metrics: Metrics,
    ) -> Shared {
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let (rounds, is_draining) = (Rounds::default(), Arc::default());
        Shared { fleet, hostname, capacity, allowed_hosts, access, rounds, metrics, is_draining }
    }

    /// The fleet as it is now. It does not change under a request that holds it.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.borrow())
    }

    /// The part of it that `viewer` may see.
    pub async fn fleet_of(&self, viewer: &Viewer) -> Arc<Fleet> {
        viewer.part_of(self.fleet(), &self.access).await
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
    pub fn new(
        shared: Arc<Shared>,
        times: Times,
        tls: Option<ClientTls>,
        credentials: Credentials,
    ) -> Arc<App> {
        let upstream = Upstream::new(times, shared.capacity.clone(), tls, credentials)
            .counted_by(Arc::clone(shared.metrics.counts()));
        Arc::new(App { shared, upstream })
    }
}
