//! Who is out there. A name that is asked for is only ever looked up here: nothing that a
//! client writes becomes an address.
//!
//! ```text
//! --secondary   fixed ─┐ names and URLs
//! --fleet-file  file ──┼──► merge ──► watch channel of one Arc<Fleet> ──► requests
//! --fleet-dns   dns ───┘ addresses ▲                                 └──► health
//!                                  └── the names that secondaries give themselves
//! ```
//!
//! A [`Fleet`] does not change: a request keeps the one that it began with. [`discovery`]
//! puts a new one in its place where the sources say something new.

pub mod discovery;
pub mod dns;
pub mod file;
pub mod file_sd;
pub mod fixed;
pub mod member;
pub mod merge;
pub mod pattern;
mod reports;
pub mod same;
mod unknown;

use crate::health::Health;
use crate::turn::Turn;
use backscroll_shared::wire::problem::{Code, Problem};
use pattern::Pattern;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Hosts in a fleet. 256 of them are looked at within 2 s: even if all hang, each is looked
/// at within a minute.
pub const HOSTS: usize = 4096;

/// Different patterns in one request: each is held against every name, on a thread that
/// serves other clients as well. They all fit into one request's target, so that what one
/// name costs has a bound too.
const PATTERNS: usize = 64;

/// One host that has logs.
#[derive(Debug)]
pub struct Host {
    /// Its name in the fleet.
    pub name: String,
    /// Where its secondary listens, as in `http://10.0.0.1:8001`: no slash at the end.
    pub url: String,
    /// Whether a source gave it its name; else its secondary did, or it is its address.
    pub is_given: bool,
    /// How it is. All that is called by the same URL shares it, in this fleet and in the
    /// ones before and after it.
    pub health: Arc<Health>,
}

/// The hosts, by name. It does not change.
#[derive(Debug, Clone, Default)]
pub struct Fleet {
    hosts: BTreeMap<String, Arc<Host>>,
    missing: BTreeMap<String, String>,
}

impl FromIterator<Host> for Fleet {
    /// Of two hosts of one name the last one stays: [`merge`] sees to it that there are none.
    fn from_iter<I: IntoIterator<Item = Host>>(hosts: I) -> Fleet {
        let missing = BTreeMap::new();
        Fleet { missing, hosts: hosts.into_iter().map(|host| (host.name.clone(), Arc::new(host))).collect() }
    }
}

impl Fleet {
    /// With what is known to be missing: sources, or hosts, by a name and why.
    #[must_use]
    pub fn with_missing(self, missing: BTreeMap<String, String>) -> Fleet {
        Fleet { missing, ..self }
    }

    /// What belongs to the fleet and is not in it: an answer of all of it is not whole.
    pub fn missing(&self) -> &BTreeMap<String, String> {
        &self.missing
    }

    /// The hosts, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Arc<Host>> {
        self.hosts.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Whether it lists a host of this name at this URL.
    pub fn lists(&self, host: &Host) -> bool {
        let is_it = |known: &Arc<Host>| known.url == host.url && known.is_given == host.is_given;
        self.hosts.get(&host.name).is_some_and(is_it)
    }

    /// The hosts that a request names, each once, by name: letter for letter, or with `*`
    /// (any characters, or none) and `?` (any one character). No name at all means the
    /// whole fleet. Of several names of one URL ([`same`]) one is chosen. Works in turns: there
    /// may be many names and patterns.
    ///
    /// A name or a pattern that is nobody's is a problem (`unknown_host`), and so is a fleet
    /// without hosts.
    pub async fn select(&self, hostnames: &[String]) -> Result<Vec<Arc<Host>>, Problem> {
        if hostnames.is_empty() {
            if self.is_empty() {
                return Err(Problem::new(
                    Code::UnknownHost,
                    format!("{EMPTY}; GET /readyz says when it is not"),
                ));
            }
            return Ok(same::distinct(self.hosts()));
        }
        let asked: BTreeSet<&str> = hostnames.iter().map(String::as_str).collect();
        let (patterns, names): (Vec<&str>, Vec<&str>) =
            asked.into_iter().partition(|name| Pattern::is_one(name));
        if patterns.len() > PATTERNS {
            let detail = format!("{} patterns in hostname: at most {PATTERNS} are taken", patterns.len());
            return Err(Problem::new(Code::BadParameter, detail));
        }
        let mut turn = Turn::begin();
        let mut chosen = BTreeMap::new();
        for name in names {
            let Some(host) = self.hosts.get(name) else {
                return Err(unknown::name(self, name, &mut turn).await);
            };
            chosen.insert(host.name.as_str(), host);
        }
        for text in patterns {
            let pattern = Pattern::new(text);
            let mut is_anybodys = false;
            for host in self.hosts() {
                if pattern.matches(&host.name) {
                    is_anybodys = true;
                    chosen.insert(host.name.as_str(), host);
                }
                turn.step().await;
            }
            if !is_anybodys {
                return Err(unknown::pattern(self, text));
            }
        }
        Ok(same::distinct(chosen.into_values()))
    }
}

/// Whether hosts are asked for that nobody named: all, or those of a pattern.
pub fn is_open(hostnames: &[String]) -> bool {
    hostnames.is_empty() || hostnames.iter().any(|name| Pattern::is_one(name))
}

/// What to do about a fleet without hosts.
pub const EMPTY: &str = "the fleet is empty: name its hosts with --secondary NAME=URL, --fleet-file PATH or --fleet-dns NAME:PORT";

#[cfg(test)]
mod tests;
