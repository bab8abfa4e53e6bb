//! Threads, accepting, and the drain.

use crate::catalog::Catalog;
use crate::config::{Config, Io};
use crate::read::block::Pool;
use crate::read::probe::{Refusal, probe};
use crate::read::threads::Threads;
use crate::read::uring::Uring;
use crate::read::{Ended, Engine};
use crate::serve::{Accepted, Host, Place, RingThread, Stage, serve};
use backscroll_shared::VERSION;
use backscroll_shared::conn::{REFUSALS, prepare, refuse};
use futures_util::FutureExt as _;
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

/// Why the server could not start, or not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The configuration can never work here.
    #[error("{0}")]
    Config(String),
    /// io_uring was asked for by name.
    #[error("--io uring: io_uring is not available: {0}")]
    NoRing(#[from] Refusal),
    /// The system refused a thread, a runtime or the listener.
    #[error("could not start: {0}")]
    Start(#[from] io::Error),
    /// Reads hung in the kernel; their memory has been leaked, and the process should end.
    #[error("{0} reads were still pending in the kernel when the time to stop had run out")]
    ReadsPending(usize),
    /// A ring thread panicked.
    #[error("a ring thread panicked")]
    Panicked,
}

/// Serves until `shutdown` is ready and the answers in flight have ended, or the drain's
/// time is up. Runs the first ring thread on the calling thread.
pub fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + 'static,
) -> Result<(), RunError> {
    let catalog = Catalog::open(&config.log_dir).map_err(RunError::Config)?;
    let (uring, io_fallback) = match config.io {
        Io::Threads => (false, None),
        Io::Uring => probe().map(|()| (true, None))?,
        Io::Auto => match probe() {
            Ok(()) => (true, None),
            Err(refusal) => {
                tracing::warn!(cause = %refusal, "io_uring is not available: reading with a pool of threads instead");
                (false, Some(refusal.to_string()))
            }
        },
    };
    let (stage, stage_seen) = watch::channel(Stage::Serving);
    let host = Arc::new(Host { config, catalog, stage: stage_seen, io_fallback });
    if uring {
        run_threads(Uring, &host, listener, stage, shutdown)
    } else {
        run_threads(Threads, &host, listener, stage, shutdown)
    }
}

fn run_threads<E: Engine + Unpin + Send + Sync>(
    engine: E,
    host: &Arc<Host>,
    listener: TcpListener,
    stage: watch::Sender<Stage>,
    shutdown: impl Future<Output = ()> + 'static,
) -> Result<(), RunError> {
    listener.set_nonblocking(true)?;
    let listen = listener.local_addr()?;
    let stage = Arc::new(stage);
    // Closed once every other thread has dropped its end.
    let (alive, mut others_alive) = mpsc::channel::<()>(1);
    let mut queues = Vec::new();
    let mut others = Vec::new();
    let mut mine = None;
    for index in 0..host.config.threads {
        let (queue, sockets) = mpsc::channel(host.config.connections);
        queues.push(Queue { sockets: queue, load: Arc::default() });
        if index == 0 {
            mine = Some(sockets);
            continue;
        }
        let (host, own_stage, alive) = (Arc::clone(host), Arc::clone(&stage), alive.clone());
        let thread = std::thread::Builder::new().name(format!("backscroll-{index}")).spawn(move || {
            let _alive = alive;
            let work = async |thread| guarded(serve(thread, sockets)).await;
            let ended = run_thread(engine, &host, work);
            if ended.is_err() {
                // Its sockets would go unanswered: the others stop too, and say why.
                own_stage.send_replace(Stage::Cutting);
            }
            ended
        });
        match thread {
            Ok(thread) => others.push(thread),
            Err(error) => {
                stage.send_replace(Stage::Cutting);
                return Err(error.into());
            }
        }
    }
    drop(alive);
    let sockets = mine.expect("a configuration has at least one thread");
    tracing::info!(
        %listen, hostname = host.config.hostname, log_dir = %host.config.log_dir.display(),
        io_engine = E::NAME, threads = host.config.threads, version = VERSION, "serving"
    );
    let first = run_thread(engine, host, async |thread| {
        let drain_time = thread.host.config.drain_time;
        let connections = thread.host.config.connections;
        let front = async {
            tokio::select! {
                () = accept(listener, &queues, connections) => {}
                () = shutdown => {}
            }
            tracing::info!("draining: answers in flight end, nothing new is begun");
            stage.send_replace(Stage::Draining);
            tokio::time::sleep(drain_time).await;
            tracing::warn!("the time to drain is over: what is left is cut");
            stage.send_replace(Stage::Cutting);
            std::future::pending::<Ended>().await
        };
        let work = async {
            let mut front = pin!(front);
            let ended = tokio::select! {
                ended = &mut front => ended,
                ended = serve(thread, sockets) => ended,
            };
            // This thread may have nothing left to do while others have: the time to drain
            // is kept here for all of them.
            tokio::select! {
                ended = front => ended,
                _ = others_alive.recv() => ended,
            }
        };
        let ended = guarded(work).await;
        if ended != Ended::Clean {
            stage.send_replace(Stage::Cutting);
        }
        ended
    });
    // Where this thread could not even start, the others must not wait for it.
    if first.is_err() {
        stage.send_replace(Stage::Cutting);
    }
    let mut outcome = first;
    for thread in others {
        let ended = thread.join().unwrap_or(Err(RunError::Panicked));
        outcome = outcome.and(ended);
    }
    tracing::info!("stopped");
    outcome
}

