//! One thread and its connections.

use super::app::App;
use super::open::{Open, SWEEP_TIME};
use super::router::router;
use super::work::Work;
use backscroll_shared::limits;
use backscroll_shared::listen::Stream;
use backscroll_shared::memory::{self, Peak};
use backscroll_shared::service_manager::Beat;
use backscroll_shared::tls::{Acceptor, ServerTls};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// The thread panicked.
#[derive(Debug, thiserror::Error)]
#[error("a thread of the server panicked")]
pub struct Panicked;

/// A thread that serves connections.
#[derive(Debug)]
pub struct Worker {
    queue: mpsc::Sender<Work>,
    load: Arc<AtomicUsize>,
    ended: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl Worker {
    /// Starts the `index`th thread, which has at most `most` connections, over `tls` if there is any. It
    /// answers the watchdog with `beat`.
    pub fn start(
        index: usize,
        app: Arc<App>,
        most: usize,
        tls: Option<ServerTls>,
        stopping: watch::Receiver<bool>,
        beat: Option<Beat>,
    ) -> io::Result<Worker> {
        let (queue, work) = mpsc::channel(most.max(1));
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("primary-{index}")).spawn(move || {
            // Dropped when the thread ends, however it ends.
            let _end: oneshot::Sender<()> = end;
            runtime.block_on(async {
                if let Some(beat) = beat {
                    tokio::spawn(beat.answer());
                }
                serve(app, work, tls, stopping).await;
            });
            // Does not wait for names that are being looked up.
            runtime.shutdown_background();
        })?;
        Ok(Worker { queue, load: Arc::default(), ended, thread })
    }

    /// What counts its connections.
    pub fn load_count(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.load)
    }

    /// How many connections it has.
    pub fn load(&self) -> usize {
        self.load.load(Relaxed)
    }

    /// Gives it a connection. False if the thread is gone. (Its queue has room for as many
    /// connections as there may be.)
    #[must_use]
    pub fn give(&self, work: Work) -> bool {
        self.queue.try_send(work).is_ok()
    }

    /// Waits for the end of the thread, which has got the order to stop.
    pub async fn ended(self) -> Result<(), Panicked> {
        drop(self.queue);
        // Nothing is ever sent: the thread has ended when the sender is gone.
        let _ = self.ended.await;
        // So this does not block for long.
        self.thread.join().map_err(|_| Panicked)
    }
}

async fn serve(
    app: Arc<App>,
    mut work: mpsc::Receiver<Work>,
    tls: Option<ServerTls>,
    mut stopping: watch::Receiver<bool>,
) {
    let shared = Arc::clone(&app.shared);
    let router = router(app);
    let acceptor = tls.map(|tls| Arc::new(Acceptor::new(tls)));
    let mut open = Open { acceptor, ..Open::default() };
    let mut peak = Peak::default();
    let mut sweep = interval(SWEEP_TIME);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // The result holds a lock, so it is dropped here.
            () = async { drop(stopping.wait_for(|stop| *stop).await) } => break,
            Some(done) = open.tasks.join_next_with_id() => open.closed(done),
            _ = sweep.tick() => {
                open.cut_overdue(shared.metrics.counts());
                if peak.has_passed(open.watched.len()) {
                    memory::give_back(|| ());
                }
            }
            given = work.recv() => match given {
                Some(work) => {
                    if let Err(error) = open.begin(work, &router, &shared, &stopping) {
                        tracing::error!(%error, "a socket could not be taken");
                    }
                }
                None => break,
            },
        }
    }
    // Connections that were handed over and have not begun get an answer that says so.
    work.close();
    while let Some(Work { stream, .. }) = work.recv().await {
        open.tasks.spawn(refuse(stream, open.acceptor.clone()));
    }
    let drained = async { while open.tasks.join_next().await.is_some() {} };
    if timeout(limits::DRAIN_TIME, drained).await.is_err() {
        tracing::warn!(connections = open.tasks.len(), "answers in flight are cut");
        open.tasks.shutdown().await;
    }
}

/// Tells a client that there is no room.
pub async fn refuse(stream: Stream, acceptor: Option<Arc<Acceptor>>) {
    #[expect(clippy::disallowed_methods, reason = "the primary's threads have no ring")]
    let pause = tokio::task::yield_now;
    match acceptor {
        None => stream.refuse(None).await,
        Some(acceptor) => acceptor.refuse(stream, None, pause).await,
    }
}
