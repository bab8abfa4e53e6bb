//! The union of what the sources say, in which each name is one host's.
//!
//! 1. A name that a flag or the file gives is kept, whatever else is called by it.
//! 2. An address without a name, which no name above is given to, is listed under the name
//!    that its secondary gives itself; until it gives one, under the address.
//! 3. Where that name is taken – by 1, by an address that comes before it, or by the
//!    spelling of another address – it is listed as `NAME@ADDRESS`, and a warning says so.
//!    No name holds an `@`, so that this is free.

use super::HOSTS;
use super::member::{self, Member};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The union.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The URL of each name.
    pub urls: BTreeMap<String, String>,
    /// What was listed as `NAME@ADDRESS`.
    pub clashes: BTreeSet<String>,
    /// How many there was no room for.
    pub left_out: usize,
}

/// Whether each name that was given has one URL, and all are within the bound. The error
/// is one line for the one who configured it.
pub fn check<'m>(given: impl IntoIterator<Item = (&'static str, &'m Member)>) -> Result<(), String> {
    let mut urls: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut count = 0;
    for (flag, member) in given {
        count += 1;
        let Some(name) = &member.name else { continue };
        let (before, url) = *urls.entry(name).or_insert((flag, &member.url));
        if url != member.url {
            return Err(format!(
                "{flag} {name}: two URLs for one name, {url} ({before}) and {}: give each host a name of its own",
                member.url
            ));
        }
    }
    if count > HOSTS {
        return Err(format!(
            "{count} hosts: a primary takes {HOSTS}; give each part of the fleet one of its own"
        ));
    }
    Ok(())
}

/// The union of `members`, of which [`check`] had nothing to say of those with names.
/// `called` tells the name that a secondary gives itself, by its URL.
pub fn merged<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    called: impl Fn(&str) -> Option<&'m str>,
) -> Merged {
    let (named, unnamed): (Vec<&Member>, Vec<&Member>) =
        members.into_iter().partition(|member| member.name.is_some());
    let mut merged = Merged::default();
    for Member { name, url } in named {
        merged.urls.extend(name.clone().map(|name| (name, url.clone())));
    }
    let given: BTreeSet<String> = merged.urls.values().cloned().collect();
    let mut addresses: Vec<&str> = unnamed
        .into_iter()
        .map(Member::address)
        .filter(|address| !given.contains(&member::url(address)))
        .collect();
    // As numbers where they are numbers, so that the order is the one that people expect.
    addresses.sort_by_key(|address| (address.parse::<SocketAddr>().ok(), *address));
    addresses.dedup();
    merged.left_out = addresses.len().saturating_sub(HOSTS.saturating_sub(merged.urls.len()));
    addresses.truncate(addresses.len() - merged.left_out);
    let spellings: BTreeSet<&str> = addresses.iter().copied().collect();
    for address in addresses {
        let url = member::url(address);
        let name = called(&url).unwrap_or(address);
        let taken = merged.urls.contains_key(name) || (name != address && spellings.contains(name));
        let name = if taken { format!("{name}@{address}") } else { name.to_owned() };
        if taken {
            merged.clashes.insert(name.clone());
        }
        merged.urls.insert(name, url);
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(text: &str) -> Member {
        match text.split_once('=') {
            Some((name, address)) => Member { name: Some(name.to_owned()), url: member::url(address) },
            None => Member { name: None, url: member::url(text) },
        }
    }

    fn union(members: &[&str], called: &[(&'static str, &'static str)]) -> Vec<String> {
        let members: Vec<Member> = members.iter().copied().map(member).collect();
        let called =
            |url: &str| called.iter().find(|(address, _)| member::url(address) == url).map(|(_, name)| *name);
        let merged = merged(&members, called);
        merged.urls.iter().map(|(name, url)| format!("{name}={}", member::address(url))).collect()
    }

    #[test]
    fn an_address_is_its_own_name_until_it_gives_one() {
        assert_eq!(union(&["10.0.0.1:1", "a=h:1"], &[]), ["10.0.0.1:1=10.0.0.1:1", "a=h:1"]);
        assert_eq!(union(&["10.0.0.1:1", "a=h:1"], &[("10.0.0.1:1", "b")]), ["a=h:1", "b=10.0.0.1:1"]);
    }

    #[test]
    fn a_url_that_has_a_name_is_not_listed_again_as_an_address() {
        let members = ["a=10.0.0.1:1", "b=10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:1"];
        assert_eq!(union(&members, &[("10.0.0.1:1", "c")]), ["a=10.0.0.1:1", "b=10.0.0.1:1"]);
    }

    #[test]
    fn of_several_that_call_themselves_the_same_none_is_lost() {
        let called = [("10.0.0.2:1", "x"), ("10.0.0.10:1", "x"), ("[::1]:1", "x")];
        assert_eq!(
            union(&["[::1]:1", "10.0.0.10:1", "10.0.0.2:1"], &called),
            ["x=10.0.0.2:1", "x@10.0.0.10:1=10.0.0.10:1", "x@[::1]:1=[::1]:1"]
        );
        assert_eq!(
            union(&["x=h:1", "10.0.0.2:1"], &called),
            ["x=h:1", "x@10.0.0.2:1=10.0.0.2:1"],
            "a given name is kept"
        );
    }

    #[test]
    fn nobody_takes_the_address_of_another_for_a_name() {
        for members in [["1.1.1.1:1", "2.2.2.2:2"], ["2.2.2.2:2", "1.1.1.1:1"]] {
            assert_eq!(
                union(&members, &[("1.1.1.1:1", "2.2.2.2:2")]),
                ["2.2.2.2:2=2.2.2.2:2", "2.2.2.2:2@1.1.1.1:1=1.1.1.1:1"]
            );
            assert_eq!(
                union(&members, &[("2.2.2.2:2", "1.1.1.1:1"), ("1.1.1.1:1", "z")]),
                ["1.1.1.1:1@2.2.2.2:2=2.2.2.2:2", "z=1.1.1.1:1"]
            );
        }
        assert_eq!(
            union(&["1.1.1.1:1=h:1", "1.1.1.1:1"], &[]),
            ["1.1.1.1:1=h:1", "1.1.1.1:1@1.1.1.1:1=1.1.1.1:1"]
        );
    }

    #[test]
    fn there_is_an_end_to_a_fleet() {
        let members: Vec<Member> = (0..HOSTS + 2).map(|n| member(&format!("h{n}:1"))).collect();
        let merged = merged(&members, |_| None);
        assert_eq!((merged.urls.len(), merged.left_out), (HOSTS, 2));
        assert!(check(members.iter().map(|member| ("--fleet-file", member))).is_err());
        assert!(check(members[2..].iter().map(|member| ("--fleet-file", member))).is_ok());
    }

    #[test]
    fn two_urls_for_one_name_are_refused_and_two_names_for_one_url_are_not() {
        let checked = |list: [&str; 2]| {
            let members = list.map(member);
            check([("--secondary", &members[0]), ("--fleet-file", &members[1])])
        };
        let error = checked(["a=h:1", "a=h:2"]).unwrap_err();
        assert_eq!(
            error,
            "--fleet-file a: two URLs for one name, http://h:1 (--secondary) and http://h:2: give each host a name of its own"
        );
        assert_eq!(checked(["a=h:1", "b=h:1"]), Ok(()));
        assert_eq!(checked(["a=h:1", "a=h:1"]), Ok(()));
    }
}
