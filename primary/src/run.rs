//! Accepts connections, hands each to the thread that has the fewest, and lets them end.

use crate::app::{App, Room, Shared};
use crate::config::{Config, STREAMS_EACH};
use crate::fleet::EMPTY;
use crate::fleet::discovery::Discovery;
use crate::upstream::Upstream;
use crate::worker::{Place, Work, Worker};
use backscroll_shared::conn::{Connections, REFUSALS, refuse};
use backscroll_shared::{VERSION, service_manager};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How long nothing is accepted after it failed: out of descriptors it would fail again at
/// once, and turn the loop into a spin.
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

/// Serves `listener` until `shutdown` is ready. Answers in flight then have
/// [`DRAIN_TIME`](backscroll_shared::limits::DRAIN_TIME) to end.
///
/// Each core has a thread that serves its connections from their first byte to their end,
/// those to the hosts included: what a request needs never waits for another thread to wake.
/// The thread that accepts also keeps the fleet and watches over its health.
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
    let room = Room::new(most.saturating_mul(STREAMS_EACH));
    let shared = Arc::new(Shared::new(fleet, room.clone()));
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
        .collect::<Result<_, Error>>()?;
    tracing::info!(%listen, hosts, threads, version = VERSION, "serving");
    service_manager::ready(&format!("serving on {listen}"));
    if hosts == 0 {
        tracing::warn!("{EMPTY}");
    }
    let mut tasks = JoinSet::new();
    tasks.spawn(discovery.run(Upstream::new(times, room), times.health_interval));
    let mut outcome = tokio::select! {
        () = accept(&listener, &workers, most) => Ok(()),
        // It has no end of its own.
        Some(_) = tasks.join_next() => Err(Error::Panicked),
        () = shutdown => Ok(()),
    };
    drop(listener);
    let connections: usize = workers.iter().map(Worker::load).sum();
    tracing::info!(connections, "stopping");
    service_manager::stopping();
    // Nobody may be left to hear it.
    let _ = stop.send(true);
    for worker in workers {
        outcome = outcome.and(worker.ended().await);
    }
    tracing::info!("stopped");
    outcome
}

/// Ends where a worker does, which it should not.
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
                if !worker.give(Work { stream, watch, place: Place::taken(worker) }) {
                    return tracing::error!("a thread of the server is gone: the others stop too");
                }
            }
            Err(error) => tracing::debug!(%error, "a socket could not be handed on"),
        }
    }
}
