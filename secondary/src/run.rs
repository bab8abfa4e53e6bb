//! Starting and ending: the ring threads (`ring_threads`), and what the first of them does for all
//! (`front`: accepting, and the drain).

mod error;
mod front;
mod ring_threads;

pub use error::RunError;

use crate::catalog::Catalog;
use crate::config::{Config, Io};
use crate::http::{Inlet, Shared, Stage};
use crate::metrics::Measured;
use crate::read::admission::Admission;
use crate::read::crew::Crew;
use crate::read::probe::{Refusal, probe};
use crate::read::threads::Threads;
use crate::read::uring::Uring;
use crate::readiness::Readiness;
use backscroll_shared::auth::Gate;
use backscroll_shared::conn::exchange::{Recorder, Recorders};
use backscroll_shared::conn::{Connections, HEALTH_PORT_CONNECTIONS};
use backscroll_shared::listen::Listeners;
use backscroll_shared::metrics::{Metrics, Program, Source, WatchedFiles};
use backscroll_shared::service_manager::Watchdog;
use backscroll_shared::time::zone_warning;
use backscroll_shared::wire::instance::Instance;
use front::{Front, Port, Queue};
use ring_threads::{Start, run_threads};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// Serves until `shutdown` is ready and the answers in flight have ended, or the drain's
/// time is up. Runs the first ring thread on the calling thread.
pub fn run(
    config: Config,
    listeners: impl Into<Listeners>,
    shutdown: impl Future<Output = ()> + 'static,
) -> Result<(), RunError> {
    let catalog = Catalog::open(&config.log_dir, &config.extra_log_dirs)?.without(config.excludes.clone());
    if !config.excludes.is_empty() {
        tracing::info!(exclude = %config.excludes, "files that match do not exist for anybody");
    }
    let zone_warning = zone_warning();
    if let Some(warning) = zone_warning {
        tracing::warn!("{warning}");
    }
    let (stage, stage_seen) = watch::channel(Stage::Serving);
    let admissions: Vec<Arc<Admission>> = (0..config.threads).map(|_| Arc::default()).collect();
    let (crew, batches) = Crew::new(&admissions);
    let gate = Gate::new(config.access.tokens.clone()).of_host(&config.hostname);
    let gate = match config.client_names.clone() {
        Some(names) => gate.with_names(names),
        None => gate,
    };
    let audit = config.access.audit.clone().map(|audit| Arc::new(audit) as Arc<dyn Recorder>);
    let metrics = Metrics::start(Program::Secondary, config.threads)?;
    let measured = Arc::<Measured>::default();
    metrics.register(Arc::clone(&measured) as Arc<dyn Source>);
    metrics.register(Arc::new(WatchedFiles {
        tokens: config.access.tokens.clone(),
        server: config.tls.clone(),
        client: None,
    }));
    let counts = Arc::clone(metrics.counts()) as Arc<dyn Recorder>;
    let recorders = audit.into_iter().chain([counts]).chain(config.recording.recorders());
    let recorders = recorders.collect::<Recorders>().sampling(config.recording.sampling());
    let io_fallback = Arc::clone(&measured.io_fallback);
    let shared = Arc::new(Shared {
        gate,
        recorders,
        config,
        instance: instance()?,
        catalog: Arc::new(catalog),
        stage: stage_seen,
        crew: Arc::new(crew),
        io_fallback,
        warnings: zone_warning.into_iter().collect(),
        readiness: Arc::new(Readiness::default()),
        metrics,
        measured,
    });
    let mut queues = Vec::new();
    let mut inlets = Vec::new();
    for (index, (admission, batches)) in admissions.into_iter().zip(batches).enumerate() {
        let (queue, sockets) = mpsc::channel(Connections::bound(shared.config.connections));
        let queue = Queue::new(queue);
        shared.measured.add_connections(queue.load());
        queues.push(queue);
        inlets.push(Inlet { index, sockets, batches, admission, health: None, beat: None });
    }
    let Listeners { main, health } = listeners.into();
    let health = health.zip(inlets.first_mut()).map(|(listener, first)| {
        let (queue, sockets) = mpsc::channel(HEALTH_PORT_CONNECTIONS);
        let queue = Queue::new(queue);
        shared.measured.add_connections(queue.load());
        first.health = Some(sockets);
        Port { listener, queues: vec![queue], connections: Connections::of_health_port() }
    });
    let main = Port { listener: main, queues, connections: Connections::new(shared.config.connections) };
    let watchdog = Watchdog::of_environment(inlets.len()).map(|(watchdog, beats)| {
        for (inlet, beat) in inlets.iter_mut().zip(beats) {
            inlet.beat = Some(beat);
        }
        watchdog
    });
    let front = Front { main, health, stage: Arc::new(stage), shutdown, watchdog };
    let mut start = Start { inlets, front: Box::new(front) };
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
