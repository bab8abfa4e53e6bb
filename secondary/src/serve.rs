//! One ring thread: its connections, from the socket it is handed to the drain.

use crate::catalog::Catalog;
use crate::config::Config;
use crate::fair::Fair;
use crate::files::Listing;
use crate::frame::Frames;
use crate::health::Looks;
use crate::memory;
use crate::read::admission::Admission;
use crate::read::block::Pool;
use crate::read::crew::{Crew, Run, help_others};
use crate::read::{Ended, Engine};
use crate::routes;
use crate::stream::{Context, Incomplete, LogStream};
use backscroll_shared::conn::{Answer, Watch, Watched};
use backscroll_shared::limits;
use backscroll_shared::memory::Peak;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::instance::Instance;
use bytes::Bytes;
use futures_util::future::{Either, select};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, Notify, mpsc, watch};
use tokio::task::JoinSet;

/// How often connections are looked at: whom to cut, whose blocks to take back.
const SWEEP: Duration = Duration::from_millis(250);

/// The same where somebody waits for what answers hold whose clients do not read.
const QUICK_SWEEP: Duration = Duration::from_millis(50);

/// How long the kernel may keep reads once their requests are gone.
const READS_TIME: Duration = Duration::from_secs(2);

/// How far the server has come in stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// Answers in flight end; nothing new is begun.
    Draining,
    /// Answers that are still in flight end as incomplete ones, and say so.
    Ending,
    /// What is left is cut.
    Cutting,
}

/// What all ring threads share.
pub(crate) struct Host {
    pub(crate) config: Config,
    /// Which secondary this is, told on every answer.
    pub(crate) instance: Instance,
    pub(crate) catalog: Catalog,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) crew: Arc<Crew>,
    /// Why threads read instead of io_uring, where the engine was not chosen by name.
    pub(crate) io_fallback: OnceLock<String>,
    /// What is wrong, but keeps nobody from being served.
    pub(crate) warnings: Vec<&'static str>,
    pub(crate) looks: Looks,
}

/// What all connections of one ring thread share.
pub(crate) struct RingThread<E: Engine> {
    pub(crate) engine: E,
    pub(crate) host: Arc<Host>,
    pub(crate) pool: Arc<Pool>,
    /// Its place in the crew.
    pub(crate) index: usize,
    pub(crate) admission: Arc<Admission>,
    pub(crate) frames: Frames,
    giving_up: Rc<Cell<bool>>,
}

/// What a ring thread gets from elsewhere.
pub(crate) struct Inlet {
    pub(crate) index: usize,
    pub(crate) sockets: mpsc::Receiver<Accepted>,
    pub(crate) runs: mpsc::Receiver<Run>,
    pub(crate) admission: Arc<Admission>,
}

impl<E: Engine> RingThread<E> {
    /// What an answer needs to know of the others.
    pub(crate) fn context(&self) -> Context<E> {
        Context {
            engine: self.engine,
            admission: Arc::clone(&self.admission),
            frames: self.frames.clone(),
            giving_up: Rc::clone(&self.giving_up),
        }
    }
}

/// A socket, and a place among the connections that are counted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) watch: Arc<Watch>,
    pub(crate) place: Place,
}

/// A place among the connections; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place(pub(crate) Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What the sweep knows of one connection.
pub(crate) struct Connection<E: Engine> {
    pub(crate) watch: Arc<Watch>,
    cut: Notify,
    /// The answer that is under way.
    pub(crate) stream: RefCell<Streaming<E>>,
}

/// What an answer holds while its client reads.
pub(crate) enum Streaming<E: Engine> {
    Nothing,
    Log(Weak<Mutex<LogStream<E>>>),
    Listing(Weak<Mutex<Listing<E>>>),
}

impl<E: Engine> Streaming<E> {
    /// The file that is asked for, where one is.
    fn file(&self) -> Option<String> {
        let Streaming::Log(stream) = self else { return None };
        let stream = stream.upgrade()?;
        let stream = stream.try_lock().ok()?;
        Some(stream.name().to_string())
    }

    /// Gives it back, because the client does not read.
    fn park(&self) {
        match self {
            Streaming::Nothing => {}
            Streaming::Log(stream) => {
                if let Some(stream) = stream.upgrade()
                    && let Ok(mut stream) = stream.try_lock()
                {
                    stream.park();
                }
            }
            Streaming::Listing(listing) => {
                if let Some(listing) = listing.upgrade()
                    && let Ok(mut listing) = listing.try_lock()
                {
                    listing.park();
                }
            }
        }
    }
}

