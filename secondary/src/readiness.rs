//! Whether the log directories can be served.

use crate::catalog::Catalog;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::watch;

/// How long a look may take: less than clients of `/readyz` wait.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Why the log directories cannot be served.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum NotReady {
    /// What the catalog says of them.
    #[error("{0}")]
    Directories(String),
    /// There was no thread to look at them.
    #[error("the log directory cannot be looked at: {0}")]
    NoThread(String),
    /// The look takes too long.
    #[error("a log directory does not answer within {} s: is it a mount whose server is gone?", LOOK_TIME.as_secs())]
    Silent,
}

/// The look at the log directories that is under way, and the outcome of the last one.
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
    /// Whether the log directories can be served. They are looked at by a thread that lives as long
    /// as that takes, one at a time: on a mount whose server is gone it may be for ever, and
    /// `/readyz` is asked for every few seconds.
    pub(crate) async fn look(self: &Arc<Readiness>, catalog: &Arc<Catalog>) -> Result<(), NotReady> {
        let mut outcome = self.outcome.subscribe();
        if !self.is_under_way.swap(true, SeqCst) {
            let (this, catalog) = (Arc::clone(self), Arc::clone(catalog));
            let looking = std::thread::Builder::new().name("backscroll-look".to_owned()).spawn(move || {
                let found = catalog.ready().map_err(NotReady::Directories);
                // First, so that whoever finds one under way hears of its end.
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
