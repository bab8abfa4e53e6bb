//! One host's HTTP.
//!
//! ```text
//! socket ─► serve ─► routes ─► logs    ─► answer
//!           one ring           files   ─► listing
//!           thread             health  ─► readiness
//! ```
//!
//! - `serve`: one ring thread and its connections. `fair`: a task that wakes itself goes to the
//!   back of the queue.
//! - `state`: what all threads, a thread, and a connection know. `body`: what an answer is made of.
//! - `endpoints`: the one table of them. `routes`: from a request to one of them.
//! - `logs`, `files`, `health`: the endpoints.

mod body;
mod endpoints;
mod fair;
mod files;
mod health;
mod logs;
mod routes;
mod serve;
mod state;

pub(crate) use serve::serve;
pub(crate) use state::{Accepted, ConnectionPermit, Inlet, Shared, Stage};
