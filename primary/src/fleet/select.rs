//! Which hosts a request names.

use super::pattern::Pattern;
use super::{EMPTY, Fleet, same, unknown};
use crate::host::Host;
use crate::turn::Turn;
use backscroll_shared::wire::problem::{Code, Problem};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Different patterns in one request. Each is compared with every name, on a thread that serves
/// other clients as well. All of them fit into the target of one request, which limits what one
/// name costs.
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
    /// Whether the request asks hosts that it does not name: all, or those of a pattern. Then what
    /// is [missing](Fleet::missing) from the fleet is missing from its answer.
    pub open: bool,
}

impl Fleet {
    /// Finds the hosts that a request names. A name is compared letter for letter, unless it holds
    /// a `*` (any characters, or none) or a `?` (any one character). A request without names asks
    /// the whole fleet. Where several names have one URL ([`same`]), one of them is chosen.
    ///
    /// A name or a pattern without a host is a problem (`unknown_host`), and so is a fleet without
    /// hosts. There may be many names and patterns, so this yields to other tasks meanwhile.
    pub async fn select(&self, hostnames: &[String]) -> Result<Selection, Problem> {
        if hostnames.is_empty() {
            if self.is_empty() {
                return Err(Problem::new(
                    Code::UnknownHost,
                    format!("{EMPTY}; GET /readyz says when it is not"),
                ));
            }
            return Ok(Selection { hosts: same::distinct(self.hosts()), exact: false, open: true });
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
        let mut chosen = BTreeMap::new();
        for name in names {
            let Some(host) = self.get(name) else {
                return Err(unknown::name(self, name, &mut turn).await);
            };
            chosen.insert(host.name.as_str(), host);
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
            if !has_host {
                return Err(unknown::pattern(self, text));
            }
        }
        Ok(Selection { hosts: same::distinct(chosen.into_values()), exact: exact && !open, open })
    }
}

#[cfg(test)]
mod tests;
