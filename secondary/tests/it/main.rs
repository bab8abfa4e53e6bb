//! The secondary, from outside: over real sockets, on real files, under both engines.

#![allow(
    clippy::unwrap_used,
    clippy::similar_names,
    clippy::naive_bytecount,
    reason = "a test that cannot go on panics"
)]

mod catalog;
mod clients;
mod compressed;
mod endpoints;
mod engines;
mod extra_log_dirs;
mod files_that_change;
mod healthcheck;
mod hung_disk;
mod instance;
mod long_records;
mod page_cache;
mod parameters;
mod process;
mod readiness;
mod refused_ring;
mod replaced_dirs;
mod second_look;
mod service_manager;
mod stream_faults;
mod support;
mod zone;
