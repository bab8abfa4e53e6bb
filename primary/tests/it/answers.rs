//! An answer's body on its way through hyper.

use backscroll_shared::conn::{Watch, Watched, WatchedBody};
use bytes::Bytes;
use http_body::{Body, Frame};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Data, then a wait, then a failure that is there by the time hyper asks a second time,
/// as where another thread reports it.
struct FailsBetweenTwoPolls(u8);

impl Body for FailsBetweenTwoPolls {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0 += 1;
        match self.0 {
            1 => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"line\n"))))),
            2 => Poll::Pending,
            _ => Poll::Ready(Some(Err(std::io::Error::other("broken off")))),
        }
    }
}

#[tokio::test]
async fn an_answer_that_fails_while_it_is_flushed_is_cut_and_does_not_hang() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let watch = Watch::new();
        let io = TokioIo::new(Watched::new(stream, watch.clone()));
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let answer =
                WatchedBody::new(FailsBetweenTwoPolls(0), request.version(), request.method(), watch.clone());
            async { Ok::<_, Infallible>(hyper::Response::new(answer)) }
        });
        http1::Builder::new().serve_connection(io, service).await
    });
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut got = Vec::new();
    let read = client.read_to_end(&mut got);
    tokio::time::timeout(Duration::from_secs(10), read).await.expect("the answer hangs").unwrap();
    assert!(got.ends_with(b"line\n\r\n"), "what came before is delivered, and no last chunk");
    assert!(server.await.unwrap().is_err());
}
