//! Where the search of several hosts has stopped, from the verdicts on each.

use backscroll_shared::wire::verdict::{RangeFound, Status, Stopped, Verdict};
use std::collections::BTreeMap;

type Hosts = BTreeMap<String, Verdict>;

/// Why it stopped: the first of these that holds for a host. None where it is not known of all.
pub(super) fn stopped(hosts: &Hosts) -> Option<Stopped> {
    let mut kinds = [Stopped::Timeout, Stopped::Limit].into_iter();
    let is_any = |kind| searched(hosts).any(|host| host.stopped == Some(kind));
    if let Some(kind) = kinds.find(|kind| is_any(*kind)) {
        return Some(kind);
    }
    if searched(hosts).any(|host| host.is_failure() || host.stopped.is_none()) {
        return None;
    }
    let kinds = [Stopped::N, Stopped::Since, Stopped::Exhausted];
    kinds.into_iter().find(|kind| is_any(*kind))
}

/// Whether there are more records further back. None where that is not known.
pub(super) fn more(hosts: &Hosts) -> Option<bool> {
    let mut all = searched(hosts).map(|host| host.more.filter(|more| *more || !host.is_failure()));
    if all.clone().any(|more| more == Some(true)) {
        return Some(true);
    }
    all.all(|more| more == Some(false)).then_some(false)
}

/// How the edges of a time range were found. None where no host was asked for one.
pub(super) fn range(hosts: &Hosts) -> Option<RangeFound> {
    let is_any = |found| hosts.values().any(|host| host.range == Some(found));
    [RangeFound::Scan, RangeFound::Order].into_iter().find(|found| is_any(*found))
}

/// Those that have the file, or may have it.
fn searched(hosts: &Hosts) -> impl Iterator<Item = &Verdict> + Clone {
    hosts.values().filter(|host| host.status != Status::NotFound)
}
