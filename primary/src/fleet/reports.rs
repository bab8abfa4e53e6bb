//! What the log says about the fleet: one line for what happens to many hosts at once.

use super::missing::{Missing, What};
use super::{Fleet, same};
use crate::host::Host;
use crate::host::seen::Seen;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Hosts that a line names. The others are counted.
const NAMED: usize = 5;

/// What the log has said about the hosts' health.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// When each URL went down that the log has reported as down.
    down: BTreeMap<String, Instant>,
    /// The expected hosts that the log has reported as missing.
    missing: BTreeSet<String>,
    /// What it has said of hosts whose names are not known.
    unnamed: BTreeSet<String>,
}

impl Reports {
    /// Reports which hosts are missing and which of them came since the last report.
    pub(super) fn missing(&mut self, missing: &Missing) {
        let now: BTreeSet<String> = missing.hosts().map(|(name, _)| name.to_owned()).collect();
        let gone: Vec<&String> = now.difference(&self.missing).collect();
        let here: Vec<&String> = self.missing.difference(&now).collect();
        if !gone.is_empty() {
            tracing::warn!(
                count = gone.len(),
                "expected hosts are missing: {}; answers are partial until they come; GET /hosts says why",
                named(gone.iter().map(ToString::to_string))
            );
        }
        if !here.is_empty() {
            tracing::info!(
                count = here.len(),
                "hosts are not missing any more: {}",
                named(here.iter().map(ToString::to_string))
            );
        }
        self.missing = now;
        // A source says itself why it fails.
        let unnamed = missing.unnamed().filter(|(_, absent)| absent.what != What::Source);
        let unnamed: BTreeSet<String> = unnamed.map(|(_, absent)| absent.why.to_string()).collect();
        for why in unnamed.difference(&self.unnamed) {
            tracing::warn!("hosts are missing: {why}");
        }
        if unnamed.is_empty() && !self.unnamed.is_empty() {
            tracing::info!("no hosts are missing by number any more");
        }
        self.unnamed = unnamed;
    }

    /// Reports which hosts went down and which came back since the last report.
    pub(super) fn health(&mut self, fleet: &Fleet) {
        let hosts = same::distinct(fleet.hosts());
        let is_down = |host: &Host| host.health.down_for();
        let mut down = Vec::new();
        let mut back = Vec::new();
        for host in &hosts {
            match (is_down(host), self.down.contains_key(&host.url)) {
                (Some(time), false) => {
                    let now = Instant::now();
                    self.down.insert(host.url.clone(), now.checked_sub(time).unwrap_or(now));
                    down.push(host);
                }
                (None, true) => back.extend(self.down.remove(&host.url).map(|since| (host, since.elapsed()))),
                _ => {}
            }
        }
        let there: BTreeSet<&str> = hosts.iter().map(|host| &*host.url).collect();
        self.down.retain(|url, _| there.contains(url.as_str()));
        match &down[..] {
            [] => {}
            [host] => {
                let Seen { reason, failing_since, .. } = host.health.seen();
                let why = reason.unwrap_or_default();
                let since = failing_since.map(|since| format!("{since:.0}"));
                tracing::warn!(
                    host = host.name,
                    url = host.url,
                    since,
                    "host is down: {why}; it is not asked until it answers a probe"
                );
            }
            many => tracing::warn!(
                count = many.len(),
                of = hosts.len(),
                "hosts are down: {}; they are not asked until they answer a probe",
                named(many.iter().map(|host| with_reason(host)))
            ),
        }
        match &back[..] {
            [] => {}
            [(host, time)] => tracing::info!(
                host = host.name,
                url = host.url,
                down_for = ?whole(*time),
                "host answers again"
            ),
            many => tracing::info!(
                count = many.len(),
                "hosts answer again: {}",
                named(many.iter().map(|(host, _)| host.name.clone()))
            ),
        }
    }
}

fn with_reason(host: &Host) -> String {
    let Seen { reason, failing_since, .. } = host.health.seen();
    let since = failing_since.map(|since| format!(", since {since:.0}")).unwrap_or_default();
    format!("{} ({}{since})", host.name, reason.unwrap_or_default())
}

/// In whole seconds.
fn whole(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// Reports which hosts joined the fleet, which left it, and which have another name now.
pub(super) fn changed(old: &Fleet, new: &Fleet) {
    let by_url = |fleet: &Fleet| -> BTreeMap<String, Arc<Host>> {
        fleet.hosts().map(|host| (host.url.clone(), Arc::clone(host))).collect()
    };
    let (before, after) = (by_url(old), by_url(new));
    let (mut joined, mut left, mut called) = (Vec::new(), Vec::new(), Vec::new());
    for host in new.hosts().filter(|host| !old.lists(host)) {
        match before.get(&host.url) {
            Some(known) if !new.lists(known) => called.push((known, host)),
            _ => joined.push(host),
        }
    }
    for host in old.hosts().filter(|host| !new.lists(host)) {
        if after.get(&host.url).is_none_or(|now| old.lists(now)) {
            left.push(host);
        }
    }
    let with_url = |host: &&Arc<Host>| with_url(host);
    if !left.is_empty() {
        tracing::info!(count = left.len(), "left the fleet: {}", named(left.iter().map(with_url)));
    }
    if !joined.is_empty() {
        tracing::info!(count = joined.len(), "joined the fleet: {}", named(joined.iter().map(with_url)));
    }
    if !called.is_empty() {
        let names = called.iter().map(|(known, host)| format!("{} is {}", known.name, host.name));
        tracing::info!(count = called.len(), "hosts have other names now: {}", named(names));
    }
}

/// Warns of hosts that are listed as `NAME@ADDRESS`, because others have their names.
pub(super) fn clashes(names: &[&String]) {
    if !names.is_empty() {
        tracing::warn!(
            count = names.len(),
            "other hosts have the names of these, so their addresses are added: {}; set --hostname on each",
            named(names.iter().map(|name| (*name).clone()))
        );
    }
}

/// Warns of pairs of URLs at which the same secondary answers.
pub(super) fn pairs(pairs: &[(&Arc<Host>, &Arc<Host>)]) {
    if !pairs.is_empty() {
        tracing::warn!(
            count = pairs.len(),
            "the same secondary answers at two addresses, by its own word, so its records come once: {}; if these are two machines, check what runs there",
            named(pairs.iter().map(|(host, other)| format!("{} and {}", with_url(host), with_url(other))))
        );
    }
}

fn with_url(host: &Host) -> String {
    format!("{} ({})", host.name, host.url)
}

/// The first few, and how many more there are.
fn named(all: impl ExactSizeIterator<Item = String>) -> String {
    let more = all.len().saturating_sub(NAMED);
    let first = all.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{first} and {more} more") } else { first }
}
