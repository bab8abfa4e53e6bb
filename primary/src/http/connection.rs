//! One connection of a client, from its first byte to its end.

use super::app::Shared;
use crate::answer::EndsBy;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use backscroll_shared::conn::{Kept, Peer, Socket, Watch, Watched, WatchedBody, told_by_closing};
use backscroll_shared::limits;
use backscroll_shared::tls::Acceptor;
use backscroll_shared::wire::problem::Problem;
use http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Marks a request that came over a Unix socket, where the server looks at the names by which it is
/// called.
#[derive(Debug, Clone, Copy)]
pub struct BySocket;

/// The same for a connection that begins with a TLS handshake.
pub async fn serve_over_tls(
    acceptor: Arc<Acceptor>,
    stream: TcpStream,
    app: Router,
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    mut stopping: watch::Receiver<bool>,
) {
    #[expect(clippy::disallowed_methods, reason = "the primary's threads have no ring")]
    let pause = tokio::task::yield_now;
    let secured = tokio::select! {
        secured = acceptor.accept(stream, &watch, pause) => secured,
        // The result holds a lock, so it is dropped here.
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => None,
    };
    if let Some(stream) = secured {
        serve(stream, app, shared, watch, stopping).await;
    }
}

/// Serves a connection until its client closes it, or until the request in flight has been
/// answered once `stopping` turns true.
pub async fn serve<S: AsyncRead + AsyncWrite + Socket + Unpin + Send + 'static>(
    stream: S,
    app: Router,
    shared: Arc<Shared>,
    watch: Arc<Watch>,
    mut stopping: watch::Receiver<bool>,
) {
    let io = TokioIo::new(Watched::new(stream, watch.clone()));
    let routes = TowerToHyperService::new(app);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        watch.request_began(request.uri().path());
        let (version, method) = (request.version(), request.method().clone());
        let watch = watch.clone();
        let refused = watch.refused(request.uri().path());
        let mut request = Request::from(request);
        if shared.allowed_hosts.is_some() && *watch.peer() == Peer::Unix {
            request.extensions_mut().insert(BySocket);
        }
        let ending = shared.access.begin(&mut request, &watch);
        let answered = refused.is_none().then(|| routes.call(request));
        async move {
            let mut answer = match (refused, answered) {
                (None, Some(answered)) => answered.await?,
                (refused, _) => refused.map_or_else(Response::default, Problem::into_response::<Body>),
            };
            if let Some(problem) = told_by_closing(answer.body(), version, &method, watch.peer()) {
                answer = problem.into_response::<Body>();
            }
            if let Some(EndsBy(deadline)) = answer.extensions().get() {
                watch.answer_within(deadline.saturating_duration_since(Instant::now()));
            }
            if watch.ends_with_its_answer() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            ending.answered(&mut answer);
            let usage = answer.extensions_mut().remove();
            let kept = Kept { ending: Some(ending), usage };
            Ok::<_, std::convert::Infallible>(
                answer.map(|body| WatchedBody::new(body, version, &method, watch).keeping(kept)),
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watch keeps the time limits. Those of hyper would be a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // The result holds a lock, so it is dropped here.
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // The client has left, or the answer was cut, which the log says already.
        tracing::debug!(%error, "connection ended");
    }
}
