//! One connection of a client, from its first byte to its end.

use crate::answer::EndsBy;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use backscroll_shared::conn::{Watch, Watched, WatchedBody, prepare};
use backscroll_shared::limits;
use backscroll_shared::wire::problem::Problem;
use http::{HeaderValue, header};
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// Serves a connection until its client closes it, or until the request in flight has been
/// answered once `stopping` turns true.
pub async fn serve(stream: TcpStream, app: Router, watch: Arc<Watch>, mut stopping: watch::Receiver<bool>) {
    if let Err(error) = prepare(&stream) {
        // The client may be gone already.
        tracing::debug!(%error, "a socket could not be prepared");
    }
    let io = TokioIo::new(Watched::new(stream, watch.clone()));
    let routes = TowerToHyperService::new(app);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        watch.request_began(request.uri().path());
        let (version, method) = (request.version(), request.method().clone());
        let watch = watch.clone();
        let refused = watch.refused(request.uri().path());
        let answered = refused.is_none().then(|| routes.call(Request::from(request)));
        async move {
            let mut answer = match (refused, answered) {
                (None, Some(answered)) => answered.await?,
                (refused, _) => refused.map_or_else(Response::default, Problem::into_response::<Body>),
            };
            if let Some(EndsBy(deadline)) = answer.extensions().get() {
                watch.answer_within(deadline.saturating_duration_since(Instant::now()));
            }
            if watch.ends_with_its_answer() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, std::convert::Infallible>(
                answer.map(|body| WatchedBody::new(body, version, &method, watch)),
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
