//! The tools that measure the project's figures. The servers do not depend on them.
//!
//! - [`engines`]: what the benchmarks run: the search in memory, the read engines and their limit,
//!   files that are not in the page cache.
//! - [`load`]: small requests timed while deep scans run.
//! - [`compare`]: every figure of the project, compared with what people use instead.
//!
//! The programs are `compare` (`cargo compare`), `load` (`cargo load`) and
//! `scan_instructions` (`cargo scan-guard`). Benchmarks with criterion are in `benches`,
//! results of whole comparisons in `results`.

#![forbid(unsafe_code)]

pub mod compare;
pub mod engines;
pub mod load;
