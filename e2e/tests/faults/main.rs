//! The faults of `docs/reliability.md` that need root, FUSE, a loop device, a cgroup, logrotate or
//! minutes. Each test says its number.
//!
//! `.ci/faults` installs what they need and runs them in a mount namespace and a network namespace
//! of their own, so that whatever a killed test leaves behind goes with it. Where something cannot
//! be made here, a test says what and why, and does nothing. With `BACKSCROLL_FAULTS=long` the
//! tests take as long as the targets say; without it, a few seconds each.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod cgroup;
mod clients;
mod dying_disk;
mod failing_disk;
mod fuse;
mod hanging_disk;
mod huge_files;
mod idle;
mod memory;
mod overload;
mod rotation;
mod slow_clients;
mod soak;
mod support;
mod watchdog;
