//! Where the fleet is described.

use super::expected::Expected;
use super::file::FleetFile;
use super::member::{Member, Scheme};
use super::merge::{self, TwoUrls};
use backscroll_shared::reload::Reloaded;
use std::time::Duration;

/// Where the fleet is described, and what was read of it at start.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The hosts that `--secondary` names.
    pub fixed: Vec<Member>,
    /// The file of `--fleet-file`, as it was read at start.
    pub file: Option<FleetFile>,
    /// The `NAME:PORT` of `--fleet-dns`.
    pub dns: Option<String>,
    /// The hosts that `--expected-host` and `--expected-count` say there should be.
    pub expected: Expected,
    /// The same of `--expected-file`, as it is now.
    pub expected_file: Option<Reloaded<Expected>>,
    /// How hosts are asked for which a source names no scheme.
    pub scheme: Scheme,
    /// How often the file is read, whether or not its folder is seen to change.
    pub file_interval: Duration,
    /// How often the name is looked up.
    pub dns_interval: Duration,
}

impl Sources {
    /// Checks that the flags and the file agree on the URL of each name.
    pub fn check(&self) -> Result<(), TwoUrls> {
        let file = self.file.iter().flat_map(|file| &file.listed.members);
        let fixed = self.fixed.iter().map(|member| ("--secondary", member));
        merge::check(fixed.chain(file.map(|member| ("--fleet-file", member))))
    }
}

/// Waits until the file says something new. For ever if there is none.
pub(super) async fn changed(file: &mut Option<Reloaded<Expected>>) {
    match file {
        Some(file) => file.changed().await,
        None => std::future::pending().await,
    }
}
