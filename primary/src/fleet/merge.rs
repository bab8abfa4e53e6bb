//! Merges what the sources say. In the outcome each name belongs to one host.
//!
//! 1. A name that a flag or the file gives is kept.
//! 2. An address to which no source gives a name is listed under the name that its secondary gives
//!    itself, and until then under the address.
//! 3. If that name is taken, it is listed as `NAME@ADDRESS`, and a warning says so. A name is taken
//!    by rule 1, by an address that had it before or comes before this one, and by another address
//!    that is spelled like it. No name holds an `@`, so `NAME@ADDRESS` is always free.
//! 4. A host that is in the fleet stays in it. A new host gets neither the name nor the room of a
//!    host that is there, whatever their addresses are.

use super::HOSTS;
use super::member::{self, Member};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// The outcome.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The URL of each name.
    pub urls: BTreeMap<String, String>,
    /// What was listed as `NAME@ADDRESS`.
    pub clashes: BTreeSet<String>,
    /// How many hosts there was no room for.
    pub left_out: usize,
}

/// Two sources, or one, give a name two URLs. One line for the one who configured it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{flag} {name}: two URLs for one name, {before_url} ({before_flag}) and {url}: give each host a name of its own"
)]
pub struct TwoUrls {
    flag: &'static str,
    name: String,
    url: String,
    before_flag: &'static str,
    before_url: String,
}

/// Checks that each name has one URL. Each member comes with the flag that gave it.
pub fn check<'m>(given: impl IntoIterator<Item = (&'static str, &'m Member)>) -> Result<(), TwoUrls> {
    let mut urls: BTreeMap<&str, (&'static str, &str)> = BTreeMap::new();
    for (flag, member) in given {
        let Some(name) = &member.name else { continue };
        let (before_flag, before_url) = *urls.entry(name).or_insert((flag, &member.url));
        if before_url != member.url {
            let (name, url, before_url) = (name.clone(), member.url.clone(), before_url.to_owned());
            return Err(TwoUrls { flag, name, url, before_flag, before_url });
        }
    }
    Ok(())
}

