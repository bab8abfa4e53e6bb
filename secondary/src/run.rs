//! Threads, accepting, and the drain.

use crate::catalog::Catalog;
use crate::config::{Config, Io};
use crate::http::{Accepted, ConnectionPermit, Inlet, Shared, Stage, serve};
use crate::read::admission::Admission;
use crate::read::crew::Crew;
use crate::read::probe::{Refusal, probe};
use crate::read::threads::Threads;
use crate::read::uring::Uring;
use crate::read::{Ended, Engine};
use crate::readiness::Readiness;
use backscroll_shared::conn::{Connections, REFUSALS, prepare, refuse};
use backscroll_shared::time::zone_warning;
use backscroll_shared::wire::instance::Instance;
use backscroll_shared::{VERSION, service_manager};
use futures_util::FutureExt as _;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
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
    let catalog = Catalog::open(&config.log_dir, &config.extra_log_dirs).map_err(RunError::Config)?;
    let zone_warning = zone_warning();
    if let Some(warning) = zone_warning {
        tracing::warn!("{warning}");
    }
    let (stage, stage_seen) = watch::channel(Stage::Serving);
    let admissions: Vec<Arc<Admission>> = (0..config.threads).map(|_| Arc::default()).collect();
    let (crew, batches) = Crew::new(&admissions);
    let shared = Arc::new(Shared {
        config,
        instance: instance()?,
        catalog: Arc::new(catalog),
        stage: stage_seen,
        crew: Arc::new(crew),
        io_fallback: OnceLock::new(),
        warnings: zone_warning.into_iter().collect(),
        readiness: Arc::new(Readiness::default()),
    });
    let mut queues = Vec::new();
    let mut inlets = Vec::new();
    for (index, (admission, batches)) in admissions.into_iter().zip(batches).enumerate() {
        let (queue, sockets) = mpsc::channel(Connections::bound(shared.config.connections));
        queues.push(Queue { sockets: queue, load: Arc::default() });
        inlets.push(Inlet { index, sockets, batches, admission });
    }
    let mut start = Start { inlets, front: Front { listener, queues, stage: Arc::new(stage), shutdown } };
    if shared.config.io != Io::Threads {
        match run_on_rings(&shared, start) {
            Outcome::Ended(ended) => return ended,
            Outcome::NoRing(refusal, _) if shared.config.io == Io::Uring => return Err(refusal.into()),
            Outcome::NoRing(refusal, again) => {
                tracing::warn!(cause = %refusal, "io_uring is not available: reading with a pool of threads instead");
                // This is the only place that sets it.
                let _ = shared.io_fallback.set(refusal.to_string());
                start = again;
            }
        }
    }
    run_threads(Threads, &shared, start).unwrap_or_else(|(error, _)| Err(error.into()))
}

/// How a run on rings ended, or why there was none.
enum Outcome<S> {
    Ended(Result<(), RunError>),
    NoRing(Refusal, Start<S>),
}

/// Times that rings are made anew where there was no memory for all of them, and the time between.
/// The kernel gives back the memory of a ring that was dropped, such as the probe's, a moment
/// later.
const RING_TRIES: usize = 10;
const RING_REST: Duration = Duration::from_millis(50);

fn run_on_rings<S: Future<Output = ()> + 'static>(shared: &Arc<Shared>, mut start: Start<S>) -> Outcome<S> {
    if let Err(refusal) = probe() {
        return Outcome::NoRing(refusal, start);
    }
    for tries in 1.. {
        match run_threads(Uring, shared, start) {
            Ok(ended) => return Outcome::Ended(ended),
            Err((error, again)) => {
                let refusal = Refusal::of(&error);
                if refusal != Refusal::Memlock || tries == RING_TRIES {
                    return Outcome::NoRing(refusal, again);
                }
                start = again;
                #[expect(clippy::disallowed_methods, reason = "nothing is served yet")]
                std::thread::sleep(RING_REST);
            }
        }
    }
    unreachable!("the last try returns")
}

/// The id of this run. Random, and made at each start: a machine that was cloned from another
/// is another host.
fn instance() -> io::Result<Instance> {
    let mut bits = [0; 16];
    // So few bytes come at once, or not at all.
    let len = rustix::rand::getrandom(&mut bits, rustix::rand::GetRandomFlags::empty())?;
    if len < bits.len() {
        return Err(io::Error::other("the system gave too few random bytes"));
    }
    Ok(Instance::new(u128::from_ne_bytes(bits)))
}

/// What the first ring thread does for all of them.
struct Front<S> {
    listener: TcpListener,
    queues: Vec<Queue>,
    stage: Arc<watch::Sender<Stage>>,
    shutdown: S,
}

