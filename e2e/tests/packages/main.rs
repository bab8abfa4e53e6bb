//! The Debian packages on a machine of their own: a container with systemd as its first process,
//! in which `dpkg` installs them, and `systemctl` starts what is in them.
//!
//! `.ci/packages` makes the packages and the image, and runs this.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![allow(clippy::disallowed_methods, reason = "a test's own thread may block")]

mod install;
mod lifecycle;
mod machine;
mod primary;
mod sandbox;
mod secondary;
