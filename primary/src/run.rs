//! Accepts connections, hands each to the thread that has the fewest, and stops in order.

use crate::capacity::Capacity;
use crate::config::{Config, STREAMS_EACH};
use crate::fleet::EMPTY;
use crate::fleet::discovery::Discovery;
use crate::host::upstream::Upstream;
use crate::http::access::{Access, Public};
use crate::http::app::{App, Shared};
use crate::http::health_port;
use crate::http::work::{Counted, Work};
use crate::http::worker::{Panicked, Worker, refuse};
use crate::metrics::Measured;
use backscroll_shared::VERSION;
use backscroll_shared::auth::Gate;
use backscroll_shared::cli::access::AccessConfig;
use backscroll_shared::conn::exchange::{Recorder, Recorders};
use backscroll_shared::conn::{Connections, REFUSALS};
use backscroll_shared::listen::{Accepted, AsyncListener, Listener, Listeners};
use backscroll_shared::metrics::{Counts, Metric, Metrics, Program, WatchedFiles};
use backscroll_shared::service_manager::{self, Watchdog};
use backscroll_shared::tls::Acceptor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long the server waits after it could not accept a connection. Without descriptors it would
/// fail again at once, and the loop would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener has no address, or the system refused a thread.
    #[error("the server cannot start: {0}")]
    Start(#[from] std::io::Error),
    /// A thread, or the task that keeps the fleet, panicked.
    #[error("a thread of the server panicked")]
    Panicked,
}

impl From<Panicked> for Error {
    fn from(_: Panicked) -> Error {
        Error::Panicked
    }
}

/// Serves the listeners until `shutdown` is ready. Answers in flight then have
/// [`DRAIN_TIME`](backscroll_shared::limits::DRAIN_TIME) to end.
///
/// Each core has a thread that serves its connections from their first byte to their end, and has
/// connections of its own to the hosts. So a request never waits for another thread to wake. The
/// thread that accepts connections also keeps the fleet up to date, probes it, and serves the health
/// port.
pub async fn run(
    listeners: impl Into<Listeners>,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (most, times, credentials) = (config.connections, config.times, config.credentials);
    let threads = config.threads.get();
    let listeners = listeners.into();
    let (listen, health_listen) = listeners.local_addrs()?;
    let listener = listeners.main.into_async()?;
    let health = listeners.health.map(Listener::into_async).transpose()?;
    let (discovery, fleet) = Discovery::new(config.fleet);
    let sources = discovery.source_states();
    let hosts = fleet.borrow().len();
    let capacity = Capacity::new(most.saturating_mul(STREAMS_EACH));
    let AccessConfig { tokens, public_readyz, public_metrics, audit } = config.access;
    // The thread that accepts probes hosts, too.
    let metrics = Metrics::start(Program::Primary, threads + 1)?;
    metrics.register(Arc::new(WatchedFiles {
        tokens: tokens.clone(),
        server: config.tls.clone(),
        client: config.upstream_tls.clone(),
    }));
    let audit = audit.map(|audit| Arc::new(audit) as Arc<dyn Recorder>);
    let counts = Arc::clone(metrics.counts()) as Arc<dyn Recorder>;
    let recorders = audit.into_iter().chain([counts]).chain(config.recording.recorders());
    let recorders = recorders.collect::<Recorders>().sampling(config.recording.sampling());
    let public = Public { readyz: public_readyz, metrics: public_metrics };
    let access = Access::new(Gate::new(tokens), public, recorders, most);
    let shared =
        Arc::new(Shared::new(fleet, capacity.clone(), config.allowed_hosts, access, metrics.clone()));
    let (stop, stopping) = watch::channel(false);
    let app = || App::new(Arc::clone(&shared), times, config.upstream_tls.clone(), credentials.clone());
    let (watchdog, beats) = Watchdog::of_environment(threads + 1).unzip();
    let mut beats = beats.unwrap_or_default().into_iter();
    let workers: Vec<Worker> = (0..threads)
        .map(|index| {
            let most = Connections::bound(most);
            Worker::start(index, app(), most, config.tls.clone(), stopping.clone(), beats.next())
        })
        .collect::<std::io::Result<_>>()?;
    // This thread accepts and keeps the fleet. It has to take turns, too.
    if let Some(beat) = beats.next() {
        tokio::spawn(beat.answer());
    }
    let health_load = Arc::<AtomicUsize>::default();
    metrics.register(Arc::new(Measured {
        fleet: shared.fleet.clone(),
        is_draining: Arc::clone(&shared.is_draining),
        connections: workers.iter().map(Worker::load_count).chain([Arc::clone(&health_load)]).collect(),
        sources,
    }));
    let health_at = health_listen.as_ref().map(tracing::field::display);
    tracing::info!(%listen, health_listen = health_at, hosts, threads, version = VERSION, "serving");
    let health_at = health_listen.map_or_else(String::new, |at| format!(" (health: {at})"));
    service_manager::ready(&format!("serving on {listen}{health_at}"));
    if let Some(watchdog) = watchdog {
        watchdog.start()?;
    }
    if hosts == 0 {
        tracing::warn!("{EMPTY}");
    }
    let acceptor = config.tls.map(|tls| Arc::new(Acceptor::new(tls)));
    let mut tasks = JoinSet::new();
    if let Some(listener) = health {
        tasks.spawn(health_port::serve(listener, app(), acceptor.clone(), health_load, ACCEPT_PAUSE));
    }
    let upstream = Upstream::new(times, capacity, config.upstream_tls, credentials)
        .counted_by(Arc::clone(shared.metrics.counts()));
    tasks.spawn(discovery.run(upstream, times.health_interval));
    let mut outcome = tokio::select! {
        () = accept(&listener, &workers, most, acceptor, metrics.counts()) => Ok(()),
        // It ends only if one of its tasks panics.
        Some(_) = tasks.join_next() => Err(Error::Panicked),
        () = shutdown => Ok(()),
    };
    drop(listener);
    shared.is_draining.store(true, Relaxed);
    let connections: usize = workers.iter().map(Worker::load).sum();
    tracing::info!(connections, "stopping");
    service_manager::stopping();
    // It fails if all workers are gone already.
    let _ = stop.send(true);
    for worker in workers {
        outcome = outcome.and(worker.ended().await.map_err(Error::from));
    }
    tracing::info!("stopped");
    outcome
}

/// Accepts connections for the workers. It ends only if a worker is gone.
async fn accept(
    listener: &AsyncListener,
    workers: &[Worker],
    most: usize,
    acceptor: Option<Arc<Acceptor>>,
    counts: &Counts,
) {
    let mut refused = JoinSet::new();
    let mut connections = Connections::new(most);
    let open = || workers.iter().map(Worker::load).sum();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = refused.join_next() => continue,
        };
        let Accepted { stream, peer } = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "nothing can be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admitted = connections.admit(peer, open).await;
        let least = workers.iter().min_by_key(|worker| worker.load());
        let Some((worker, watch)) = least.zip(admitted) else {
            counts.one(Metric::ConnectionsRefused);
            if refused.len() < REFUSALS {
                refused.spawn(refuse(stream, acceptor.clone()));
            }
            continue;
        };
        if !worker.give(Work { stream, watch, counted: Counted::among(&worker.load_count()) }) {
            return tracing::error!("a thread of the server is gone: the others stop too");
        }
    }
}
