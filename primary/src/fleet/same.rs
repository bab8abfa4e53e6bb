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

#[cfg(test)]
mod tests;
