//! One host under several names or addresses: both address families, two spellings, two sources.
//!
//! Names of one URL are one host, and a request asks it once. Each name stays in the fleet, and a
//! request for one of them is answered under that name.
//!
//! URLs at which the same secondary answers, by its
//! [instance](backscroll_shared::wire::instance), are one host too, and lists show them as one. A
//! request asks each of these URLs all the same, because an address can move from one machine to
//! another. The answers say which secondary they are of, and only one answer of each is read.

use crate::host::Host;
use backscroll_shared::wire::instance::Instance;
use std::collections::HashMap;
use std::sync::Arc;

/// One host, and the others in the fleet that are the same one.
#[derive(Debug)]
pub struct Same<'f> {
    /// The one that stands for all of them.
    pub host: &'f Arc<Host>,
    /// The others, by name.
    pub others: Vec<&'f Arc<Host>>,
}

/// The order of the names of one host: the lowest one is used. A name that a source gave comes
/// before one that a secondary gave itself, so that no secondary takes the place of a configured
/// host by using its name. Then the order is that of the names.
pub fn rank(host: &Host) -> (bool, &str) {
    (!host.is_given, &host.name)
}

/// Groups `hosts` that are the same one as far as is known. Groups are in the order of the names
/// that stand for them.
pub fn grouped<'f>(hosts: impl Iterator<Item = &'f Arc<Host>>) -> Vec<Same<'f>> {
    let mut groups: Vec<Same<'f>> = Vec::new();
    let mut by_url: HashMap<&str, usize> = HashMap::new();
    let mut by_instance = HashMap::new();
    for host in hosts {
        let instance = host.health.instance();
        let known = by_url.get(host.url.as_str()).or_else(|| by_instance.get(&instance?)).copied();
        let index = known.unwrap_or(groups.len());
        by_url.insert(&host.url, index);
        by_instance.extend(instance.map(|instance| (instance, index)));
        match groups.get_mut(index) {
            Some(group) if rank(host) < rank(group.host) => {
                group.others.push(std::mem::replace(&mut group.host, host));
            }
            Some(group) => group.others.push(host),
            None => groups.push(Same { host, others: Vec::new() }),
        }
    }
    groups.sort_unstable_by_key(|group| &group.host.name);
    for group in &mut groups {
        group.others.sort_unstable_by_key(|host| &host.name);
    }
    groups
}

/// One host for each URL among `hosts`, in the order of the names.
pub fn distinct<'f>(hosts: impl Iterator<Item = &'f Arc<Host>>) -> Vec<Arc<Host>> {
    let mut by_url: HashMap<&str, &Arc<Host>> = HashMap::new();
    for host in hosts {
        let kept = by_url.entry(&host.url).or_insert(host);
        if rank(host) < rank(kept) {
            *kept = host;
        }
    }
    let mut distinct: Vec<_> = by_url.into_values().map(Arc::clone).collect();
    distinct.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    distinct
}

/// The least number of different hosts that `hosts` are. Each comes with the name that its secondary
/// gave itself last; None where it never answered.
///
/// A name from a person stands for a host, whether it answers or not. An address without such a name
/// counts only once its secondary has said its name: until then it may be another one of a host that
/// is there. What has the same URL or the same name for itself, or was the same secondary when it
/// answered last, is one host. A name that a secondary gives itself does not make one host of two to
/// which a person gives different names.
pub fn least<'f>(hosts: impl Iterator<Item = (&'f Arc<Host>, Option<&'f str>)>) -> usize {
    let (given, others): (Vec<_>, Vec<_>) = hosts.partition(|(host, _)| host.is_given);
    let others = others.into_iter().filter(|(_, own)| own.is_some());
    let (mut groups, mut of_key) = (Groups::default(), HashMap::new());
    for (host, own) in given.into_iter().chain(others) {
        let group = groups.add();
        let instance = host.health.last_instance().map(Key::Instance);
        let keys = [Some(Key::Url(&host.url)), instance, own.map(Key::Name)];
        for key in keys.into_iter().flatten() {
            let other = *of_key.entry(key).or_insert(group);
            if !(host.is_given && matches!(key, Key::Name(_))) {
                groups.unite(group, other);
            }
        }
    }
    groups.len
}

/// What two addresses of one host may have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'f> {
    Url(&'f str),
    Instance(Instance),
    Name(&'f str),
}

/// Groups that are united: each points to another one of its group, or to itself.
#[derive(Debug, Default)]
struct Groups {
    of: Vec<usize>,
    /// How many there are.
    len: usize,
}

impl Groups {
    fn add(&mut self) -> usize {
        self.of.push(self.of.len());
        self.len += 1;
        self.of.len() - 1
    }

    fn first(&mut self, mut group: usize) -> usize {
        while self.of[group] != group {
            // Half of the way is left out the next time.
            self.of[group] = self.of[self.of[group]];
            group = self.of[group];
        }
        group
    }

    fn unite(&mut self, one: usize, other: usize) {
        let (one, other) = (self.first(one), self.first(other));
        if one != other {
            self.of[one] = other;
            self.len -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
