//! The connections to the health port. They may ask for health and metrics alone
//! (`Watch::refused`), and the first ring thread serves them to the end of the drain.

use super::connection::{SWEEP, look_after, serve_connection};
use super::state::{Accepted, Connection, RingThread};
use crate::read::Engine;
use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Serves these connections until the thread ends.
pub(super) async fn serve_health_port<E: Engine + Unpin>(
    thread: Rc<RingThread<E>>,
    mut sockets: mpsc::Receiver<Accepted>,
) {
    let connections: RefCell<Vec<Weak<Connection>>> = RefCell::default();
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            accepted = sockets.recv() => {
                let Some(accepted) = accepted else { return };
                let connection = Rc::new(Connection::new(Arc::clone(&accepted.watch)));
                connections.borrow_mut().push(Rc::downgrade(&connection));
                tasks.spawn_local(serve_connection(Rc::clone(&thread), connection, accepted));
            }
            Some(result) = tasks.join_next(), if !tasks.is_empty() => {
                if let Err(error) = result {
                    tracing::error!(%error, "a connection ended in a panic");
                }
            }
            // No sweep without connections, so that an idle server sleeps.
            _ = sweep.tick(), if !connections.borrow().is_empty() => {
                look_after(&mut connections.borrow_mut(), SWEEP, thread.shared.metrics.counts());
            }
        }
    }
}
