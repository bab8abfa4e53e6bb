//! One host by several names or addresses: both address families, two spellings, two sources.
//!
//! Names of one URL are one host, and a request asks it once. Each name stays: who asks for
//! it by itself is answered under it.
//!
//! URLs at which the same secondary answers, as its
//! [instance](backscroll_shared::wire::instance) tells, are one host too, and lists show them
//! as one. A request asks each of them all the same: what was known of an address may be old,
//! as an address can move from one machine to another. The answers themselves tell which
//! secondary they are of, and only one answer of each is read.

use super::Host;
use std::collections::HashMap;
use std::sync::Arc;

/// One host, and the others in the fleet that are the same one.
#[derive(Debug)]
pub struct Same<'f> {
    /// The one that stands for all.
    pub host: &'f Arc<Host>,
    /// The others, by name.
    pub others: Vec<&'f Arc<Host>>,
}

/// Which of two names of one host is to be left for the other. A name that a source gave
/// comes before one that a secondary gave itself, so that nobody takes a configured host's
/// place by saying that he is it. Then the first by name.
pub fn rank(host: &Host) -> (bool, &str) {
    (!host.is_given, &host.name)
}

/// `hosts` grouped by what is known of them, in the order of the names that stand for them.
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

/// Of each URL among `hosts` the name that is asked, in the order of the names.
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
mod tests {
    use super::*;
    use crate::fleet::Fleet;
    use crate::health::Health;
    use backscroll_shared::wire::instance::Instance;

    /// `NAME=URL` is given, `NAME@URL` is not.
    fn fleet(hosts: &[(&str, Option<u128>)]) -> Fleet {
        let mut healths: HashMap<String, Arc<Health>> = HashMap::new();
        let host = |(text, instance): &(&str, Option<u128>)| {
            let at = text.find(['=', '@']).unwrap();
            let (name, url) = (text[..at].to_owned(), text[at + 1..].to_owned());
            let health = healths.entry(url.clone()).or_default();
            let health = Arc::clone(health);
            if let Some(bits) = instance {
                health.answered(Instance::new(*bits));
            }
            Host { name, url, is_given: text.as_bytes()[at] == b'=', health }
        };
        hosts.iter().map(host).collect()
    }

    fn select(fleet: &Fleet, asked: &[&str]) -> Vec<String> {
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        crate::fleet::tests::selected(fleet, &asked).unwrap().iter().map(|host| host.name.clone()).collect()
    }

    #[test]
    fn names_of_one_url_are_asked_once_and_each_url_is_asked() {
        for (hosts, expected) in [
            (&[("a=u", None), ("b=u", None)][..], &["a"][..]),
            (&[("a=u", None), ("b=v", None)], &["a", "b"]),
            (&[("a@u", None), ("b=u", None)], &["b"]),
            // What answered there last may be somewhere else by now.
            (&[("a=u", Some(1)), ("b=v", Some(1))], &["a", "b"]),
            (&[("a@u", Some(1)), ("b=v", Some(1)), ("c=v", Some(1)), ("d=w", Some(3))], &["a", "b", "d"]),
        ] {
            assert_eq!(select(&fleet(hosts), &[]), expected, "{hosts:?}");
            assert_eq!(select(&fleet(hosts), &["*"]), expected, "{hosts:?}");
        }
    }

    #[test]
    fn lists_show_urls_of_one_instance_as_one_host() {
        for (hosts, expected) in [
            (&[("a=u", None), ("b=u", None)][..], &["a"][..]),
            (&[("a=u", Some(1)), ("b=v", Some(1))], &["a"]),
            (&[("a=u", Some(1)), ("b=v", Some(2))], &["a", "b"]),
            (&[("a=u", Some(1)), ("b=v", None)], &["a", "b"]),
            (&[("a@u", Some(1)), ("b=v", Some(1)), ("c=v", Some(1)), ("d=w", Some(3))], &["b", "d"]),
            (&[("a=u", Some(1)), ("b=v", Some(1)), ("c=w", Some(1))], &["a"]),
        ] {
            let fleet = fleet(hosts);
            let shown: Vec<&str> = grouped(fleet.hosts()).iter().map(|group| &*group.host.name).collect();
            assert_eq!(shown, expected, "{hosts:?}");
        }
    }

    #[test]
    fn each_name_can_be_asked_for_by_itself() {
        let fleet = fleet(&[("a=u", Some(1)), ("b=u", Some(1)), ("c@u", Some(1)), ("d=x", Some(2))]);
        for (asked, expected) in [
            (&["b"][..], &["b"][..]),
            (&["c"], &["c"]),
            (&["c", "b"], &["b"]),
            (&["b", "a"], &["a"]),
            (&["?"], &["a", "d"]),
            (&["c*", "d"], &["c", "d"]),
        ] {
            assert_eq!(select(&fleet, asked), expected, "{asked:?}");
        }
    }
}
