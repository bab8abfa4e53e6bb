//! The whole system, put together: for the demo, and for the tests that need both servers.
//!
//! - [`fleet`]: a primary and its secondaries in this process.
//! - [`program`]: the real programs as processes of their own.
//! - [`tour`]: the `curl` lines that the demo prints.
//!
//! The demo is `src/bin/demo.rs` (`cargo demo`). Each folder of `tests` is one test program:
//! `e2e` runs with `cargo test`; `faults` (`.ci/faults`) needs root; `containers` (`.ci/containers`) and `packages`
//! (`.ci/packages`) need a container engine.

#![forbid(unsafe_code)]

pub mod fleet;
pub mod program;
pub mod tour;
