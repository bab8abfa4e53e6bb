//! What both Backscroll servers share. Nearly all of it needs no input or output.
//!
//! ```text
//! GET /logs ──► query ──► [catalog] ──► [readahead] ──► scan ──► wire ──► [body]
//!               parse      find the      blocks from     lines,   text or
//!               once       file          end to start    match    NDJSON
//! ```
//!
//! The rooms in brackets belong to `backscroll-secondary`. This crate opens no log file,
//! and no socket that serves anybody: only that of the [health check](cli::healthcheck), in
//! a process of its own, and the one that the [service manager](service_manager) named.
//!
//! - [`query`]: what is asked for; to and from a query string, in bytes.
//! - [`filter`]: what a record must contain.
//! - [`scan`]: blocks in, newest first; records out. No clock, no runtime.
//! - [`time`]: the time that a line carries, in whatever form.
//! - [`wire`]: what travels: text, NDJSON, the verdict, problems.
//! - [`conn`]: how long a peer may take over a connection.
//! - [`tls`]: certificates, handshakes, and the streams that come of them.
//! - [`cli`], [`telemetry`], [`descriptors`], [`service_manager`]: flags, logs, limits and the
//!   way to start and to end that both programs share.
//! - [`http_host`]: by which names a server without authentication answers.
//! - [`listen`]: where a server listens, TCP or a Unix socket.
//! - [`auth`]: who sends a request, and what they may see. [`audit`]: a record of each request.
//! - [`metrics`]: what an operator sees of a server.
//! - [`reload`]: files that are read again when they change. [`secret_files`]: whether everybody may
//!   read one.
//! - [`nuls`]: runs of NUL bytes at the beginning of lines.
//! - [`nearest`]: which of the known words somebody may have meant.
//! - [`text`]: bytes of somebody else's, made fit to be shown.
//! - [`memory`]: what many clients needed, given back.
//! - [`limits`]: every bound that both servers keep, with its reason.

// One call, in `memory`, is excepted.
#![deny(unsafe_code)]

pub mod audit;
pub mod auth;
pub mod cli;
pub mod conn;
pub mod descriptors;
pub mod filter;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod http_host;
pub mod limits;
pub mod listen;
pub mod memory;
pub mod metrics;
mod milliseconds;
pub mod nearest;
pub mod nuls;
pub mod query;
pub mod reload;
pub mod scan;
pub mod secret_files;
pub mod service_manager;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod tls;
mod whole_line;
pub mod wire;

/// The version that `/readyz` and `--version` state.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
