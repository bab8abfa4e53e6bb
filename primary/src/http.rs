//! What clients see: connections, and an endpoint for each path.
//!
//! ```text
//! run ──► worker ──► connection ──► router ──┬─► logs ──► relay, or fanout
//!         a thread   one client     a table  ├─► files ─► fanout::listing
//!                                            └─► hosts, health
//! ```
//!
//! [`app`] is what the endpoints look at: the fleet, and the client of its hosts.

pub mod app;
pub mod connection;
pub mod files;
pub mod health;
pub mod hosts;
pub mod logs;
pub mod router;
pub mod worker;
