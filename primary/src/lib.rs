//! The one address that people call. It knows the fleet, and no log file.
//!
//! ```text
//! GET /logs ──► query ──► fleet ──► upstream ──► relay ──► socket
//!               parse     who is    one          whole     cut where   pulled
//!               once      asked     request,     lines,    it failed   by the
//!                                   one host     verdict               client
//! ```
//!
//! Each arrow is one room: [`fleet`], [`upstream`], [`relay`]. [`mod@run`] accepts
//! connections for a [`worker`] on each core, and keeps the fleet and watches over its
//! [`health`] meanwhile; [`connection`] serves one of them, [`app`] and
//! [`routes`] hold the endpoints, [`config`] what was asked for on the command line.
//!
//! One host is passed through so far; several at once are the next step.

#![forbid(unsafe_code)]

pub mod app;
pub mod config;
pub mod connection;
pub mod fanout;
pub mod fleet;
pub mod health;
pub mod long;
pub mod relay;
pub mod retries;
pub mod routes;
pub mod run;
pub mod turn;
pub mod upstream;
pub mod worker;

pub use config::{Args, Config};
pub use run::run;
