//! One ring thread: serves its connections, from each accepted socket to the drain.

use super::fair::Fair;
use super::routes;
use super::state::{Accepted, Connection, Inlet, RingThread, Shared, Stage};
use crate::answer::chunks::Chunks;
use crate::memory;
use crate::read::block::Pool;
use crate::read::crew::help_others;
use crate::read::{Ended, Engine};
use backscroll_shared::conn::{Watched, WatchedBody};
use backscroll_shared::limits;
use backscroll_shared::memory::Peak;
use backscroll_shared::wire::headers;
use futures_util::future::{Either, select};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// How often a thread checks its connections: which ones to cut, and which clients do not read and
/// have to give blocks back.
const SWEEP: Duration = Duration::from_millis(250);

/// The same, while requests wait for blocks or permits that answers to such clients may hold.
const QUICK_SWEEP: Duration = Duration::from_millis(50);

/// How long to wait for the kernel to finish reads whose requests are gone.
const READS_TIME: Duration = Duration::from_secs(2);

/// Serves the connections of the inlet until the drain is over and no read is under way.
pub(crate) async fn serve<E: Engine + Unpin>(engine: E, shared: Arc<Shared>, inlet: Inlet) -> Ended {
    let Inlet { index, mut sockets, batches, admission } = inlet;
    let pool = Pool::new(shared.config.blocks);
    let chunks = Chunks::default();
    let thread =
        Rc::new(RingThread { engine, shared, pool, index, admission, chunks, giving_up: Rc::default() });
    let helper = tokio::task::spawn_local(help_others(engine, batches));
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
                    look_after(&mut connections.borrow_mut(), stall);
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

/// Checks all connections, and forgets those that are gone.
fn look_after(connections: &mut Vec<Weak<Connection>>, stall: Duration) {
    connections.retain(|connection| {
        let Some(connection) = connection.upgrade() else { return false };
        connection.look_after(stall);
        true
    });
}

async fn serve_connection<E: Engine + Unpin>(
    thread: Rc<RingThread<E>>,
    connection: Rc<Connection>,
    accepted: Accepted,
) {
    let Accepted { socket, permit: _permit, .. } = accepted;
    let socket = match TcpStream::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::warn!(%error, "a socket could not be taken over"),
    };
    let mut stage = thread.shared.stage.clone();
    let watched = Watched::new(socket, Arc::clone(&connection.watch)).of_instance(thread.shared.instance);
    let io = TokioIo::new(watched);
    let service = service_fn(|request: Request<Incoming>| {
        connection.watch.request_began(request.uri().path());
        if request.headers().contains_key(headers::RELAY) {
            connection.watch.peer_leaves_at_once();
        }
        let (thread, connection) = (Rc::clone(&thread), Rc::clone(&connection));
        async move {
            let (version, method) = (request.version(), request.method().clone());
            let response = routes::answer(&thread, &connection, request).await;
            let watch = Arc::clone(&connection.watch);
            Ok::<_, Infallible>(response.map(|body| WatchedBody::new(body, version, &method, watch)))
        }
    });
    let http = http1::Builder::new()
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .header_read_timeout(None)
        .serve_connection(io, service);
    let mut http = pin!(Fair::new(http, thread.engine));
    let drained = async { stage.wait_for(|stage| *stage >= Stage::Draining).await.map(|_| ()) };
    let cut = pin!(connection.cut.notified());
    let graceful = async {
        if let Either::Right((_, _)) = select(http.as_mut(), pin!(drained)).await {
            http.as_mut().get_mut().inner().graceful_shutdown();
            let _ = http.as_mut().await;
        }
    };
    select(pin!(graceful), cut).await;
}
