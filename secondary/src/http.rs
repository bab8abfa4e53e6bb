//! The HTTP server of one host.
//!
//! ```text
//! socket ─► serve ─► routes ─► logs    ─► answer
//!           one ring           files   ─► listing
//!           thread             health  ─► readiness
//! ```
//!
//! - `serve`: one ring thread and its connections. `health_port`: those for health checks and metrics
//!   alone. `fair`: a task that wakes itself goes to the
//!   back of the queue.
//! - `state`: what all threads, one thread, and one connection share. `body`: the body of an
//!   answer.
//! - `endpoints`: the table of all endpoints. `routes`: finds the endpoint of a request.
//! - `logs`, `files`, `health`: the endpoints themselves. `opening`: from a name to an open file.
//!   `resuming`: from a cursor to the place where an answer goes on.

mod access;
mod body;
mod connection;
mod endpoints;
mod fair;
mod files;
mod grants;
mod health;
mod health_port;
mod logs;
mod opening;
mod resuming;
mod routes;
mod serve;
mod state;

pub(crate) use serve::serve;
pub(crate) use state::{Accepted, ConnectionPermit, Inlet, Shared, Stage};
