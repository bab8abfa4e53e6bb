//! What belongs to the fleet and is not in it. Its records are missing from each answer that asks for
//! it, so none of these is complete.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The state of a host that is missing.
pub const MISSING: &str = "missing";

/// Hosts that a text names. The others are counted.
const NAMED: usize = 5;

/// What is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// The host of this name.
    Host,
    /// So many hosts whose names are not known.
    Hosts(usize),
    /// A source of the fleet. How many hosts it has is not known.
    Source,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent {
    /// What it is.
    pub what: What,
    /// Why it is missing, and what to do.
    pub why: Arc<str>,
}

/// All that is missing, by name. What has no name is called `+N`, as the N hosts that
/// `Log-Hosts-Failed` has no room for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing(BTreeMap<String, Absent>);

impl Missing {
    /// Adds a host that is missing.
    pub fn add_host(&mut self, name: &str, why: impl Into<Arc<str>>) {
        self.add(name.to_owned(), What::Host, why.into());
    }

    /// Adds hosts whose names are not known.
    pub fn add_hosts(&mut self, hosts: usize, why: impl Into<Arc<str>>) {
        self.add(format!("+{hosts}"), What::Hosts(hosts), why.into());
    }

    /// Adds a source whose hosts are not known. `name` says what the answer calls it.
    pub fn add_source(&mut self, name: &str, why: impl Into<Arc<str>>) {
        self.add(name.to_owned(), What::Source, why.into());
    }

    fn add(&mut self, name: String, what: What, why: Arc<str>) {
        use std::collections::btree_map::Entry;
        match self.0.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert(Absent { what, why });
            }
            // A host may be called `+1` too. Nothing is lost, and nobody sees it who may not.
            Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                known.why = format!("{}; {why}", known.why).into();
                known.what = match (known.what.hosts(), what.hosts()) {
                    (0, _) | (_, 0) => What::Source,
                    (some, more) => What::Hosts(some.saturating_add(more)),
                };
            }
        }
    }

    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is missing, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Absent)> {
        self.0.iter().map(|(name, absent)| (name.as_str(), absent))
    }

    /// The hosts whose names are known, each with the reason.
    pub fn hosts(&self) -> impl Iterator<Item = (&str, &Arc<str>)> {
        self.iter().filter(|(_, absent)| absent.what == What::Host).map(|(name, absent)| (name, &absent.why))
    }

    /// Why the host of this name is missing, if it is.
    pub fn host(&self, name: &str) -> Option<&Arc<str>> {
        self.0.get(name).filter(|absent| absent.what == What::Host).map(|absent| &absent.why)
    }

    /// What is missing without the name of a host: it may be any host.
    pub fn unnamed(&self) -> impl Iterator<Item = (&str, &Absent)> {
        self.iter().filter(|(_, absent)| absent.what != What::Host)
    }

    /// How many hosts are missing, without those of sources, which are not known.
    pub fn host_count(&self) -> usize {
        self.0.values().map(|absent| absent.what.hosts()).fold(0, usize::saturating_add)
    }

    /// How many sources are missing.
    pub fn source_count(&self) -> usize {
        self.0.values().filter(|absent| absent.what == What::Source).count()
    }

    /// Takes over from `other` what has no name.
    pub(super) fn take_unnamed(&mut self, other: &Missing) {
        self.0.extend(other.unnamed().map(|(name, absent)| (name.to_owned(), absent.clone())));
    }

    /// What there is to say of it, in a few texts, however many hosts are missing.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = self.unnamed().map(|(_, absent)| absent.why.to_string()).collect();
        let hosts: Vec<(&str, &Arc<str>)> = self.hosts().collect();
        match &hosts[..] {
            [] => {}
            [(name, why)] => reasons.push(format!("host {name}: {why}")),
            many => reasons.push(format!(
                "{} expected hosts are missing: {}; GET /hosts says why",
                many.len(),
                named(many.iter().map(|(name, _)| *name))
            )),
        }
        reasons
    }
}

impl What {
    /// How many hosts it is; 0 where that is not known.
    pub fn hosts(self) -> usize {
        match self {
            What::Host => 1,
            What::Hosts(hosts) => hosts,
            What::Source => 0,
        }
    }
}

/// The first few names, and how many more there are.
fn named<'n>(names: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let first = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_same_name_is_told_together_and_counted_together() {
        let mut missing = Missing::default();
        missing.add_hosts(2, "the fleet is full".to_owned());
        missing.add_hosts(2, "14 hosts are expected".to_owned());
        missing.add_host("+2", "it is expected".to_owned());
        let (name, absent) = missing.iter().next().unwrap();
        assert_eq!((name, absent.what, missing.host_count()), ("+2", What::Hosts(5), 5));
        assert_eq!(&*absent.why, "the fleet is full; 14 hosts are expected; it is expected");
        assert_eq!((missing.host("+2"), missing.hosts().count()), (None, 0), "nobody is named");
        missing.add_source("+2", "it has no address".to_owned());
        assert_eq!((missing.host_count(), missing.source_count()), (0, 1));
    }

    #[test]
    fn the_reasons_are_short_however_many_hosts_are_missing() {
        let mut missing = Missing::default();
        missing.add_host("web1", "it is expected".to_owned());
        assert_eq!(missing.reasons(), ["host web1: it is expected"]);
        for n in 2..=100 {
            missing.add_host(&format!("web{n}"), "it is expected".to_owned());
        }
        missing.add_source("db.internal:1", "it has had no address yet".to_owned());
        let reasons = missing.reasons();
        assert_eq!((reasons.len(), &*reasons[0]), (2, "it has had no address yet"));
        assert!(reasons[1].starts_with("100 expected hosts are missing"), "{reasons:?}");
        assert!(reasons[1].ends_with("and 95 more; GET /hosts says why"), "{reasons:?}");
    }
}
