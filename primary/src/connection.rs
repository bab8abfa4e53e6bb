//! One connection of a client, from its first byte to its end.

use axum::Router;
use axum::extract::Request;
use backscroll_shared::conn::{Answer, Watch, Watched};
use backscroll_shared::limits;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

/// Serves a connection until its client closes it, or until the request in flight has been
/// answered once `stopping` turns true.
pub async fn serve(stream: TcpStream, app: Router, watch: Arc<Watch>, mut stopping: watch::Receiver<bool>) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "connection without TCP_NODELAY");
    }
    let io = TokioIo::new(Watched::new(stream, watch.clone()));
    let routes = TowerToHyperService::new(app);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        watch.request_began();
        let (version, method) = (request.version(), request.method().clone());
        let watch = watch.clone();
        let answered = routes.call(Request::from(request));
        async move {
            let answer = answered.await?;
            Ok::<_, std::convert::Infallible>(answer.map(|body| Answer::new(body, version, &method, watch)))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The watch has the time limits; hyper's own would be a timer for each request.
        .header_read_timeout(None)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        // Its result holds a lock, and is dropped here.
        () = async { drop(stopping.wait_for(|stop| *stop).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients that leave, and answers that were cut, whose cause is in the log already.
        tracing::debug!(%error, "connection ended");
    }
}

/// How long a client that is refused may take to read why.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Tells a client that there are too many, and closes.
pub async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(&refusal()).await?;
        stream.shutdown().await?;
        // Until the client has closed: closing on what it sent would reset the connection,
        // and take the answer away.
        let mut sink = [0; 1024];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    // It was told, or it was not: either way it is gone.
    let _ = timeout(REFUSAL_TIME, told).await;
}

fn refusal() -> Vec<u8> {
    let problem =
        Problem::new(Code::Overloaded, "too many connections at once: try again in a moment".to_owned());
    let (head, body) = problem.into_response::<Bytes>().into_parts();
    let mut out =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status, body.len())
            .into_bytes();
    for (name, value) in &head.headers {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body);
    out
}