/// Merges `members`, whose names have passed [`check`]. `called` gives the name that the secondary at
/// a URL gives itself. `before` is the outcome as it was, the URL of each name.
pub fn merged<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    called: impl Fn(&str) -> Option<&'m str>,
    before: &BTreeMap<String, String>,
) -> Merged {
    let (named, unnamed): (Vec<&Member>, Vec<&Member>) =
        members.into_iter().partition(|member| member.name.is_some());
    let mut urls: BTreeMap<String, String> = BTreeMap::new();
    let mut left_out: BTreeSet<&str> = BTreeSet::new();
    let is_known = |name: &Option<String>| name.as_ref().is_some_and(|name| before.contains_key(name));
    // Hosts that are in the fleet come first, in case there is no room for all.
    let (known, new): (Vec<&Member>, Vec<&Member>) =
        named.into_iter().partition(|member| is_known(&member.name));
    for Member { name, url } in known.into_iter().chain(new) {
        let Some(name) = name else { continue };
        if urls.len() < HOSTS || urls.contains_key(name) {
            urls.insert(name.clone(), url.clone());
        } else {
            left_out.insert(name);
        }
    }
    let given: BTreeSet<String> = urls.values().cloned().collect();
    let in_fleet: BTreeSet<&str> = before.values().map(String::as_str).collect();
    let mut addresses: Vec<&str> =
        unnamed.into_iter().map(|member| member.url.as_str()).filter(|url| !given.contains(*url)).collect();
    // Addresses that are numbers are sorted as numbers, which is the order that people expect.
    addresses.sort_by_cached_key(|url| {
        let address = member::address(url);
        let has_name = called(url).is_some_and(|name| before.get(name).is_some_and(|known| known == url));
        (!has_name, !in_fleet.contains(url), address.parse::<SocketAddr>().ok(), address, *url)
    });
    addresses.dedup();
    let more = addresses.len().saturating_sub(HOSTS.saturating_sub(urls.len()));
    addresses.truncate(addresses.len() - more);
    let mut merged = Merged { urls, clashes: BTreeSet::new(), left_out: left_out.len() + more };
    let spellings: BTreeSet<&str> = addresses.iter().map(|url| member::address(url)).collect();
    for url in addresses {
        let address = member::address(url);
        let name = called(url).unwrap_or(address);
        let taken = merged.urls.contains_key(name) || (name != address && spellings.contains(name));
        let mut own = if taken { format!("{name}@{address}") } else { name.to_owned() };
        if merged.urls.contains_key(&own) {
            // The same address is listed with http and with https.
            own = format!("{name}@{url}");
        }
        if taken {
            merged.clashes.insert(own.clone());
        }
        merged.urls.insert(own, url.to_owned());
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::member::Scheme;
    use super::*;

    fn member(text: &str) -> Member {
        match text.split_once('=') {
            Some((name, address)) => {
                Member { name: Some(name.to_owned()), url: member::url(Scheme::Http, address) }
            }
            None => Member { name: None, url: member::url(Scheme::Http, text) },
        }
    }

    type Called<'c> = &'c [(&'static str, &'static str)];

    fn union_after(before: &BTreeMap<String, String>, members: &[&str], called: Called<'_>) -> Merged {
        let members: Vec<Member> = members.iter().copied().map(member).collect();
        let called = |url: &str| {
            called
                .iter()
                .find(|(address, _)| member::url(Scheme::Http, address) == url)
                .map(|(_, name)| *name)
        };
        merged(&members, called, before)
    }

    fn shown(merged: &Merged) -> Vec<String> {
        merged.urls.iter().map(|(name, url)| format!("{name}={}", member::address(url))).collect()
    }

    fn union(members: &[&str], called: Called<'_>) -> Vec<String> {
        shown(&union_after(&BTreeMap::new(), members, called))
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
    fn who_has_a_name_keeps_it_for_as_long_as_it_is_in_the_fleet() {
        let called = [("10.0.0.1:1", "x"), ("10.0.0.5:1", "x"), ("10.0.0.9:1", "x")];
        let first = union_after(&BTreeMap::new(), &["10.0.0.5:1"], &called);
        assert_eq!(shown(&first), ["x=10.0.0.5:1"]);
        let all = ["10.0.0.9:1", "10.0.0.1:1", "10.0.0.5:1"];
        let second = union_after(&first.urls, &all, &called);
        let expected = ["x=10.0.0.5:1", "x@10.0.0.1:1=10.0.0.1:1", "x@10.0.0.9:1=10.0.0.9:1"];
        assert_eq!(shown(&second), expected);
        assert_eq!(union_after(&second.urls, &all, &called), second, "it stays so");
        let gone = union_after(&second.urls, &all[..2], &called);
        assert_eq!(shown(&gone), ["x=10.0.0.1:1", "x@10.0.0.9:1=10.0.0.9:1"]);
        let back = union_after(&gone.urls, &all, &called);
        assert!(back.urls["x"].contains("10.0.0.1"), "it has been somebody else's: {back:?}");
        let other = [("10.0.0.1:1", "x"), ("10.0.0.5:1", "y"), ("10.0.0.9:1", "x")];
        let renamed = union_after(&second.urls, &all, &other);
        let expected = ["x=10.0.0.1:1", "x@10.0.0.9:1=10.0.0.9:1", "y=10.0.0.5:1"];
        assert_eq!(shown(&renamed), expected, "it calls itself something else");
    }

    #[test]
    fn there_is_an_end_to_a_fleet_and_who_is_in_it_stays() {
        let name = |n: usize| format!("h{n:05}:1");
        for given in [0, 10, HOSTS + 2] {
            let one = |n: usize| member(&if n < given { format!("g{n:05}={}", name(n)) } else { name(n) });
            let members: Vec<Member> = (0..HOSTS + 2).map(one).collect();
            let first = merged(&members[2..], |_| None, &BTreeMap::new());
            assert_eq!((first.urls.len(), first.left_out), (HOSTS, 0), "{given}");
            let more = merged(&members, |_| None, &first.urls);
            assert_eq!((more.urls.len(), more.left_out), (HOSTS, 2), "{given}");
            // A name that was given comes before an address all the same.
            let kept = if given == 10 { HOSTS - 2 } else { HOSTS };
            assert_eq!(more.urls.iter().filter(|(name, _)| first.urls.contains_key(*name)).count(), kept);
            let fewer = merged(&members[1..], |_| None, &more.urls);
            assert_eq!((fewer.urls.len(), fewer.left_out), (HOSTS, 1), "{given}");
        }
    }

    #[test]
    fn one_address_with_two_schemes_is_two_hosts() {
        let [plain, tls] = [Scheme::Http, Scheme::Https]
            .map(|scheme| Member { name: None, url: member::url(scheme, "10.0.0.1:1") });
        for name in [None, Some("x")] {
            let merged = merged([&plain, &tls], |_| name, &BTreeMap::new());
            let urls: BTreeSet<&String> = merged.urls.values().collect();
            assert_eq!(urls, BTreeSet::from([&plain.url, &tls.url]), "{merged:?}");
        }
    }

    #[test]
    fn two_urls_for_one_name_are_refused_and_two_names_for_one_url_are_not() {
        let checked = |list: [&str; 2]| {
            let members = list.map(member);
            check([("--secondary", &members[0]), ("--fleet-file", &members[1])])
        };
        let error = checked(["a=h:1", "a=h:2"]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "--fleet-file a: two URLs for one name, http://h:1 (--secondary) and http://h:2: give each host a name of its own"
        );
        assert_eq!(checked(["a=h:1", "b=h:1"]), Ok(()));
        assert_eq!(checked(["a=h:1", "a=h:1"]), Ok(()));
    }
}
