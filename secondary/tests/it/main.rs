//! Tests of the secondary from outside: over real sockets, on real files, with both engines.

#![allow(
    clippy::unwrap_used,
    clippy::similar_names,
    clippy::naive_bytecount,
    reason = "a test that cannot go on panics"
)]

mod auth;
mod catalog;
mod clients;
mod compressed;
mod counted_source;
mod cursors;
mod endpoints;
mod engines;
mod exclude;
mod extra_log_dirs;
mod files_that_change;
mod filters;
mod half_closed;
mod healthcheck;
mod hung_disk;
mod idle;
mod instance;
mod listings;
mod long_lines_after_runs;
mod look_backs;
mod metrics;
mod nul_runs;
mod own_log;
mod page_cache;
mod parameters;
mod pods;
mod process;
mod ranges;
mod readiness;
mod refused_ring;
mod replaced_dirs;
mod requests;
mod rotated;
mod second_look;
mod service_manager;
mod special_files;
mod stream_faults;
mod support;
mod zone;
