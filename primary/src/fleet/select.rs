//! Which hosts a request names.

use super::missing::Missing;
use super::{EMPTY, Fleet, same, unknown};
use crate::host::Host;
use crate::turn::Turn;
use backscroll_shared::query::pattern::Pattern;
use backscroll_shared::wire::problem::{Code, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Different patterns in one request. Each is compared with every name, on a thread that serves
/// other clients as well. [`limits::HOSTNAME_BYTES`](backscroll_shared::limits::HOSTNAME_BYTES)
/// limits what one costs.
const PATTERNS: usize = 64;

/// The hosts that a request asks.
#[derive(Debug)]
pub struct Selection {
    /// The hosts, by name, and one for each URL.
    pub hosts: Vec<Arc<Host>>,
    /// Whether the request asks exactly one host, by its whole name. Then the host is the only one
    /// of `hosts`, and its lines are delivered without its name. A name that is given twice counts
    /// once.
    pub exact: bool,
    /// Whether the request asks hosts that it does not name: all, or those of a pattern.
    pub open: bool,
    /// What it asks for and the fleet does not [have](Fleet::missing).
    pub missing: Arc<Missing>,
}

impl Fleet {
    /// Finds the hosts that a request names. A name is compared letter for letter, unless it holds
    /// a `*` (any characters, or none) or a `?` (any one character). A request without names asks
    /// the whole fleet. Where several names have one URL ([`same`]), one of them is chosen.
    ///
    /// A name or a pattern without a host is a problem (`unknown_host`), and so is a fleet without
    /// hosts. A host that is expected and missing is one that fails: alone it is a problem
    /// (`upstream_unreachable`). There may be many names and patterns, so this yields to other tasks
    /// meanwhile.
    pub async fn select(&self, hostnames: &[String]) -> Result<Selection, Problem> {
        if hostnames.is_empty() {
            if self.is_empty() && self.missing().host_count() == 0 {
                return Err(Problem::new(
                    Code::UnknownHost,
                    format!("{EMPTY}; GET /readyz says when it is not"),
                ));
            }
            let (hosts, missing) = (same::distinct(self.hosts()), Arc::clone(self.missing()));
            return Ok(Selection { hosts, exact: false, open: true, missing });
        }
        let asked: BTreeSet<&str> = hostnames.iter().map(String::as_str).collect();
        let exact = asked.len() == 1;
        let (patterns, names): (Vec<&str>, Vec<&str>) =
            asked.into_iter().partition(|name| Pattern::is_one(name));
        let open = !patterns.is_empty();
        if patterns.len() > PATTERNS {
            let detail = format!("{} patterns in hostname: at most {PATTERNS} are taken", patterns.len());
            return Err(Problem::new(Code::BadParameter, detail));
        }
        let mut turn = Turn::begin();
        let (mut chosen, mut missing) = (BTreeMap::new(), Missing::default());
        for name in names {
            match (self.get(name), self.missing().host(name)) {
                (Some(host), _) => {
                    chosen.insert(host.name.as_str(), host);
                }
                (None, Some(why)) if exact => return Err(unknown::missing(name, why)),
                (None, Some(why)) => missing.add_host(name, Arc::clone(why)),
                (None, None) => return Err(unknown::name(self, name, &mut turn).await),
            }
        }
        for text in patterns {
            let pattern = Pattern::new(text);
            let mut has_host = false;
            for host in self.hosts() {
                if pattern.matches(&host.name) {
                    has_host = true;
                    chosen.insert(host.name.as_str(), host);
                }
                turn.step().await;
            }
            for (name, why) in self.missing().hosts() {
                if pattern.matches(name) {
                    has_host = true;
                    missing.add_host(name, Arc::clone(why));
                }
                turn.step().await;
            }
            if !has_host {
                return Err(unknown::pattern(self, text));
            }
        }
        if open {
            missing.take_unnamed(self.missing());
        }
        let hosts = same::distinct(chosen.into_values());
        Ok(Selection { hosts, exact: exact && !open, open, missing: Arc::new(missing) })
    }
}

#[cfg(test)]
mod tests;
