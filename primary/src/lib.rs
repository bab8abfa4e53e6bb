//! The one address that people call. It knows the fleet, and reads no log file.
//!
//! ```text
//!                             ┌─ one host:  host ──► relay ──────────┐
//! GET /logs ──► http ──► fleet┤                                      ├──► socket, pulled by
//!               parse    who  └─ several:   host × N ──► fanout ─────┘    the client
//!               once     is asked           one request  merge, newest
//!                                           to each      first, verdict
//! ```
//!
//! Each name is a module, and imports go from the left of this list to the right only:
//! [`mod@run`], [`http`], [`fanout`] and [`relay`], [`paging`], [`fleet`], [`host`], [`capacity`].
//!
//! - [`mod@run`] accepts connections for the threads. [`config`] is what the command line says.
//! - [`http`] is what clients see: connections and endpoints.
//! - [`fanout`] merges the records of several hosts; [`relay`] passes on those of one.
//! - [`paging`] is where an answer is continued: the cursor of a request, and those of its answer.
//! - [`fleet`] knows which hosts there are, and which ones a request names.
//! - [`host`] is one host: a request to it, its health, and what is taken of its answers.
//! - [`capacity`] is what all requests together may hold.
//! - [`certs`] is a command of its own, which makes certificates.
//! - [`kubernetes`] is another one, which says in a cluster which hosts are expected.
//! - `metrics` is what the metrics look at.
//! - [`answer`], [`text`] and [`turn`] are small helpers that any of them may use.

#![forbid(unsafe_code)]

pub mod answer;
pub mod capacity;
pub mod certs;
pub mod config;
pub mod fanout;
pub mod fleet;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod host;
pub mod http;
pub mod kubernetes;
mod metrics;
pub mod paging;
pub mod relay;
pub mod run;
pub mod text;
pub mod turn;

pub use config::{Args, Config};
pub use run::run;