/// Serves what the inlet brings until the drain is over and nothing is under way.
pub(crate) async fn serve<E: Engine + Unpin>(engine: E, host: Arc<Host>, inlet: Inlet) -> Ended {
    let Inlet { index, mut sockets, runs, admission } = inlet;
    let pool = Pool::new(host.config.blocks);
    let frames = Frames::default();
    let thread =
        Rc::new(RingThread { engine, host, pool, index, admission, frames, giving_up: Rc::default() });
    let helper = tokio::task::spawn_local(help_others(engine, runs));
    let mut stage = thread.host.stage.clone();
    let connections: RefCell<Vec<Weak<Connection<E>>>> = RefCell::default();
    let mut tasks = JoinSet::new();
    let mut peak = Peak::default();
    let mut swept = Instant::now();
    let mut sweep = tokio::time::interval(QUICK_SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = sockets.recv(), if !sockets.is_closed() || !sockets.is_empty() => {
                if let Some(accepted) = accepted {
                    let connection = Rc::new(Connection {
                        watch: Arc::clone(&accepted.watch),
                        cut: Notify::new(),
                        stream: RefCell::new(Streaming::Nothing),
                    });
                    connections.borrow_mut().push(Rc::downgrade(&connection));
                    tasks.spawn_local(serve_connection(Rc::clone(&thread), connection, accepted));
                }
            }
            Some(result) = tasks.join_next(), if !tasks.is_empty() => {
                if let Err(error) = result {
                    tracing::error!(%error, "a connection ended in a panic");
                }
            }
            // An idle server sleeps.
            _ = sweep.tick(), if !connections.borrow().is_empty() => {
                let is_waited_for = thread.admission.is_waited_for() || thread.pool.is_exhausted();
                if is_waited_for || swept.elapsed() >= SWEEP {
                    swept = Instant::now();
                    let stall = if is_waited_for { QUICK_SWEEP } else { SWEEP };
                    look_after(&mut connections.borrow_mut(), stall);
                    if peak.has_passed(connections.borrow().len()) {
                        memory::give_back(&thread.pool, &thread.frames);
                    }
                }
            }
            changed = stage.changed() => {
                sockets.close();
                let stage = *stage.borrow_and_update();
                thread.giving_up.set(stage >= Stage::Ending);
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

/// Abandoned reads still hold their blocks: the runtime must outlive them.
async fn wait_for_reads(pool: &Pool) -> Ended {
    const STEP: Duration = Duration::from_millis(2);
    // By the clock: a step takes longer than it says.
    let until = Instant::now() + READS_TIME;
    while pool.in_use() > 0 && Instant::now() < until {
        tokio::time::sleep(STEP).await;
    }
    match pool.in_use() {
        0 => Ended::Clean,
        reads => Ended::ReadsPending(reads),
    }
}

/// Cuts connections that are overdue, and takes back what is held for clients that have taken nothing
/// for `stall`.
fn look_after<E: Engine>(connections: &mut Vec<Weak<Connection<E>>>, stall: Duration) {
    connections.retain(|connection| {
        let Some(connection) = connection.upgrade() else { return false };
        if let Some(overdue) = connection.watch.overdue() {
            let file = connection.stream.borrow().file();
            connection.watch.log_cut(overdue, file.as_deref());
            connection.cut.notify_one();
        } else if connection.watch.stalled_for() >= stall {
            connection.stream.borrow().park();
        }
        true
    });
}

async fn serve_connection<E: Engine + Unpin>(
    thread: Rc<RingThread<E>>,
    connection: Rc<Connection<E>>,
    accepted: Accepted,
) {
    let Accepted { socket, place: _place, .. } = accepted;
    let socket = match TcpStream::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::warn!(%error, "a socket could not be taken over"),
    };
    let mut stage = thread.host.stage.clone();
    let watched = Watched::new(socket, Arc::clone(&connection.watch)).of_instance(thread.host.instance);
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
            Ok::<_, Infallible>(response.map(|body| Answer::new(body, version, &method, watch)))
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

/// What a body is made of.
pub(crate) enum AnswerBody {
    Whole(Option<Bytes>),
    Frames(Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, Incomplete>>>>),
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> AnswerBody {
        AnswerBody::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        match &mut *self {
            AnswerBody::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            AnswerBody::Frames(frames) => frames.as_mut().poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, AnswerBody::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64)),
            AnswerBody::Frames(_) => SizeHint::default(),
        }
    }
}
