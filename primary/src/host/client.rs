//! The HTTP client of the secondaries, over connections whose reads are paced.
//!
//! hyper reads what a host sends into a buffer that doubles for as long as reads fill it, for
//! each connection, and a client that hardly reads stops it only then. So the size of a read
//! is limited here: reads are small until the client has taken some of its answer, and then
//! large for a few answers at a time. Over TLS a read is at most one record, which is 16 KiB.

use backscroll_shared::tls::{ClientStream, ClientTls};
use bytes::Bytes;
use http::Uri;
use http::uri::Scheme;
use http_body_util::Full;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf, Take};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tower_service::Service;

/// How long a connection is kept for the next request to the same host. A secondary keeps it for
/// longer, so it is not closed while a request is sent.
const POOL_IDLE_TIME: Duration = Duration::from_secs(5);

/// Keep-alive of TCP: a probe is sent after this time without a byte, and again after each further
/// such time. After `KEEP_ALIVE_PROBES` without an answer the connection is closed.
const KEEP_ALIVE_TIME: Duration = Duration::from_secs(15);
const KEEP_ALIVE_PROBES: u32 = 3;

/// Bytes of a read at first: one less than the first size of hyper's buffer, which grows only if a
/// read fills it.
const SLOW_BYTES: usize = (8 << 10) - 1;

/// Bytes of a read, and of hyper's buffer, at most.
const QUICK_BYTES: usize = 128 << 10;

/// Bytes of an answer after which its client counts as one that reads: more than fits into the
/// buffers of sockets.
const QUICK_FROM: usize = 1 << 20;

/// An HTTP client. It keeps connections for the next request.
pub(crate) type Client = legacy::Client<Connector, Full<Bytes>>;

/// A client that follows no redirect and uses no proxy, so that it connects to hosts of the fleet
/// alone. A host has the time `connect` to accept a connection, and to shake hands where its URL
/// says `https`.
pub(crate) fn client(connect: Duration, tls: Option<ClientTls>) -> Client {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_keepalive(Some(KEEP_ALIVE_TIME));
    http.set_keepalive_interval(Some(KEEP_ALIVE_TIME));
    http.set_keepalive_retries(Some(KEEP_ALIVE_PROBES));
    legacy::Client::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE_TIME)
        .pool_timer(TokioTimer::new())
        .http1_max_buf_size(QUICK_BYTES)
        .build(Connector { http, tls, time: connect })
}

/// Whether the connection was not accepted in time.
pub(crate) fn is_timeout(error: &legacy::Error) -> bool {
    let io_error = |error: &(dyn Error + 'static)| Some(error.downcast_ref::<io::Error>()?.kind());
    std::iter::successors(error.source(), |error| (*error).source())
        .any(|error| io_error(error) == Some(io::ErrorKind::TimedOut))
}

/// Makes connections.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    http: HttpConnector,
    /// For URLs with `https`. There are none without it.
    tls: Option<ClientTls>,
    time: Duration,
}

/// A URL says `https`, and no authority is known whose certificates are believed.
#[derive(Debug, thiserror::Error)]
#[error("no --secondary-ca is given, which an https URL needs")]
pub(super) struct NoAuthority;

type Connecting = Pin<Box<dyn Future<Output = Result<TokioIo<Paced>, Box<dyn Error + Send + Sync>>> + Send>>;

impl Service<Uri> for Connector {
    type Response = TokioIo<Paced>;
    type Error = Box<dyn Error + Send + Sync>;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Connecting {
        let tls = (url.scheme() == Some(&Scheme::HTTPS)).then(|| self.tls.clone().ok_or(NoAuthority));
        let host = tls.is_some().then(|| url.host().unwrap_or_default().to_owned());
        let connecting = self.http.call(url);
        let connecting = async {
            let stream = connecting.await?.into_inner();
            Ok::<_, Self::Error>(match tls {
                None => Transport::Plain(stream),
                Some(tls) => {
                    let host = host.unwrap_or_default();
                    Transport::Tls(Box::new(tls?.connect(stream, &host).await?))
                }
            })
        };
        let connecting = timeout(self.time, connecting);
        Box::pin(async {
            let connected = connecting.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?;
            Ok(TokioIo::new(Paced::new(connected?)))
        })
    }
}

/// What a connection is made of.
#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<ClientStream>),
}

impl Transport {
    fn socket(&self) -> &TcpStream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.get_ref().0,
        }
    }
}

/// Calls a method of the stream, whichever it is.
macro_rules! on_stream {
    ($transport:expr, $stream:ident => $call:expr) => {
        match $transport.get_mut() {
            Transport::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Transport::Tls(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_stream!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_stream!(self, stream => stream.poll_shutdown(cx))
    }
}

/// How many bytes of a connection are read at once.
#[derive(Debug, Clone)]
pub(super) struct Pace(Arc<AtomicUsize>);

/// A connection that is read at a pace.
#[derive(Debug)]
pub(crate) struct Paced {
    stream: Take<Transport>,
    pace: Pace,
}

impl Paced {
    fn new(stream: Transport) -> Paced {
        Paced { stream: stream.take(0), pace: Pace(Arc::new(AtomicUsize::new(SLOW_BYTES))) }
    }
}

impl Connection for Paced {
    fn connected(&self) -> Connected {
        self.stream.get_ref().socket().connected().extra(self.pace.clone())
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let most = self.pace.0.load(Relaxed);
        self.stream.set_limit(most as u64);
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(self.stream.get_mut()).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.get_ref().is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream.get_mut()).poll_shutdown(cx)
    }
}

/// How fast one answer is read: in large reads once its client has taken some of it, if few other
/// answers are. The reads of the connection are small again when the answer has ended.
#[derive(Debug)]
pub(super) struct Pacing {
    pace: Pace,
    taken: usize,
    permits: Arc<Semaphore>,
    quick: Option<OwnedSemaphorePermit>,
}

impl Pacing {
    /// For an answer with these extensions; None where its connection has no pace.
    pub(super) fn of(extensions: &http::Extensions, permits: &Arc<Semaphore>) -> Option<Pacing> {
        let pace = extensions.get::<Pace>()?.clone();
        Some(Pacing { pace, taken: 0, permits: Arc::clone(permits), quick: None })
    }

    /// Counts bytes that the client has taken.
    pub(super) fn took(&mut self, bytes: usize) {
        if self.quick.is_some() {
            return;
        }
        self.taken += bytes;
        if self.taken >= QUICK_FROM {
            // If there is no permit, it tries again after another `QUICK_FROM` bytes.
            self.taken = 0;
            self.quick = Arc::clone(&self.permits).try_acquire_owned().ok();
            if self.quick.is_some() {
                self.pace.0.store(QUICK_BYTES, Relaxed);
            }
        }
    }
}

impl Drop for Pacing {
    fn drop(&mut self) {
        self.pace.0.store(SLOW_BYTES, Relaxed);
    }
}
