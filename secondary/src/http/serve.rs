//! One ring thread: serves its connections, from each accepted socket to the drain.

use super::connection::{SWEEP, look_after, serve_connection};
use super::grants::Grants;
use super::health_port::serve_health_port;
use super::state::{Connection, Inlet, RingThread, Shared, Stage};
use crate::answer::chunks::Chunks;
use crate::memory;
use crate::read::block::Pool;
use crate::read::crew::help_others;
use crate::read::meter::Meter;
use crate::read::{Ended, Engine};
use backscroll_shared::memory::Peak;
use backscroll_shared::tls::Acceptor;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// The same, while requests wait for blocks or permits that answers to such clients may hold.
const QUICK_SWEEP: Duration = Duration::from_millis(50);

/// How long to wait for the kernel to finish reads whose requests are gone.
const READS_TIME: Duration = Duration::from_secs(2);

/// Serves the connections of the inlet until the drain is over and no read is under way.
pub(crate) async fn serve<E: Engine + Unpin>(engine: E, shared: Arc<Shared>, inlet: Inlet) -> Ended {
    let Inlet { index, mut sockets, batches, admission, health, beat } = inlet;
    let pool = Pool::metered(shared.config.blocks, Meter::of::<E>(shared.metrics.counts()));
    shared.measured.add(&pool, &admission);
    let chunks = Chunks::default();
    let acceptor = shared.config.tls.clone().map(Acceptor::new);
    let thread = Rc::new(RingThread {
        engine,
        shared,
        pool,
        index,
        admission,
        chunks,
        grants: Grants::default(),
        acceptor,
        giving_up: Rc::default(),
    });
    let helper = tokio::task::spawn_local(help_others(engine, batches));
    if let Some(beat) = beat {
        tokio::task::spawn_local(beat.answer());
    }
    if let Some(sockets) = health {
        // It outlives this function: other threads may still drain.
        tokio::task::spawn_local(serve_health_port(Rc::clone(&thread), sockets));
    }
    let mut stage = thread.shared.stage.clone();
    let connections: RefCell<Vec<Weak<Connection>>> = RefCell::default();
    let mut tasks = JoinSet::new();
    let mut peak = Peak::default();
    let mut swept = Instant::now();
    let mut sweep = tokio::time::interval(QUICK_SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = sockets.recv(), if !sockets.is_closed() || !sockets.is_empty() => {
                if let Some(accepted) = accepted {
                    let connection = Rc::new(Connection::new(Arc::clone(&accepted.watch)));
                    connections.borrow_mut().push(Rc::downgrade(&connection));
                    tasks.spawn_local(serve_connection(Rc::clone(&thread), connection, accepted));
                }
            }
            Some(result) = tasks.join_next(), if !tasks.is_empty() => {
                if let Err(error) = result {
                    tracing::error!(%error, "a connection ended in a panic");
                }
            }
            // No sweep without connections, so that an idle server sleeps.
            _ = sweep.tick(), if !connections.borrow().is_empty() => {
                let is_waited_for = thread.admission.is_waited_for() || thread.pool.is_exhausted();
                if is_waited_for || swept.elapsed() >= SWEEP {
                    swept = Instant::now();
                    let stall = if is_waited_for { QUICK_SWEEP } else { SWEEP };
                    look_after(&mut connections.borrow_mut(), stall, thread.shared.metrics.counts());
                    if peak.has_passed(connections.borrow().len()) {
                        memory::give_back(&thread.pool, &thread.chunks);
                    }
                }
            }
            changed = stage.changed() => {
                sockets.close();
                let stage = *stage.borrow_and_update();
                thread.giving_up.set(stage >= Stage::GivingUp);
                if changed.is_err() || stage == Stage::Cutting {
                    break;
                }
            }
        }
        if *stage.borrow() >= Stage::Draining && tasks.is_empty() && sockets.is_empty() {
            break;
        }
    }
    tasks.shutdown().await;
    helper.abort();
    drop(sockets);
    wait_for_reads(&thread.pool).await
}

/// Waits for abandoned reads. They still hold their blocks, so the runtime must outlive them.
async fn wait_for_reads(pool: &Pool) -> Ended {
    const STEP: Duration = Duration::from_millis(2);
    // Measured by the clock, because each sleep may take longer than `STEP`.
    let until = Instant::now() + READS_TIME;
    while pool.in_use() > 0 && Instant::now() < until {
        tokio::time::sleep(STEP).await;
    }
    match pool.in_use() {
        0 => Ended::Clean,
        reads => Ended::ReadsPending(reads),
    }
}
