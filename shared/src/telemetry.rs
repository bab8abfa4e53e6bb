//! What the programs report about themselves.
//!
//! - [`logs`]: the log, to standard error or to files. [`losses`]: what of it was lost.
//! - [`request_id`], [`trace_context`]: the names of a request, which go from server to server.
//! - [`recording`]: what is recorded of each request: [`request_log`], and `traces`.
//! - [`sampling`]: which traces are recorded.

pub mod format;
mod log_files;
pub mod logs;
pub mod losses;
mod queue;
pub mod recording;
pub mod request_id;
pub mod request_log;
pub mod sampling;
mod size;
pub mod trace_context;
mod traces;
mod writer;
