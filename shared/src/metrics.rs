//! What an operator sees of a server: the page of `GET /metrics`, in the form of Prometheus.
//!
//! ```text
//! a request ends ──► requests ─┐
//! reads, asked hosts ──────────┼─► Counts: cells, some for each thread ─┐
//!                              │                                        ├─► Samples ─► text ─► page
//! pools, fleet, certificates ──┴─► Source: looked at for each page ─────┘
//! ```
//!
//! - [`table`] has all metrics: names, types, labels, what they mean. `docs/metrics.md` is made of
//!   it. [`row`] says what a row is.
//! - [`Counts`] are the numbers that are counted while requests are served: no lock, and nothing is
//!   allocated. `requests` counts each request at its end.
//! - [`Source`]: what is known somewhere else, and only looked at when a page is made.
//! - `pages` is the thread that makes the page, so that no thread that serves requests does.
//!   [`endpoint`] is the answer to a client.
//!
//! Each server has its own. There are no global numbers: tests run several servers in one process.

mod counts;
#[cfg(test)]
mod document;
pub mod endpoint;
mod expiry;
mod labels;
mod pages;
mod process;
mod requests;
pub mod row;
mod samples;
pub mod table;
mod text;

#[cfg(test)]
mod tests;

pub use counts::{Buckets, Counts};
pub use expiry::WatchedFiles;
pub use row::Program;
pub use samples::{Samples, Source, Value};
pub use table::Metric;

use crate::wire::accept::Exposition;
use crate::wire::problem::Problem;
use bytes::Bytes;
use pages::{Ask, Inner};
use std::io;
use std::sync::Arc;
use tokio::sync::mpsc;

/// The metrics of one server. Clones are of the same server.
#[derive(Debug, Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
    asks: mpsc::Sender<Ask>,
}

impl Metrics {
    /// Starts the thread that makes the page, for a server with so many threads. It ends with the
    /// last clone.
    pub fn start(program: Program, threads: usize) -> io::Result<Metrics> {
        let inner = Arc::new(Inner::new(program, threads));
        let asks = pages::start(Arc::clone(&inner))?;
        Ok(Metrics { inner, asks })
    }

    /// What is counted while requests are served.
    pub fn counts(&self) -> &Arc<Counts> {
        &self.inner.counts
    }

    /// From now on each page has what this source says. A source must not hold a clone of this: the
    /// thread would never end.
    pub fn register(&self, source: Arc<dyn Source>) {
        self.inner.register(source);
    }

    /// The page as it is now. Refused if too many wait for it.
    pub async fn page(&self, form: Exposition) -> Result<Bytes, Problem> {
        pages::ask(&self.asks, form).await
    }
}