impl<S: Future<Output = ()>> Front<S> {
    /// Accepts until the shutdown, then keeps the time to drain. Never ends.
    async fn run(self, config: &Config, instance: Instance, announce: impl FnOnce()) -> Ended {
        let accepting = async {
            announce();
            accept(self.listener, &self.queues, config.connections, instance).await;
        };
        tokio::select! {
            // Whoever hears that it serves may tell it to stop at once: it has to listen
            // for that before.
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
        self.stage.send_replace(Stage::Ending);
        tokio::time::sleep(ending_time).await;
        self.stage.send_replace(Stage::Cutting);
        std::future::pending().await
    }
}

/// How long answers may take to say that they are incomplete, at the end of the drain.
const ENDING_TIME: Duration = Duration::from_millis(500);

/// What is needed to serve, and is given back where that could not begin.
struct Start<S> {
    inlets: Vec<Inlet>,
    front: Front<S>,
}

/// Serves on all threads. Where one of them could not make its runtime none has served, and the
/// error has with it what another engine may begin with.
fn run_threads<E: Engine + Unpin + Send + Sync, S: Future<Output = ()> + 'static>(
    engine: E,
    shared: &Arc<Shared>,
    start: Start<S>,
) -> Result<Result<(), RunError>, (io::Error, Start<S>)> {
    let listen = match listening(&start.front.listener) {
        Ok(listen) => listen,
        Err(error) => return Ok(Err(error.into())),
    };
    let stage = Arc::clone(&start.front.stage);
    // Each other thread says once whether it can serve; closed once each has dropped its end.
    let (alive, mut others_alive) = mpsc::channel::<bool>(shared.config.threads);
    let (mut others, mut doors) = (Vec::new(), Vec::new());
    for index in 1..start.inlets.len() {
        let (door, inlet) = oneshot::channel();
        let name = format!("backscroll-{index}");
        let (shared, own_stage, alive) = (Arc::clone(shared), Arc::clone(&stage), alive.clone());
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let ended = run_thread(engine, async {
                // There is room for one of each.
                let _ = alive.try_send(true);
                // Where another thread cannot serve, nobody does.
                let Ok(inlet) = inlet.await else { return Ended::Clean };
                serve(engine, shared, inlet).await
            });
            match ended {
                Ok(()) => {}
                Err(RunError::Start(_)) => {
                    let _ = alive.try_send(false);
                }
                // Its sockets would go unanswered: the others stop too, and say why.
                Err(_) => {
                    own_stage.send_replace(Stage::Cutting);
                }
            }
            ended
        });
        match thread {
            Ok(thread) => others.push(thread),
            Err(error) => return Ok(Err(error.into())),
        }
        doors.push(door);
    }
    drop(alive);
    let config = &shared.config;
    let mut waiting = Some((start, doors));
    let first = run_thread(engine, async {
        for _ in 0..others.len() {
            if others_alive.recv().await != Some(true) {
                return Ended::Clean;
            }
        }
        let (Start { inlets, front }, doors) = waiting.take().expect("taken here alone");
        let mut inlets = inlets.into_iter();
        let own = inlets.next().expect("a configuration has at least one thread");
        for (door, inlet) in doors.into_iter().zip(inlets) {
            // A thread that is gone has panicked, and says so at the end.
            let _ = door.send(inlet);
        }
        let announce = || {
            tracing::info!(
                %listen, hostname = config.hostname, log_dir = %config.log_dir.display(),
                io_engine = E::NAME, threads = config.threads, version = VERSION, "serving"
            );
            service_manager::ready(&format!("serving on {listen}"));
        };
        let mut front = pin!(front.run(config, shared.instance, announce));
        let ended = tokio::select! {
            ended = &mut front => ended,
            ended = serve(engine, Arc::clone(shared), own) => ended,
        };
        // This thread may have nothing left to do while others have: the time to drain is
        // kept here for all of them.
        tokio::select! {
            ended = front => ended,
            _ = others_alive.recv() => ended,
        }
    });
    let start = waiting.map(|(start, _)| start);
    if start.is_none() && first.is_err() {
        stage.send_replace(Stage::Cutting);
    }
    let mut ended = first;
    for thread in others {
        let other = thread.join().unwrap_or(Err(RunError::Panicked));
        ended = ended.and(other);
    }
    match (start, ended) {
        (Some(start), Err(RunError::Start(error))) => Err((error, start)),
        (_, ended) => {
            tracing::info!("stopped");
            Ok(ended)
        }
    }
}

fn listening(listener: &TcpListener) -> io::Result<SocketAddr> {
    listener.set_nonblocking(true)?;
    listener.local_addr()
}

fn run_thread<E: Engine>(engine: E, work: impl Future<Output = Ended>) -> Result<(), RunError> {
    match engine.block_on(guarded(work))? {
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
