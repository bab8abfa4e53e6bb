//! The ring threads: all of them have their ring before one serves.

use super::error::RunError;
use super::front::Front;
use crate::http::{Inlet, Shared, Stage, serve};
use crate::read::{Ended, Engine};
use backscroll_shared::VERSION;
use backscroll_shared::service_manager::{self, Watchdog};
use futures_util::FutureExt as _;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What is needed to serve, and is given back where that could not begin.
pub(super) struct Start<S> {
    pub(super) inlets: Vec<Inlet>,
    pub(super) front: Box<Front<S>>,
}

/// Serves on all threads. If one of them could not make its runtime, none has served, and the error
/// comes with what another engine needs to begin.
pub(super) fn run_threads<E: Engine + Unpin + Send + Sync, S: Future<Output = ()> + 'static>(
    engine: E,
    shared: &Arc<Shared>,
    start: Start<S>,
) -> Result<Result<(), RunError>, (io::Error, Start<S>)> {
    let (listen, health_listen) = match start.front.local_addrs() {
        Ok(addresses) => addresses,
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
    let mut refused = None;
    let first = run_thread(engine, async {
        for _ in 0..others.len() {
            if others_alive.recv().await != Some(true) {
                return Ended::Clean;
            }
        }
        let (Start { inlets, front }, doors) = waiting.take().expect("taken here alone");
        let front = match front.take_over() {
            Ok(front) => front,
            Err(error) => {
                refused = Some(error);
                return Ended::Clean;
            }
        };
        let mut inlets = inlets.into_iter();
        let own = inlets.next().expect("a configuration has at least one thread");
        for (door, inlet) in doors.into_iter().zip(inlets) {
            // A thread that is gone has panicked, and says so at the end.
            let _ = door.send(inlet);
        }
        let announce = |watchdog: Option<Watchdog>| {
            let health_listen = health_listen.as_ref();
            tracing::info!(
                %listen, health_listen = health_listen.map(tracing::field::display), hostname = config.hostname, log_dir = %config.log_dir.display(),
                io_engine = E::NAME, threads = config.threads, version = VERSION, "serving"
            );
            // One engine serves.
            let _ = shared.measured.engine.set(E::NAME);
            let health = health_listen.map_or_else(String::new, |at| format!(" (health: {at})"));
            service_manager::ready(&format!("serving on {listen}{health}"));
            if let Some(Err(error)) = watchdog.map(Watchdog::start) {
                tracing::error!(%error, "no thread for the watchdog: the service manager will start this program anew");
            }
        };
        let mut front = pin!(front.run(engine, shared, announce));
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
    if let Some(error) = refused {
        return Ok(Err(error.into()));
    }
    match (start, ended) {
        (Some(start), Err(RunError::Start(error))) => Err((error, start)),
        (_, ended) => {
            tracing::info!("stopped");
            Ok(ended)
        }
    }
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
