//! What the benchmarks drive, so that every variant of one does the same work.
//!
//! - [`lines`]: lines of one length, from memory.
//! - [`search`]: the search over memory and over files; the only place that knows its calls.
//! - [`inline`]: the read engine that nothing can beat on warm files: `pread` on the spot.
//! - [`reading`]: whole files read through one engine, timed.
//! - [`cold`]: files that are not in the page cache.

pub mod cold;
pub mod inline;
pub mod lines;
pub mod reading;
pub mod search;
