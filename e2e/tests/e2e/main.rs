//! From end to end: the real `curl` asks a primary, the primary asks secondaries, and the answer is
//! compared with that of `tac`, `grep` and `head`.

#![allow(clippy::unwrap_used, clippy::similar_names, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod answers;
mod bad_filters;
mod conformance;
mod demo;
mod expected;
mod health_port;
mod listening;
mod man_pages;
mod merged;
mod namespaces;
mod openapi;
mod pages;
mod pods;
mod processes;
mod readme;
mod real_logs;
mod secrets;
mod set_up;
mod support;
mod telemetry;
mod tls;
