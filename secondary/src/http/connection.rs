//! One connection of a ring thread, from its socket to its end.

use super::fair::Fair;
use super::routes;
use super::state::{Accepted, Connection, RingThread, Stage};
use crate::read::Engine;
use backscroll_shared::conn::exchange::Ending;
use backscroll_shared::conn::{Kept, Socket, Watched, WatchedBody, endpoint, told_by_closing};
use backscroll_shared::limits;
use backscroll_shared::listen::Stream;
use backscroll_shared::metrics::Counts;
use backscroll_shared::wire::problem::Problem;
use futures_util::future::{Either, select};
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// How often a thread checks its connections: which ones to cut, and which clients do not read and
/// have to give blocks back.
pub(super) const SWEEP: Duration = Duration::from_millis(250);

/// Checks all connections, and forgets those that are gone.
pub(super) fn look_after(connections: &mut Vec<Weak<Connection>>, stall: Duration, counts: &Counts) {
    connections.retain(|connection| {
        let Some(connection) = connection.upgrade() else { return false };
        connection.look_after(stall, counts);
        true
    });
}

pub(super) async fn serve_connection<E: Engine + Unpin>(
    thread: Rc<RingThread<E>>,
    connection: Rc<Connection>,
    accepted: Accepted,
) {
    let Accepted { stream, permit: _permit, .. } = accepted;
    let lost = |error| tracing::warn!(%error, "a socket could not be taken over");
    match stream {
        Stream::Tcp(stream) => match TcpStream::from_std(stream) {
            // Boxed, so that a plain connection does not reserve the memory of a handshake.
            Ok(socket) if thread.acceptor.is_some() => {
                Box::pin(serve_tls(thread, connection, socket)).await;
            }
            Ok(socket) => serve_socket(thread, connection, socket).await,
            Err(error) => lost(error),
        },
        Stream::Unix(stream) => match UnixStream::from_std(stream) {
            Ok(socket) => serve_socket(thread, connection, socket).await,
            Err(error) => lost(error),
        },
    }
}

/// Ready when the connection is to end with the answer in flight, because the server stops.
fn drained<E: Engine>(thread: &RingThread<E>, connection: &Connection) -> impl Future<Output = ()> + use<E> {
    let mut stage = thread.shared.stage.clone();
    let is_of_health_port = connection.watch.is_of_health_port();
    async move {
        if is_of_health_port {
            return std::future::pending().await;
        }
        drop(stage.wait_for(|stage| *stage >= Stage::Draining).await);
    }
}

/// The same for a connection that begins with a TLS handshake.
async fn serve_tls<E: Engine + Unpin>(
    thread: Rc<RingThread<E>>,
    connection: Rc<Connection>,
    socket: TcpStream,
) {
    let Some(acceptor) = &thread.acceptor else { return };
    let drained = drained(&thread, &connection);
    let shaken = {
        let handshake = pin!(acceptor.accept(socket, &connection.watch, || thread.engine.pause()));
        let (drained, cut) = (pin!(drained), pin!(connection.cut.notified()));
        let over = pin!(select(drained, cut));
        match select(handshake, over).await {
            Either::Left((shaken, _)) => shaken,
            Either::Right(_) => None,
        }
    };
    if let Some(stream) = shaken {
        serve_socket(Rc::clone(&thread), connection, stream).await;
    }
}

async fn serve_socket<E: Engine + Unpin, S: AsyncRead + AsyncWrite + Socket + Unpin + 'static>(
    thread: Rc<RingThread<E>>,
    connection: Rc<Connection>,
    socket: S,
) {
    let drained = drained(&thread, &connection);
    let watched = Watched::new(socket, Arc::clone(&connection.watch)).of_instance(thread.shared.instance);
    let io = TokioIo::new(watched);
    let service = service_fn(|request: Request<Incoming>| {
        connection.watch.request_began(request.uri().path());
        let (thread, connection) = (Rc::clone(&thread), Rc::clone(&connection));
        async move {
            let (version, method) = (request.version(), request.method().clone());
            let address = connection.watch.peer().address();
            let endpoint = endpoint(request.uri().path());
            let ending = Ending::begin(&thread.shared.recorders, &request, endpoint, address);
            connection.set_exchange(ending.exchange());
            let response = routes::answer(&thread, &connection, request).await;
            let watch = Arc::clone(&connection.watch);
            let problem = told_by_closing(response.body(), version, &method, watch.peer());
            let mut response = problem.map_or(response, Problem::into_response);
            ending.answered(&mut response);
            let kept = Kept { ending: Some(ending), usage: None };
            Ok::<_, Infallible>(
                response.map(|body| WatchedBody::new(body, version, &method, watch).keeping(kept)),
            )
        }
    });
    let http = http1::Builder::new()
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .header_read_timeout(None)
        .serve_connection(io, service);
    let mut http = pin!(Fair::new(http, thread.engine));
    let cut = pin!(connection.cut.notified());
    let graceful = async {
        if let Either::Right(((), _)) = select(http.as_mut(), pin!(drained)).await {
            http.as_mut().get_mut().inner().graceful_shutdown();
            let _ = http.as_mut().await;
        }
    };
    select(pin!(graceful), cut).await;
}
