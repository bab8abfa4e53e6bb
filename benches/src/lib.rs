//! What needs both servers, and nothing that they need.
//!
//! - [`corpus`]: sample logs, the same at every run.
//! - [`engines`]: what the benchmarks drive: the search from memory, the read engines and
//!   their limit, files that are not in the page cache.
//! - [`fleet`]: a primary and its secondaries in this process, for the demo and the tests.
//! - [`tour`]: the `curl` lines that the demo prints.
//! - [`program`]: the real programs as processes of their own, for what only those show.
//!
//! The programs are `demo` (`cargo demo`) and `figures` (`cargo figures`); the end-to-end
//! tests are in `tests/e2e`.

#![forbid(unsafe_code)]

pub mod corpus;
pub mod engines;
pub mod fleet;
pub mod program;
pub mod tour;
