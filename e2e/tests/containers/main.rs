//! The fleet of `docker-compose.yml` on a real container engine: brought up, asked by `curl`,
//! broken in every way, and taken down.
//!
//! ```text
//! .ci/containers
//! ```
//!
//! makes the images and runs all of it. Each test has a project of its own, which is taken
//! down when the test ends, however it ends.

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
mod seccomp;
