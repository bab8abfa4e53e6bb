//! What clients see: connections, and an endpoint for each path.
//!
//! ```text
//! run ──► worker ──► connection ──► router ──┬─► logs ──► relay, or fanout
//!         a thread   one client     a table  ├─► files ─► fanout::listing
//!                                            └─► hosts, health, metrics
//! ```
//!
//! [`app`] is what the endpoints look at: the fleet, and the client of its hosts. [`open`] has the open
//! connections of a worker, or of the [`health_port`].

pub mod access;
pub mod app;
pub mod connection;
pub mod files;
pub mod health;
pub mod health_port;
pub mod hosts;
pub mod logs;
pub mod metrics;
pub mod open;
pub mod router;
pub mod work;
pub mod worker;
