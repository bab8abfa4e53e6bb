//! Accepts connections, cuts those that are overdue, and lets the rest end.

use crate::app::{App, router};
use crate::config::Config;
use crate::connection;
use backscroll_shared::conn::{REFUSALS, Watch, refuse};
use backscroll_shared::{VERSION, limits};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// How often connections are looked at.
const SWEEP_TIME: Duration = Duration::from_secs(1);

/// How long nothing is accepted after it failed: out of descriptors it would fail again at
/// once, and turn the loop into a spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why the server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client of the secondaries could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(#[from] reqwest::Error),
    /// The listener has no address.
    #[error("the listener is of no use: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves `listener` until `shutdown` is ready. Answers in flight then have
/// [`limits::DRAIN_TIME`] to end.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let hosts = config.fleet.len();
    tracing::info!(listen = %listener.local_addr()?, hosts, version = VERSION, "serving");
    if hosts == 0 {
        tracing::warn!("the fleet is empty: name its hosts with --secondary NAME=URL");
    }
    let most = config.connections;
    let router = router(App::new(config)?);
    let (stop, stopping) = watch::channel(false);
    let mut open = Open::default();
    let mut refused = JoinSet::new();
    let mut sweep = interval(SWEEP_TIME);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(done) = open.tasks.join_next_with_id() => open.closed(done),
            Some(_) = refused.join_next() => {}
            _ = sweep.tick() => open.cut_overdue(),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if open.tasks.len() < most => {
                    let watch = Watch::new();
                    let served = connection::serve(stream, router.clone(), watch.clone(), stopping.clone());
                    open.add(watch, served);
                }
                Ok((stream, _)) => {
                    if refused.len() < REFUSALS {
                        refused.spawn(refuse(stream));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, connections = open.tasks.len(), "nothing can be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    tracing::info!(connections = open.tasks.len(), "stopping");
    // Nobody may be left to hear it.
    let _ = stop.send(true);
    let drained = async { while open.tasks.join_next().await.is_some() {} };
    if timeout(limits::DRAIN_TIME, drained).await.is_err() {
        tracing::warn!(connections = open.tasks.len(), "answers in flight are cut");
        open.tasks.shutdown().await;
    }
    tracing::info!("stopped");
    Ok(())
}

/// The open connections.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    watched: HashMap<Id, (Arc<Watch>, AbortHandle)>,
}

impl Open {
    fn add(&mut self, watch: Arc<Watch>, served: impl Future<Output = ()> + Send + 'static) {
        let handle = self.tasks.spawn(served);
        self.watched.insert(handle.id(), (watch, handle));
    }

    fn closed(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a connection's task panicked");
                }
                error.id()
            }
        };
        self.watched.remove(&id);
    }

    fn cut_overdue(&self) {
        for (watch, handle) in self.watched.values() {
            if let Some(why) = watch.overdue() {
                tracing::debug!(?why, "connection cut");
                handle.abort();
            }
        }
    }
}
