//! Who is out there. A name that is asked for is only ever looked up here: nothing that a
//! client writes becomes an address.

use backscroll_shared::query::quoted;
use backscroll_shared::wire::problem::{Code, Problem};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One host that has logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name in the fleet.
    pub name: String,
    /// Where its secondary listens, as in `http://10.0.0.1:8001`: no slash at the end.
    pub url: String,
}

/// The hosts, by name. It does not change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fleet {
    hosts: BTreeMap<String, Arc<Host>>,
}

impl Fleet {
    /// A fleet of these hosts. The error is one line for the one who configured it.
    pub fn new(hosts: impl IntoIterator<Item = Host>) -> Result<Fleet, String> {
        let mut fleet = Fleet::default();
        for host in hosts {
            if let Some(other) = fleet.hosts.get(&host.name)
                && other.url != host.url
            {
                return Err(format!(
                    "--secondary {}: two URLs for one name, {} and {}: give each host a name of its own",
                    host.name, other.url, host.url
                ));
            }
            fleet.hosts.insert(host.name.clone(), Arc::new(host));
        }
        Ok(fleet)
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

    /// The hosts that a request names.
    pub fn select(&self, hostnames: &[String]) -> Result<Vec<Arc<Host>>, Problem> {
        if hostnames.is_empty() || hostnames.iter().any(|name| name.ends_with('*')) {
            return Ok(self.hosts().cloned().collect());
        }
        let hostnames: std::collections::BTreeSet<&String> = hostnames.iter().collect();
        let known = |name: &String| {
            self.hosts
                .get(name)
                .cloned()
                .ok_or_else(|| Problem::new(Code::UnknownHost, quoted(name.as_bytes())))
        };
        hostnames.into_iter().map(known).collect()
    }
}
