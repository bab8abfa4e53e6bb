//! One host: requests to it, its health, and what is accepted of its answers.
//!
//! ```text
//!            permits ─► ask ─► upstream ─► client ─► the host's secondary
//! a request             │      send, retry, wait
//!            ◄──────────┴─ body, or a refusal
//!
//! probe ──► health ◄── requests that failed
//! ```
//!
//! [`health`] says whether a request is sent at all, and how long it waits. What a host says is
//! checked in [`refusal`] and [`verdict`].

pub mod ask;
pub mod body;
pub mod cause;
pub(crate) mod client;
pub mod counts;
pub mod credentials;
pub mod health;
pub mod latency;
mod moment;
pub mod permits;
pub mod probe;
mod problems;
mod pulse;
mod readiness;
pub mod refusal;
mod retries;
pub mod seen;
pub mod target;
pub mod times;
mod under_way;
pub mod upstream;
pub mod verdict;

use health::Health;
use std::sync::Arc;

/// One host that has logs.
#[derive(Debug)]
pub struct Host {
    /// Its name in the fleet.
    pub name: String,
    /// Where its secondary listens, as in `http://10.0.0.1:8001`: no slash at the end.
    pub url: String,
    /// Whether a source gave it its name. Otherwise its secondary did, or its address is its name.
    pub is_given: bool,
    /// Whether it answers. All hosts of one URL share it, in this fleet and in the ones before and
    /// after it.
    pub health: Arc<Health>,
}
