//! What all ring threads, one thread, and one connection share.

use super::grants::Grants;
use crate::answer::Context;
use crate::answer::chunks::Chunks;
use crate::catalog::Catalog;
use crate::config::Config;
use crate::metrics::Measured;
use crate::read::Engine;
use crate::read::admission::Admission;
use crate::read::block::Pool;
use crate::read::crew::{Batch, Crew};
use crate::readiness::Readiness;
use backscroll_shared::auth::Gate;
use backscroll_shared::conn::Watch;
use backscroll_shared::conn::exchange::{Exchange, Recorders};
use backscroll_shared::listen::Stream;
use backscroll_shared::metrics::{Counts, Metrics};
use backscroll_shared::scan::BlockMatcher;
use backscroll_shared::service_manager::Beat;
use backscroll_shared::tls::Acceptor;
use backscroll_shared::wire::instance::Instance;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Mutex, Notify, mpsc, watch};

/// How far the server is in stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Serving,
    /// Answers in flight go on; new requests are refused.
    Draining,
    /// Answers still in flight end as incomplete ones, and say so.
    GivingUp,
    /// Connections that are left are cut.
    Cutting,
}

/// What all ring threads share.
pub(crate) struct Shared {
    pub(crate) config: Config,
    /// This run of the program. Every answer names it.
    pub(crate) instance: Instance,
    /// Who may ask.
    pub(crate) gate: Gate,
    /// Those who keep a record of each request.
    pub(crate) recorders: Recorders,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) stage: watch::Receiver<Stage>,
    pub(crate) crew: Arc<Crew<BlockMatcher>>,
    /// Why the server uses the thread pool instead of io_uring, if nobody chose the engine by name.
    pub(crate) io_fallback: Arc<OnceLock<String>>,
    /// Problems that do not prevent serving, such as an unknown time zone. `/readyz` shows them.
    pub(crate) warnings: Vec<&'static str>,
    /// The check whether the log directories can be served.
    pub(crate) readiness: Arc<Readiness>,
    /// What an operator sees of this server.
    pub(crate) metrics: Metrics,
    /// What the metrics look at.
    pub(crate) measured: Arc<Measured>,
}

/// What all connections of one ring thread share.
pub(crate) struct RingThread<E: Engine> {
    pub(crate) engine: E,
    pub(crate) shared: Arc<Shared>,
    pub(crate) pool: Arc<Pool>,
    /// The thread's index in the crew.
    pub(crate) index: usize,
    pub(crate) admission: Arc<Admission>,
    pub(crate) chunks: Chunks,
    pub(super) grants: Grants,
    /// TLS, if the server speaks it.
    pub(super) acceptor: Option<Acceptor>,
    pub(super) giving_up: Rc<Cell<bool>>,
}

/// What a ring thread receives from other threads.
pub(crate) struct Inlet {
    pub(crate) index: usize,
    pub(crate) sockets: mpsc::Receiver<Accepted>,
    pub(crate) batches: mpsc::Receiver<Batch<BlockMatcher>>,
    pub(crate) admission: Arc<Admission>,
    /// The connections to the health port. The first thread has them.
    pub(crate) health: Option<mpsc::Receiver<Accepted>>,
    /// What the thread answers the watchdog with.
    pub(crate) beat: Option<Beat>,
}

impl<E: Engine> RingThread<E> {
    /// What this thread's answers share.
    pub(crate) fn context(&self) -> Context<E> {
        Context {
            engine: self.engine,
            admission: Arc::clone(&self.admission),
            chunks: self.chunks.clone(),
            giving_up: Rc::clone(&self.giving_up),
        }
    }
}

/// A connection, and its permit, which counts against the limit on connections.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    pub(crate) watch: Arc<Watch>,
    pub(crate) permit: ConnectionPermit,
}

/// One connection, counted against the limit. Given back when dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit(pub(crate) Arc<AtomicUsize>);

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What the sweep of a thread knows of one connection.
pub(super) struct Connection {
    pub(super) watch: Arc<Watch>,
    pub(super) cut: Notify,
    /// The last request. Requests of a connection are answered one after the other.
    exchange: RefCell<Option<Arc<Exchange>>>,
    /// The answer that is being sent, if any.
    in_flight: RefCell<Option<Weak<Mutex<dyn InFlight>>>>,
}

/// An answer in flight, as the sweep sees it.
pub(super) trait InFlight {
    /// The file that the client asked for, if it asked for one.
    fn file(&self) -> Option<String>;

    /// Gives back blocks and permits, because the client does not read.
    fn park(&mut self);
}

impl Connection {
    pub(super) fn new(watch: Arc<Watch>) -> Connection {
        Connection { watch, cut: Notify::new(), exchange: RefCell::default(), in_flight: RefCell::default() }
    }

    /// Notes the request that is being answered.
    pub(super) fn set_exchange(&self, exchange: &Arc<Exchange>) {
        *self.exchange.borrow_mut() = Some(Arc::clone(exchange));
    }

    /// The request that is being answered.
    pub(super) fn exchange(&self) -> Option<Arc<Exchange>> {
        self.exchange.borrow().clone()
    }

    /// Notes the answer that is being sent on this connection.
    pub(super) fn set_in_flight<T: InFlight + 'static>(&self, answer: &Rc<Mutex<T>>) {
        let answer: Rc<Mutex<dyn InFlight>> = answer.clone();
        *self.in_flight.borrow_mut() = Some(Rc::downgrade(&answer));
    }

    /// Runs `work` on the answer in flight, if there is one and no other task uses it now.
    fn with_answer<R>(&self, work: impl FnOnce(&mut dyn InFlight) -> R) -> Option<R> {
        let answer = self.in_flight.borrow().as_ref()?.upgrade()?;
        let mut answer = answer.try_lock().ok()?;
        Some(work(&mut *answer))
    }

    /// Cuts the connection if it is overdue. Takes back the blocks and permits of its answer if the
    /// client has taken nothing for `stall`.
    pub(super) fn look_after(&self, stall: Duration, counts: &Counts) {
        if let Some(overdue) = self.watch.overdue() {
            let file = self.with_answer(|answer| answer.file()).flatten();
            if self.watch.cut(overdue, file.as_deref()) {
                counts.cut(overdue);
            }
            self.cut.notify_one();
        } else if self.watch.stalled_for() >= stall {
            self.with_answer(|answer| answer.park());
        }
    }
}
