//! What the benchmarks run, so that all variants of one do the same work.
//!
//! - [`lines`]: lines of one length, from memory.
//! - [`search`]: the search in memory and in files. Only this module calls it.
//! - [`inline`]: a plain `pread`, the fastest possible read engine on warm files.
//! - [`reading`]: reads whole files with one engine, and takes the time.
//! - [`cold`]: files that are not in the page cache.

pub mod cold;
pub mod inline;
pub mod lines;
pub mod reading;
pub mod search;
