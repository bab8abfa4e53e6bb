//! Serves the log files of one host over HTTP, the newest lines first.
//!
//! ```text
//! socket ─► http ─► catalog ─► read::Readahead ─► answer ─► socket
//!           one     find the   blocks from end    search    pulled
//!           thread, file,      to start, through  (shared), by the
//!           routes  confined   a read engine      encode    client
//! ```
//!
//! [`mod@run`] starts the ring threads. All that is to the right of `http` runs on one of them, and
//! nothing there blocks. The client's reading speed drives everything: when the client stops
//! reading, the disk is no longer read.
//!
//! Imports go down this list, never up: `run`, `http`, `listing`, `memory`, [`answer`], `readiness`,
//! `pods`, `resume`, [`rotated`], [`catalog`], [`config`], [`read`].

pub mod answer;
pub mod catalog;
pub mod config;
mod http;
mod listing;
mod memory;
mod metrics;
mod pods;
pub mod read;
mod readiness;
mod resume;
pub mod rotated;
pub mod run;

pub use config::{Args, Config, Io};
pub use run::run;

/// The name of the program.
pub const PROGRAM: &str = "backscroll-secondary";
