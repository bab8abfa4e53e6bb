//! The dashboard, the rules, the runbook and the Compose profile: that they fit together, that each
//! metric which they name exists, and that a real Prometheus gets data for every query of them.
//!
//! What needs no Prometheus runs with `cargo test`. The rest:
//!
//! ```text
//! .ci/observability
//! ```

#![allow(clippy::unwrap_used, clippy::similar_names, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod compose;
mod fleet;
mod names;
mod pages;
mod prometheus;
mod promtool;
mod proof;
mod queries;
mod shipped;