fn run_thread<E: Engine>(
    engine: E,
    host: &Arc<Host>,
    work: impl AsyncFnOnce(RingThread<E>) -> Ended,
) -> Result<(), RunError> {
    let thread = RingThread { engine, host: Arc::clone(host), pool: Pool::new(host.config.blocks) };
    match engine.block_on(work(thread))? {
        Ended::Clean => Ok(()),
        Ended::ReadsPending(reads) => Err(RunError::ReadsPending(reads)),
        Ended::Panicked => Err(RunError::Panicked),
    }
}

/// A panic ends the thread's work, and not by unwinding out of its runtime: the reads that
/// are under way still need that.
async fn guarded(work: impl Future<Output = Ended>) -> Ended {
    AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
        tracing::error!("a ring thread panicked: the server stops");
        Ended::Panicked
    })
}

/// One thread's queue of sockets, and how many it has.
struct Queue {
    sockets: mpsc::Sender<Accepted>,
    load: Arc<AtomicUsize>,
}

/// How long accepting rests after an error that will not go away by itself.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Accepts for all threads, and hands each socket to the one with the fewest: several
/// listeners on one port would spread few long-lived connections unevenly.
async fn accept(listener: TcpListener, queues: &[Queue], connections: usize) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the listener could not be taken over"),
    };
    let mut refused = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = refused.join_next() => continue,
        };
        let socket = match accepted {
            Ok((socket, _)) => socket,
            Err(error) => {
                tracing::warn!(%error, "accepting failed");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let total: usize = queues.iter().map(|queue| queue.load.load(Relaxed)).sum();
        let least = queues.iter().min_by_key(|queue| queue.load.load(Relaxed));
        let Some(queue) = least.filter(|_| total < connections) else {
            if refused.len() < REFUSALS {
                refused.spawn_local(refuse(socket));
            }
            continue;
        };
        if let Err(error) = prepare(&socket) {
            // The client may be gone already.
            tracing::debug!(%error, "a socket could not be prepared");
        }
        queue.load.fetch_add(1, Relaxed);
        let place = Place(Arc::clone(&queue.load));
        if let Ok(socket) = socket.into_std() {
            // The queue holds as many as there may be connections, and is closed only
            // once nothing is accepted any more.
            let _ = queue.sockets.try_send(Accepted { socket, place });
        }
    }
}
