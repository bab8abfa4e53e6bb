//! Which hosts there are. A name that a client sends is looked up here, and never becomes an address.
//!
//! ```text
//! --secondary   fixed ─┐ names and URLs
//! --fleet-file  file ──┼──► merge ──► watch channel of one Arc<Fleet> ──► requests
//! --fleet-dns   dns ───┘ addresses ▲   ▲                             └──► health
//!                                  │   └── expected: who should be there
//!                                  └── the names that secondaries give themselves
//! ```
//!
//! A [`Fleet`] does not change: a request keeps the one that it began with. [`discovery`] replaces
//! it when the sources say something new. [`select`] finds the hosts that a request names.

mod change;
pub mod discovery;
pub mod dns;
pub mod expected;
pub mod file;
pub mod file_sd;
pub mod fixed;
pub mod member;
pub mod merge;
pub mod missing;
mod reports;
pub mod rounds;
pub mod same;
pub mod select;
pub mod source_states;
pub mod sources;
mod unknown;
pub mod view;

use crate::host::Host;
use missing::Missing;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Hosts in a fleet. 256 of them are probed within 2 s, so that even if all hang, each is probed
/// within a minute.
pub const HOSTS: usize = 4096;

/// The hosts, by name. It does not change.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    hosts: BTreeMap<String, Arc<Host>>,
    missing: Arc<Missing>,
}

impl FromIterator<Host> for Fleet {
    /// Of two hosts of one name the last one stays. [`merge`] gives each host a name of its own.
    fn from_iter<I: IntoIterator<Item = Host>>(hosts: I) -> Fleet {
        Fleet {
            missing: Arc::default(),
            hosts: hosts.into_iter().map(|host| (host.name.clone(), Arc::new(host))).collect(),
        }
    }
}

impl Fleet {
    /// The same fleet, with what is known to be missing from it.
    #[must_use]
    pub fn with_missing(self, missing: Missing) -> Fleet {
        Fleet { missing: Arc::new(missing), ..self }
    }

    /// What belongs to the fleet and is not in it. An answer of the whole fleet is then incomplete.
    pub fn missing(&self) -> &Arc<Missing> {
        &self.missing
    }

    /// The hosts, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are no hosts.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// The host of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<Host>> {
        self.hosts.get(name)
    }

    /// Whether it lists a host of this name at this URL.
    pub fn lists(&self, host: &Host) -> bool {
        let is_it = |known: &Arc<Host>| known.url == host.url && known.is_given == host.is_given;
        self.hosts.get(&host.name).is_some_and(is_it)
    }
}

/// What to do about a fleet without hosts.
pub const EMPTY: &str = "the fleet is empty: name its hosts with --secondary NAME=URL, --fleet-file PATH or --fleet-dns NAME:PORT";
