//! Checks whether the log directories can be served.

use crate::catalog::{Catalog, Unservable};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::watch;

/// How long a check may take: less than the time that clients of `/readyz` usually wait.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Why the log directories cannot be served.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NotReady {
    /// Some of them cannot be served.
    #[error(transparent)]
    Directories(#[from] Unservable),
    /// No thread could be started for the check.
    #[error("the log directory cannot be looked at: {0}")]
    NoThread(String),
    /// The check takes too long.
    #[error("a log directory does not answer within {} s: is it a mount whose server is gone?", LOOK_TIME.as_secs())]
    Silent,
}

/// The check that is under way, if any, and the outcome of the last one.
#[derive(Debug)]
pub(crate) struct Readiness {
    is_under_way: AtomicBool,
    outcome: watch::Sender<Result<(), NotReady>>,
}

impl Default for Readiness {
    fn default() -> Readiness {
        Readiness { is_under_way: AtomicBool::new(false), outcome: watch::Sender::new(Ok(())) }
    }
}

impl Readiness {
    /// Whether the log directories can be served. A thread of its own checks them, and ends with
    /// the check. There is one such thread at a time: on a mount whose server is gone it may hang
    /// for ever, and clients ask `/readyz` every few seconds.
    pub(crate) async fn look(self: &Arc<Readiness>, catalog: &Arc<Catalog>) -> Result<(), NotReady> {
        let mut outcome = self.outcome.subscribe();
        if !self.is_under_way.swap(true, SeqCst) {
            let (this, catalog) = (Arc::clone(self), Arc::clone(catalog));
            let looking = std::thread::Builder::new().name("backscroll-look".to_owned()).spawn(move || {
                let found = catalog.ready().map_err(NotReady::from);
                // Cleared before the outcome is sent, so that a caller that finds a check under way
                // still gets its outcome.
                this.is_under_way.store(false, SeqCst);
                drop(this.outcome.send_replace(found));
            });
            if let Err(error) = looking {
                self.is_under_way.store(false, SeqCst);
                return Err(NotReady::NoThread(error.to_string()));
            }
        }
        match tokio::time::timeout(LOOK_TIME, outcome.changed()).await {
            Ok(_) => outcome.borrow().clone(),
            Err(_) => Err(NotReady::Silent),
        }
    }
}
