//! One thread and its connections.

use super::app::App;
use super::connection;
use super::router::router;
use backscroll_shared::conn::{Watch, refuse};
use backscroll_shared::limits;
use backscroll_shared::memory::{self, Peak};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often a thread looks for connections that have used up their time.
const SWEEP_TIME: Duration = Duration::from_secs(1);

/// A connection that was accepted.
#[derive(Debug)]
pub struct Work {
    /// Its socket, which is not registered with a runtime.
    pub stream: std::net::TcpStream,
    /// Keeps its time limits.
    pub watch: Arc<Watch>,
    /// Counts it.
    pub counted: Counted,
}

/// Counts one connection of a thread, until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// Counts one more connection of `worker`.
    pub fn new(worker: &Worker) -> Counted {
        worker.load.fetch_add(1, Relaxed);
        Counted(Arc::clone(&worker.load))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

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
    /// Starts the `index`th thread, which has at most `most` connections.
    pub fn start(
        index: usize,
        app: Arc<App>,
        most: usize,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Worker> {
        let (queue, work) = mpsc::channel(most.max(1));
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name(format!("primary-{index}")).spawn(move || {
            // Dropped when the thread ends, however it ends.
            let _end: oneshot::Sender<()> = end;
            runtime.block_on(serve(app, work, stopping));
            // Does not wait for names that are being looked up.
            runtime.shutdown_background();
        })?;
        Ok(Worker { queue, load: Arc::default(), ended, thread })
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

async fn serve(app: Arc<App>, mut work: mpsc::Receiver<Work>, mut stopping: watch::Receiver<bool>) {
    let router = router(app);
    let mut open = Open::default();
    let mut peak = Peak::default();
    let mut sweep = interval(SWEEP_TIME);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // The result holds a lock, so it is dropped here.
            () = async { drop(stopping.wait_for(|stop| *stop).await) } => break,
            Some(done) = open.tasks.join_next_with_id() => open.closed(done),
            _ = sweep.tick() => {
                open.cut_overdue();
                if peak.has_passed(open.watched.len()) {
                    memory::give_back(|| ());
                }
            }
            given = work.recv() => match given {
                Some(Work { stream, watch, counted }) => match TcpStream::from_std(stream) {
                    Ok(stream) => {
                        let served = connection::serve(stream, router.clone(), watch.clone(), stopping.clone());
                        open.add(watch, counted, served);
                    }
                    Err(error) => tracing::error!(%error, "a socket could not be taken"),
                },
                None => break,
            },
        }
    }
    // Connections that were handed over and have not begun get an answer that says so.
    work.close();
    while let Some(Work { stream, .. }) = work.recv().await {
        if let Ok(stream) = TcpStream::from_std(stream) {
            open.tasks.spawn(refuse(stream, None));
        }
    }
    let drained = async { while open.tasks.join_next().await.is_some() {} };
    if timeout(limits::DRAIN_TIME, drained).await.is_err() {
        tracing::warn!(connections = open.tasks.len(), "answers in flight are cut");
        open.tasks.shutdown().await;
    }
}

/// The open connections.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    watched: HashMap<Id, (Arc<Watch>, AbortHandle)>,
}

impl Open {
    fn add(
        &mut self,
        watch: Arc<Watch>,
        counted: Counted,
        served: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(async move {
            let _counted = counted;
            served.await;
        });
        self.watched.insert(handle.id(), (watch, handle));
    }

    fn closed(&mut self, done: Result<(Id, ()), JoinError>) {
        let id = match done {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "a connection's task panicked");
                }
                error.id()
            }
        };
        self.watched.remove(&id);
    }

    fn cut_overdue(&self) {
        for (watch, handle) in self.watched.values() {
            if let Some(why) = watch.overdue() {
                watch.log_cut(why, None);
                handle.abort();
            }
        }
    }
}
