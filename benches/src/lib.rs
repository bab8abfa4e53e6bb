//! What needs both servers, and nothing that they need.
//!
//! - [`engines`]: what the benchmarks drive: the search from memory, the read engines and
//!   their limit, files that are not in the page cache.
//! - [`fleet`]: a primary and its secondaries in this process, for the demo and the tests.
//! - [`tour`]: the `curl` lines that the demo prints.
//! - [`program`]: the real programs as processes of their own, for what only those show.
//! - [`load`]: small requests timed while deep scans run.
//! - [`compare`]: every figure of the project, side by side with what people use instead.
//!
//! The programs are `demo` (`cargo demo`), `compare` (`cargo compare`) and `load`
//! (`cargo load`); the end-to-end tests are in `tests/e2e`.

#![forbid(unsafe_code)]

pub mod compare;
pub mod engines;
pub mod fleet;
pub mod load;
pub mod program;
pub mod tour;
