//! How answers are sent, and what their peer sees when the connection is then dropped.

use super::*;
use bytes::Bytes;
use http::{Method, Version};
use http_body::{Body as _, Frame};
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that takes everything, and records whether it was reset.
struct Fake(Arc<AtomicBool>);

impl Socket for Fake {
    fn reset_on_close(&self, reset: bool) {
        self.0.store(reset, SeqCst);
    }

    fn error(&self) -> Option<io::Error> {
        None
    }
}

impl AsyncRead for Fake {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

impl AsyncWrite for Fake {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A body of one chunk whose length is not known beforehand.
struct OnePiece(Option<Bytes>);

impl http_body::Body for OnePiece {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn where_the_health_port_is_crowded_each_connection_ends_with_its_answer() {
    let mut connections = Connections::of_health_port();
    let mut held = Vec::new();
    for open in 0..HEALTH_PORT_CONNECTIONS {
        assert_eq!(held.iter().any(|watch: &Arc<Watch>| watch.ends_with_its_answer()), open > 16);
        let watch = connections.admit(Peer::Unknown, || open).await.unwrap();
        watch.request_began("/healthz");
        held.push(watch);
    }
    assert!(held.iter().all(|watch| watch.ends_with_its_answer()));
    assert!(connections.admit(Peer::Unknown, || HEALTH_PORT_CONNECTIONS).await.is_none());
    // One ends with its answer, and the next has its place.
    drop(held.pop());
    assert!(connections.admit(Peer::Unknown, || HEALTH_PORT_CONNECTIONS).await.is_some());
}

/// Plays an answer to a client of this version, and drops the connection, before or after
/// everything has been written, and before or after the body has ended.
fn was_reset(version: Version, ended: bool, flushed: bool) -> bool {
    let reset = Arc::new(AtomicBool::new(false));
    let watch = Watch::new();
    let mut stream = Watched::new(Fake(Arc::clone(&reset)), Arc::clone(&watch));
    watch.request_began("/logs");
    let mut answer =
        WatchedBody::new(OnePiece(Some(Bytes::from_static(b"line\n"))), version, &Method::GET, watch);
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut answer).poll_frame(cx).is_ready());
    assert!(Pin::new(&mut stream).poll_write(cx, b"line\n").is_ready());
    if ended {
        assert!(matches!(Pin::new(&mut answer).poll_frame(cx), Poll::Ready(None)));
    }
    drop(answer);
    if flushed {
        assert!(Pin::new(&mut stream).poll_flush(cx).is_ready());
    }
    drop(stream);
    reset.load(SeqCst)
}

#[test]
fn an_answer_that_ends_by_closing_is_reset_unless_all_of_it_was_written() {
    assert!(!was_reset(Version::HTTP_10, true, true));
    assert!(was_reset(Version::HTTP_10, true, false), "its last bytes were never written");
    assert!(was_reset(Version::HTTP_10, false, true), "its body was broken off");
    assert!(was_reset(Version::HTTP_10, false, false));
    assert!(!was_reset(Version::HTTP_11, false, false), "the missing last chunk says it");
}

#[test]
fn a_process_that_is_killed_while_it_answers_looks_like_one_that_failed() {
    let reset = Arc::new(AtomicBool::new(false));
    let watch = Watch::new();
    let mut stream = Watched::new(Fake(Arc::clone(&reset)), Arc::clone(&watch));
    watch.request_began("/logs");
    let _answer = WatchedBody::new(OnePiece(None), Version::HTTP_10, &Method::GET, watch);
    let cx = &mut Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(&mut stream).poll_write(cx, b"HTTP/1.0 200 OK").is_ready());
    assert!(reset.load(SeqCst), "the kernel is told before the first byte: no destructor runs");
}

#[test]
fn a_connection_is_idle_only_once_its_answer_has_left() {
    let watch = Watch::new();
    watch.request_began("/logs");
    let answer = WatchedBody::new(OnePiece(None), Version::HTTP_11, &Method::GET, Arc::clone(&watch));
    drop(answer);
    assert_eq!(watch.phase.load(Relaxed), LEAVING_BROKEN);
    watch.written();
    assert_eq!(watch.phase.load(Relaxed), IDLE);
    // The next request of a pipeline begins before the answer to the last one has been sent.
    watch.enter(LEAVING_WHOLE);
    watch.request_began("/logs");
    watch.written();
    assert_eq!(watch.phase.load(Relaxed), BUSY);
}

#[test]
fn the_log_says_whose_answer_was_cut_and_why_and_nothing_of_what_was_asked() {
    #[derive(Clone, Default)]
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let log = Log::default();
    let into = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || into.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, || {
        let watch = Watch::of(Peer::Tcp("10.0.0.7:4711".parse().unwrap()), Place::Ordinary);
        watch.request_began("/logs");
        assert!(watch.cut(Overdue::Stalled, Some("app.log")));
        assert!(!watch.cut(Overdue::Stalled, Some("app.log")), "it is cut already");
        let watch = Watch::of(Peer::Unknown, Place::Ordinary);
        watch.request_began("/secret");
        watch.cut(Overdue::Stalled, None);
        Watch::of(Peer::Unknown, Place::Ordinary).cut(Overdue::Idle, None);
    });
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    for words in
        ["WARN", "client=10.0.0.7:4711", "endpoint=\"/logs\"", "file=\"app.log\"", "not read for 120 s"]
    {
        assert!(lines[0].contains(words), "{words}: {text}");
    }
    assert!(lines[1].contains("endpoint=\"other\"") && !lines[1].contains("secret"), "{text}");
}

#[test]
fn a_connection_that_never_waited_for_its_first_request_can_be_told_to_make_room() {
    struct Told(AtomicBool);

    impl std::task::Wake for Told {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }

    let watch = Watch::new();
    let mut stream = Watched::new(Fake(Arc::default()), Arc::clone(&watch));
    let told = Arc::new(Told(AtomicBool::new(false)));
    let waker = Arc::clone(&told).into();
    let cx = &mut Context::from_waker(&waker);
    let mut bytes = [0; 16];
    let mut read = |cx: &mut Context<'_>| Pin::new(&mut stream).poll_read(cx, &mut ReadBuf::new(&mut bytes));
    // The request was there at once. hyper reads further only while it is answered.
    watch.request_began("/logs");
    assert!(read(cx).is_pending());
    assert!(watch.evictable().is_none());
    watch.enter(LEAVING_WHOLE);
    watch.written();
    assert!(watch.evictable().is_some());
    watch.evict();
    assert!(told.0.load(SeqCst), "it is polled again");
    assert!(read(cx).is_ready(), "and that is the end");
}
