//! The Debian packages on a separate machine: a container with systemd as its first process, in
//! which `dpkg` installs the packages and `systemctl` starts the services.
//!
//! `.ci/packages` builds the packages and the image, and runs these tests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod install;
mod lifecycle;
mod machine;
mod primary;
mod sandbox;
mod secondary;
