//! What all threads, a thread, and a connection know.

use crate::answer::Context;
use crate::answer::chunks::Chunks;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::read::Engine;
use crate::read::admission::Admission;
use crate::read::block::Pool;
use crate::read::crew::{Batch, Crew};
use crate::readiness::Readiness;
use backscroll_shared::conn::Watch;
use backscroll_shared::scan::BlockMatcher;
use backscroll_shared::wire::instance::Instance;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc, watch};

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
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// Which secondary this is, told on every answer.
    pub(crate) instance: Instance,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) crew: Arc<Crew<BlockMatcher>>,
    /// Why threads read instead of io_uring, where the engine was not chosen by name.
    pub(crate) io_fallback: OnceLock<String>,
    /// What is wrong, but keeps nobody from being served.
    pub(crate) warnings: Vec<&'static str>,
    /// Whether the log directories can be served.
    pub(crate) readiness: Arc<Readiness>,
}

/// What all connections of one ring thread share.
pub(crate) struct RingThread<E: Engine> {
    pub(crate) engine: E,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Arc<Pool>,
    /// Its place in the crew.
    pub(crate) index: usize,
    pub(crate) admission: Arc<Admission>,
    pub(crate) chunks: Chunks,
    pub(super) giving_up: Rc<Cell<bool>>,
}

/// What a ring thread gets from elsewhere.
pub(crate) struct Inlet {
    pub(crate) index: usize,
    pub(crate) sockets: mpsc::Receiver<Accepted>,
    pub(crate) batches: mpsc::Receiver<Batch<BlockMatcher>>,
    pub(crate) admission: Arc<Admission>,
}

impl<E: Engine> RingThread<E> {
    /// What an answer needs to know of the others.
    pub(crate) fn context(&self) -> Context<E> {
        Context {
            engine: self.engine,
            admission: Arc::clone(&self.admission),
            chunks: self.chunks.clone(),
            giving_up: Rc::clone(&self.giving_up),
        }
    }
}

/// A socket, and its permit among the connections that are counted.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: std::net::TcpStream,
    pub(crate) watch: Arc<Watch>,
    pub(crate) permit: ConnectionPermit,
}

/// One of the connections that are counted; given back when dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit(pub(crate) Arc<AtomicUsize>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What the sweep knows of one connection.
pub(super) struct Connection {
    pub(super) watch: Arc<Watch>,
    pub(super) cut: Notify,
    /// The answer that is under way.
    in_flight: RefCell<Option<Weak<Mutex<dyn InFlight>>>>,
}

/// An answer under way, as the sweep of its thread sees it.
pub(super) trait InFlight {
    /// The file that is asked for, where one is.
    fn file(&self) -> Option<String>;

    /// Gives back what it holds, because the client does not read.
    fn park(&mut self);
}

impl Connection {
    pub(super) fn new(watch: Arc<Watch>) -> Connection {
        Connection { watch, cut: Notify::new(), in_flight: RefCell::default() }
    }

    /// An answer is under way.
    pub(super) fn answers<T: InFlight + 'static>(&self, answer: &Rc<Mutex<T>>) {
        let answer: Rc<Mutex<dyn InFlight>> = answer.clone();
        *self.in_flight.borrow_mut() = Some(Rc::downgrade(&answer));
    }

    /// Does this with the answer that is under way, if one is, and nobody works on it.
    fn with_answer<R>(&self, work: impl FnOnce(&mut dyn InFlight) -> R) -> Option<R> {
        let answer = self.in_flight.borrow().as_ref()?.upgrade()?;
        let mut answer = answer.try_lock().ok()?;
        Some(work(&mut *answer))
    }

    /// Cuts the connection where it is overdue. Takes back what is held for its client where that
    /// has taken nothing for `stall`.
    pub(super) fn look_after(&self, stall: Duration) {
        if let Some(overdue) = self.watch.overdue() {
            let file = self.with_answer(|answer| answer.file()).flatten();
            self.watch.log_cut(overdue, file.as_deref());
            self.cut.notify_one();
        } else if self.watch.stalled_for() >= stall {
            self.with_answer(|answer| answer.park());
        }
    }
}
