//! Accepts connections, hands each to the thread that has the fewest, and stops in order.

use crate::capacity::Capacity;
use crate::config::{Config, STREAMS_EACH};
use crate::fleet::EMPTY;
use crate::fleet::discovery::Discovery;
use crate::host::upstream::Upstream;
use crate::http::app::{App, Shared};
use crate::http::worker::{Counted, Panicked, Work, Worker};
use backscroll_shared::conn::{Connections, REFUSALS, refuse};
use backscroll_shared::{VERSION, service_manager};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
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

/// Serves `listener` until `shutdown` is ready. Answers in flight then have
/// [`DRAIN_TIME`](backscroll_shared::limits::DRAIN_TIME) to end.
///
/// Each core has a thread that serves its connections from their first byte to their end, and has
/// connections of its own to the hosts. So a request never waits for another thread to wake. The
/// thread that accepts connections also keeps the fleet up to date and probes it.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let (most, times) = (config.connections, config.times);
    let threads = config.threads.get();
    let listen = listener.local_addr()?;
    let (discovery, fleet) = Discovery::new(config.fleet);
    let hosts = fleet.borrow().len();
    let capacity = Capacity::new(most.saturating_mul(STREAMS_EACH));
    let shared = Arc::new(Shared::new(fleet, capacity.clone()));
    let (stop, stopping) = watch::channel(false);
    let workers: Vec<Worker> = (0..threads)
        .map(|index| {
            Worker::start(
                index,
                App::new(Arc::clone(&shared), times),
                Connections::bound(most),
                stopping.clone(),
            )
        })
        .collect::<std::io::Result<_>>()?;
    tracing::info!(%listen, hosts, threads, version = VERSION, "serving");
    service_manager::ready(&format!("serving on {listen}"));
    if hosts == 0 {
        tracing::warn!("{EMPTY}");
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(discovery.run(Upstream::new(times, capacity), times.health_interval));
    let mut outcome = tokio::select! {
        () = accept(&listener, &workers, most) => Ok(()),
        // It ends only if one of its tasks panics.
        Some(_) = tasks.join_next() => Err(Error::Panicked),
        () = shutdown => Ok(()),
    };
    drop(listener);
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
async fn accept(listener: &TcpListener, workers: &[Worker], most: usize) {
    let mut refused = JoinSet::new();
    let mut connections = Connections::new(most);
    let open = || workers.iter().map(Worker::load).sum();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = refused.join_next() => continue,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "nothing can be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admitted = connections.admit(client, open).await;
        let least = workers.iter().min_by_key(|worker| worker.load());
        let Some((worker, watch)) = least.zip(admitted) else {
            if refused.len() < REFUSALS {
                refused.spawn(refuse(stream, None));
            }
            continue;
        };
        match stream.into_std() {
            Ok(stream) => {
                if !worker.give(Work { stream, watch, counted: Counted::new(worker) }) {
                    return tracing::error!("a thread of the server is gone: the others stop too");
                }
            }
            Err(error) => tracing::debug!(%error, "a socket could not be handed on"),
        }
    }
}
