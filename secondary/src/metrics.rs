//! What the metrics look at on a secondary when a page is made: blocks, scans, connections.

use crate::read::admission::Admission;
use crate::read::block::Pool;
use backscroll_shared::metrics::{Metric, Samples, Source};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// What is looked at. The ring threads put theirs in when they begin.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Whether the last look at the log directories found that they can be served.
    pub(crate) is_ready: AtomicBool,
    /// The engine that serves.
    pub(crate) engine: OnceLock<&'static str>,
    /// Why the server uses the thread pool instead of io_uring, if nobody chose the engine by name.
    pub(crate) io_fallback: Arc<OnceLock<String>>,
    parts: Mutex<Parts>,
}

#[derive(Debug, Default)]
struct Parts {
    pools: Vec<Arc<Pool>>,
    admissions: Vec<Arc<Admission>>,
    connections: Vec<Arc<AtomicUsize>>,
}

impl Measured {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what one ring thread has.
    pub(crate) fn add(&self, pool: &Arc<Pool>, admission: &Arc<Admission>) {
        let mut parts = self.parts();
        parts.pools.push(Arc::clone(pool));
        parts.admissions.push(Arc::clone(admission));
    }

    /// Adds the number of connections that one ring thread has.
    pub(crate) fn add_connections(&self, count: &Arc<AtomicUsize>) {
        self.parts().connections.push(Arc::clone(count));
    }
}

impl Source for Measured {
    fn look(&self, into: &mut Samples) {
        into.set(Metric::Ready, self.is_ready.load(Relaxed));
        if let Some(engine) = self.engine.get() {
            into.add(Metric::EngineInfo, [*engine], 1_u64);
        }
        into.set(Metric::Fallback, self.io_fallback.get().is_some());
        let parts = self.parts();
        let connections: usize = parts.connections.iter().map(|count| count.load(Relaxed)).sum();
        into.set(Metric::Connections, connections);
        let sum = |of: fn(&Pool) -> usize| parts.pools.iter().map(|pool| of(pool)).sum::<usize>();
        into.set(Metric::PoolBlocks, sum(Pool::capacity));
        into.set(Metric::PoolBlocksUsed, sum(Pool::in_use));
        into.set(Metric::ReadsInFlight, sum(Pool::waiting_for_disk));
        let sum = |of: fn(&Admission) -> usize| parts.admissions.iter().map(|one| of(one)).sum::<usize>();
        into.add(Metric::DeepScans, ["running"], sum(Admission::deep_running));
        into.add(Metric::DeepScans, ["waiting"], sum(Admission::deep_waiting));
    }
}
