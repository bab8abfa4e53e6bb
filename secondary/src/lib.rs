//! One host's log files, the newest lines first, over HTTP.
//!
//! ```text
//! socket ─► serve ─► routes ─► logs ─► catalog ─► read::Readahead ─► scan ─► stream ─► socket
//!           a         which     one     find the   blocks from end    (shared)  a body,
//!           thread's  endpoint  query   file,      to start, through            pulled by
//!           client                      confined   a read engine                the client
//! ```
//!
//! [`mod@run`] starts the ring threads; everything to the right of `serve` happens on one of
//! them, and nothing there blocks. The client's reading speed is the only pump: when it
//! stops reading, the disk is no longer read.

pub mod catalog;
pub mod config;
mod fair;
mod files;
pub mod frame;
pub mod framing;
mod health;
mod logs;
pub mod lookback;
mod memory;
pub mod read;
mod routes;
pub mod run;
mod serve;
pub mod stream;

pub use config::{Args, Config, Io};
pub use run::run;

/// The name of the program.
pub const PROGRAM: &str = "backscroll-secondary";
