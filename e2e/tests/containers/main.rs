//! The fleet of `docker-compose.yml` on a real container engine: started, asked by `curl`, broken
//! in many ways, and removed.
//!
//! ```text
//! .ci/containers
//! ```
//!
//! builds the images and runs all tests. Each test has its own Compose project, which is removed
//! when the test ends, also when it fails.

#![allow(clippy::unwrap_used, clippy::similar_names, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod answer;
mod compose_file;
mod directories;
mod engine;
mod faults;
mod fleet;
mod images;
mod logs_that_change;
mod memory;
mod one_host;
mod runtimes;
mod seccomp;
