//! What the first ring thread does for all of them: it accepts, and keeps the time to drain.

use crate::config::Config;
use crate::http::{Accepted, ConnectionPermit, Stage};
use crate::read::Ended;
use backscroll_shared::conn::{Connections, REFUSALS, prepare, refuse};
use backscroll_shared::service_manager;
use backscroll_shared::wire::instance::Instance;
use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What the first ring thread does for all of them.
pub(super) struct Front<S> {
    pub(super) listener: TcpListener,
    pub(super) queues: Vec<Queue>,
    pub(super) stage: Arc<watch::Sender<Stage>>,
    pub(super) shutdown: S,
}

impl<S: Future<Output = ()>> Front<S> {
    /// Accepts until the shutdown, then keeps the time to drain. Never ends.
    pub(super) async fn run(self, config: &Config, instance: Instance, announce: impl FnOnce()) -> Ended {
        let accepting = async {
            announce();
            accept(self.listener, &self.queues, config.connections, instance).await;
        };
        tokio::select! {
            // Whoever hears that it serves may tell it to stop at once, so the shutdown is
            // polled before that is announced.
            biased;
            () = self.shutdown => {}
            () = accepting => {}
        }
        tracing::info!("draining: answers in flight end, nothing new is begun");
        self.stage.send_replace(Stage::Draining);
        service_manager::stopping();
        let ending_time = ENDING_TIME.min(config.drain_time / 2);
        tokio::time::sleep(config.drain_time.saturating_sub(ending_time)).await;
        tracing::warn!("the time to drain is over: answers still in flight end as incomplete");
        self.stage.send_replace(Stage::GivingUp);
        tokio::time::sleep(ending_time).await;
        self.stage.send_replace(Stage::Cutting);
        std::future::pending().await
    }
}

/// How long answers may take to say that they are incomplete, at the end of the drain.
const ENDING_TIME: Duration = Duration::from_millis(500);

/// One thread's queue of sockets, and how many it has.
pub(super) struct Queue {
    sockets: mpsc::Sender<Accepted>,
    load: Arc<AtomicUsize>,
}

impl Queue {
    pub(super) fn new(sockets: mpsc::Sender<Accepted>) -> Queue {
        Queue { sockets, load: Arc::default() }
    }
}

/// How long accepting rests after an error that will not go away by itself.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts for all threads, and hands each socket to the one with the fewest: several
/// listeners on one port would spread few long-lived connections unevenly.
async fn accept(listener: TcpListener, queues: &[Queue], connections: usize, instance: Instance) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listener could not be taken over"),
    };
    let mut refused = JoinSet::new();
    let mut connections = Connections::new(connections);
    let open = || queues.iter().map(|queue| queue.load.load(Relaxed)).sum();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = refused.join_next() => continue,
        };
        let (socket, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting failed");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let admitted = connections.admit(client, open).await;
        let least = queues.iter().min_by_key(|queue| queue.load.load(Relaxed));
        let Some((queue, watch)) = least.zip(admitted) else {
            if refused.len() < REFUSALS {
                refused.spawn_local(refuse(socket, Some(instance)));
            }
            continue;
        };
        if let Err(error) = prepare(&socket) {
            // The client may be gone already.
            tracing::debug!(%error, "a socket could not be prepared");
        }
        queue.load.fetch_add(1, Relaxed);
        let permit = ConnectionPermit(Arc::clone(&queue.load));
        if let Ok(socket) = socket.into_std() {
            // The queue holds as many as there may be connections, and is closed only
            // once nothing is accepted any more.
            let _ = queue.sockets.try_send(Accepted { socket, watch, permit });
        }
    }
}
