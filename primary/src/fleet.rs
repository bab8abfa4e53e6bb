//! Who is out there. A name that is asked for is only ever looked up here: nothing that a
//! client writes becomes an address.

use backscroll_shared::query::quoted;
use backscroll_shared::wire::problem::{Code, Problem};
use std::collections::BTreeMap;

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
    hosts: BTreeMap<String, Host>,
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
            fleet.hosts.insert(host.name.clone(), host);
        }
        Ok(fleet)
    }

    /// The hosts, by name.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
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

    /// The one host that a request names, letter for letter.
    pub fn one(&self, hostnames: &[String]) -> Result<&Host, Problem> {
        let not_yet = |what: &str| {
            Err(Problem::new(
                Code::NotImplemented,
                format!(
                    "{what} is not built yet: name exactly one host, as in hostname=NAME; GET /hosts lists the names"
                ),
            ))
        };
        match hostnames {
            [] => not_yet("asking the whole fleet"),
            [name] if name.contains(['*', '?']) => not_yet("a hostname with wildcards"),
            [name] => self.hosts.get(name).ok_or_else(|| {
                Problem::new(
                    Code::UnknownHost,
                    format!("no host {} in the fleet: GET /hosts lists the names", quoted(name.as_bytes())),
                )
            }),
            _ => not_yet("asking several hosts"),
        }
    }
}
