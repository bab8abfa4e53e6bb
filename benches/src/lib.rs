//! What the project's figures are measured with, and nothing that the servers need.
//!
//! - [`engines`]: what the benchmarks drive: the search from memory, the read engines and
//!   their limit, files that are not in the page cache.
//! - [`load`]: small requests timed while deep scans run.
//! - [`compare`]: every figure of the project, side by side with what people use instead.
//!
//! The programs are `compare` (`cargo compare`), `load` (`cargo load`) and
//! `scan_instructions` (`cargo scan-guard`). Benchmarks with criterion are in `benches`,
//! results of whole comparisons in `results`.

#![forbid(unsafe_code)]

pub mod compare;
pub mod engines;
pub mod load;
