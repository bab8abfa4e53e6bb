//! A connection that was accepted, on its way to the thread or the port that serves it.

use backscroll_shared::conn::Watch;
use backscroll_shared::listen::Stream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// A connection that was accepted.
#[derive(Debug)]
pub struct Work {
    /// Its socket, which is not registered with a runtime.
    pub stream: Stream,
    /// Keeps its time limits.
    pub watch: Arc<Watch>,
    /// Counts it.
    pub counted: Counted,
}

/// Counts one connection of a thread, until it is dropped.
#[derive(Debug)]
pub struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// Counts one more among these.
    pub fn among(load: &Arc<AtomicUsize>) -> Counted {
        load.fetch_add(1, Relaxed);
        Counted(Arc::clone(load))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
