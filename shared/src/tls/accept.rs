//! The handshake with a client.
//!
//! It is a part of the head of the first request: the same time limit cuts it, and it makes room
//! for others like a connection that sends no request. Its arithmetic takes longer than anything
//! else that a thread does without a pause, so the handshakes of a thread take turns: before each
//! step of one of them, everything else that is due runs. A handshake that waits for its
//! client has no turn and takes none.

use super::{BUFFER_BYTES, HANDSHAKE, ServerStream, ServerTls, dns_names};
use crate::conn::{Watch, linger, refuse, tell};
use crate::listen::Stream;
use crate::wire::instance::Instance;
use crate::wire::problem::{Code, Problem};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// How long a client for which there is no room may take to shake hands.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Shakes hands with the clients of one thread.
#[derive(Debug)]
pub struct Acceptor {
    tls: ServerTls,
    turn: Semaphore,
}

impl Acceptor {
    /// Shakes hands with the clients of a thread of its own.
    pub fn new(tls: ServerTls) -> Acceptor {
        Acceptor { tls, turn: Semaphore::new(1) }
    }

    /// Shakes hands, and notes in the watch which names the client's certificate has. `None` if that
    /// failed, or if the connection had to make room; it is closed then. `pause` lets everything
    /// else run that is due on this thread.
    pub async fn accept<F: Future<Output = ()>>(
        &self,
        stream: TcpStream,
        watch: &Watch,
        pause: impl Fn() -> F,
    ) -> Option<ServerStream> {
        watch.handshake_began();
        let mut handshake = pin!(self.handshake(stream, pause));
        let stream = poll_fn(|cx| {
            if watch.poll_evicted(cx).is_ready() {
                return Poll::Ready(None);
            }
            handshake.as_mut().poll(cx)
        });
        let stream = stream.await?;
        if let Some([certificate, ..]) = stream.get_ref().1.peer_certificates() {
            watch.identify(dns_names(certificate).into());
        }
        watch.handshake_ended();
        Some(stream)
    }

    /// Tells a client that there are too many connections, and closes. A secondary passes its
    /// `instance`.
    pub async fn refuse<F: Future<Output = ()>>(
        self: Arc<Acceptor>,
        stream: Stream,
        instance: Option<Instance>,
        pause: impl Fn() -> F,
    ) {
        // A socket that cannot be registered is closed without a word.
        let Stream::Tcp(stream) = stream else { return stream.refuse(instance).await };
        let Ok(stream) = TcpStream::from_std(stream) else { return };
        if let Ok(Some(stream)) = timeout(REFUSAL_TIME, self.handshake(stream, pause)).await {
            refuse(stream, instance).await;
        }
    }

    async fn handshake<F: Future<Output = ()>>(
        &self,
        stream: TcpStream,
        pause: impl Fn() -> F,
    ) -> Option<ServerStream> {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(0) | Err(_) => return None,
            Ok(_) if first[0] != HANDSHAKE => {
                tell_plain(stream).await;
                return None;
            }
            Ok(_) => {}
        }
        let acceptor = TlsAcceptor::from(self.tls.now());
        let accept = acceptor.accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER_BYTES)));
        let mut accept = accept.into_fallible();
        loop {
            // It is never closed.
            let turn = self.turn.acquire().await;
            pause().await;
            // Nothing is awaited between this poll and `woken`: a wake in between would be lost.
            let step = poll_fn(|cx| Poll::Ready(Pin::new(&mut accept).poll(cx))).await;
            drop(turn);
            match step {
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err((error, stream))) => {
                    log_failure(&error, &stream);
                    // The client is to read the alert, which a reset would take away.
                    linger(stream).await;
                    return None;
                }
                Poll::Pending => woken().await,
            }
        }
    }
}

/// Ready when the task is woken. What woke it is what was waited for before this, or is of no
/// account: the caller looks again.
async fn woken() {
    let mut is_first = true;
    poll_fn(|_| if std::mem::take(&mut is_first) { Poll::Pending } else { Poll::Ready(()) }).await;
}

/// Answers a plain request.
async fn tell_plain(stream: TcpStream) {
    let problem = Problem::new(Code::BadRequest, super::SPEAKS_TLS);
    tell(stream, problem, None).await;
}

/// A handshake that fails is reported, because nothing else says why a client gets no answer.
/// Strangers can make it fail as often as they like, so a line comes once a second at most.
fn log_failure(error: &io::Error, stream: &TcpStream) {
    static LAST_S: AtomicU64 = AtomicU64::new(0);
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let client = stream.peer_addr().ok().map(tracing::field::display);
    if error.kind() == io::ErrorKind::InvalidData && LAST_S.swap(now_s, Relaxed) != now_s {
        tracing::warn!(client, %error, "a TLS handshake failed");
    } else {
        tracing::debug!(client, %error, "a TLS handshake failed");
    }
}
