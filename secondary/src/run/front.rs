//! What the first ring thread does for all of them: it accepts, and keeps the time to drain.

use crate::http::{Accepted, ConnectionPermit, Shared, Stage};
use crate::read::{Ended, Engine};
use backscroll_shared::conn::{Connections, REFUSALS};
use backscroll_shared::listen::{self, AsyncListener, ListenAddr, Listener};
use backscroll_shared::metrics::Metric;
use backscroll_shared::service_manager::{self, Watchdog};
use backscroll_shared::tls::Acceptor;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// What the first ring thread does for all of them.
pub(super) struct Front<S, L = Listener> {
    pub(super) main: Port<L>,
    /// For health checks and metrics alone.
    pub(super) health: Option<Port<L>>,
    pub(super) stage: Arc<watch::Sender<Stage>>,
    pub(super) shutdown: S,
    /// Where the service manager has asked for it.
    pub(super) watchdog: Option<Watchdog>,
}

/// A listener, and the threads that serve its connections.
pub(super) struct Port<L = Listener> {
    pub(super) listener: L,
    pub(super) queues: Vec<Queue>,
    pub(super) connections: Connections,
}

impl Port {
    fn take_over(self) -> io::Result<Port<AsyncListener>> {
        let Port { listener, queues, connections } = self;
        Ok(Port { listener: listener.into_async()?, queues, connections })
    }
}

impl<S> Front<S> {
    /// Takes the listeners over into the current runtime. Nothing is served before both are.
    pub(super) fn take_over(self) -> io::Result<Front<S, AsyncListener>> {
        let Front { main, health, stage, shutdown, watchdog } = self;
        let health = health.map(Port::take_over).transpose()?;
        Ok(Front { main: main.take_over()?, health, stage, shutdown, watchdog })
    }

    /// Where it listens: for everything, and for health checks and metrics alone.
    pub(super) fn local_addrs(&self) -> io::Result<(ListenAddr, Option<ListenAddr>)> {
        let health = self.health.as_ref().map(|port| port.listener.local_addr()).transpose()?;
        Ok((self.main.listener.local_addr()?, health))
    }
}

impl<S: Future<Output = ()>> Front<S, AsyncListener> {
    /// Accepts until the shutdown, then keeps the time to drain. At the health port it accepts until
    /// then, too. Never ends.
    pub(super) async fn run<E: Engine>(
        mut self,
        engine: E,
        shared: &Shared,
        announce: impl FnOnce(Option<Watchdog>),
    ) -> Ended {
        let health = self.health.take();
        let mut stage = self.stage.subscribe();
        let health = async {
            let Some(port) = health else { return };
            // A thread that hangs in the kernel may keep the process after its end. Its port has to be
            // free for the next one.
            tokio::select! {
                () = accept(engine, port, shared) => {}
                _ = stage.wait_for(|stage| *stage == Stage::Cutting) => {}
            }
        };
        let serve = self.serve(engine, shared, announce);
        tokio::join!(serve, health).0
    }

    async fn serve<E: Engine>(
        self,
        engine: E,
        shared: &Shared,
        announce: impl FnOnce(Option<Watchdog>),
    ) -> Ended {
        let config = &shared.config;
        let accepting = async {
            announce(self.watchdog);
            accept(engine, self.main, shared).await;
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

    /// How many sockets the thread has.
    pub(super) fn load(&self) -> &Arc<AtomicUsize> {
        &self.load
    }
}

/// The most clients that are refused over TLS at the same time: each costs a handshake, on the thread
/// that accepts. More are closed without a word.
const REFUSALS_OVER_TLS: usize = 16;

/// How long accepting rests after an error that will not go away by itself.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts for all threads, and hands each socket to the one with the fewest: several
/// listeners on one port would spread few long-lived connections unevenly.
async fn accept<E: Engine>(engine: E, port: Port<AsyncListener>, shared: &Shared) {
    let Port { listener, queues, mut connections } = port;
    let (instance, counts) = (shared.instance, shared.metrics.counts());
    let mut refused = JoinSet::new();
    let acceptor = shared.config.tls.clone().map(|tls| Arc::new(Acceptor::new(tls)));
    let open = || queues.iter().map(|queue| queue.load.load(Relaxed)).sum();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = refused.join_next() => continue,
        };
        let listen::Accepted { stream, peer } = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "accepting failed");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let admitted = connections.admit(peer, open).await;
        let least = queues.iter().min_by_key(|queue| queue.load.load(Relaxed));
        let Some((queue, watch)) = least.zip(admitted) else {
            counts.one(Metric::ConnectionsRefused);
            let most = if acceptor.is_some() { REFUSALS_OVER_TLS } else { REFUSALS };
            if refused.len() < most {
                match acceptor.clone() {
                    None => refused.spawn_local(stream.refuse(Some(instance))),
                    Some(acceptor) => {
                        refused.spawn_local(acceptor.refuse(stream, Some(instance), move || engine.pause()))
                    }
                };
            }
            continue;
        };
        queue.load.fetch_add(1, Relaxed);
        let permit = ConnectionPermit(Arc::clone(&queue.load));
        // The queue holds as many as there may be connections, and is closed only once nothing is
        // accepted any more.
        let _ = queue.sockets.try_send(Accepted { stream, watch, permit });
    }
}
