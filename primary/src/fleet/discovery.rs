//! Keeps the fleet up to date: collects what the sources and the secondaries say, and replaces the
//! fleet when they say something new. It also probes each host for as long as it is in the fleet.
//!
//! All of it runs as tasks of the runtime that accepts connections, and ends with them.

use super::change::Change;
use super::expected::Found;
use super::file;
use super::file_sd::Listed;
use super::member::{self, Member};
use super::merge::{self, Merged};
use super::missing::Missing;
use super::reports::{self, Reports};
use super::source_states::SourceStates;
use super::sources::{Sources, changed};
use super::{Fleet, HOSTS, dns, same};
use crate::host::Host;
use crate::host::health::Health;
use crate::host::probe::{News, ProbePermits, Prober};
use crate::host::upstream::Upstream;
use backscroll_shared::text::quoted;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// Changes, and news of hosts, that wait to be handled. Tasks that have more wait.
const QUEUED: usize = 64;

/// How long news are gathered before the fleet is built again.
const GATHER_TIME: Duration = Duration::from_millis(50);

/// How long news of the hosts' health are gathered before the log reports them in one line.
const REPORT_TIME: Duration = Duration::from_secs(1);

/// Intervals of probes after the start before the log reports that hosts are down. Hosts that start
/// together with the primary have answered by then.
const START_INTERVALS: u32 = 2;

/// Keeps the fleet up to date.
#[derive(Debug)]
pub struct Discovery {
    sources: Sources,
    /// What the file says now.
    file: Listed,
    /// The hosts of the name now.
    dns: Vec<Member>,
    /// The `NAME:PORT` of `--fleet-dns`.
    dns_name: Option<String>,
    /// The URLs that are in the fleet.
    tracked: BTreeMap<String, Tracked>,
    /// The hosts that are listed as `NAME@ADDRESS`.
    clashes: BTreeSet<String>,
    /// What the log has said about the hosts' health.
    reports: Reports,
    /// Pairs of URLs at which one secondary answers, which the log has reported.
    pairs: BTreeSet<(String, String)>,
    fleet: watch::Sender<Arc<Fleet>>,
    states: Arc<SourceStates>,
}

/// A URL while it is in the fleet.
#[derive(Debug, Default)]
struct Tracked {
    health: Arc<Health>,
    /// The name that its secondary gave itself last, valid or not.
    own: Option<String>,
    /// The same, if it is a valid one.
    name: Option<String>,
    /// The task that probes it.
    prober: Option<AbortHandle>,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(prober) = &self.prober {
            prober.abort();
        }
    }
}

impl Discovery {
    /// The fleet as the sources describe it. It changes only while [`Discovery::run`] runs.
    pub fn new(sources: Sources) -> (Discovery, watch::Receiver<Arc<Fleet>>) {
        let (fleet, current) = watch::channel(Arc::default());
        let states = Arc::new(SourceStates::new(
            sources.file.is_some(),
            sources.dns.is_some(),
            sources.expected_file.clone(),
        ));
        let file = sources.file.as_ref().map(|file| file.listed.clone()).unwrap_or_default();
        let mut discovery = Discovery {
            sources,
            file,
            dns: Vec::new(),
            dns_name: None,
            tracked: BTreeMap::new(),
            clashes: BTreeSet::new(),
            reports: Reports::default(),
            pairs: BTreeSet::new(),
            fleet,
            states,
        };
        discovery.dns_name.clone_from(&discovery.sources.dns);
        let first = discovery.renewed();
        discovery.fleet.send_replace(Arc::new(first));
        (discovery, current)
    }

    /// How the sources are.
    pub fn source_states(&self) -> Arc<SourceStates> {
        Arc::clone(&self.states)
    }

    /// Follows the sources and probes the hosts until it is dropped. It ends by itself only if one of
    /// its tasks panics.
    pub async fn run(mut self, upstream: Upstream, health_interval: Duration) {
        let mut tasks = JoinSet::new();
        let (change, mut changes) = mpsc::channel(QUEUED);
        let (report, mut news) = mpsc::channel(QUEUED);
        // Hosts that start a little later than the primary are not reported as down.
        let started = Instant::now() + health_interval * START_INTERVALS;
        let mut report_at = Some(started);
        if let Some(file) = self.sources.file.take() {
            tasks.spawn(file::follow(
                file,
                self.sources.file_interval,
                change.clone(),
                Arc::clone(&self.states),
            ));
        }
        if let Some(name) = self.sources.dns.take() {
            let (scheme, states) = (self.sources.scheme, Arc::clone(&self.states));
            tasks.spawn(dns::follow(name, scheme, self.sources.dns_interval, change.clone(), states));
        }
        let prober =
            Prober { upstream, interval: health_interval, permits: ProbePermits::default(), news: report };
        self.probe(&mut tasks, &prober);
        loop {
            let due = report_at.unwrap_or(started);
            tokio::select! {
                Some(change) = changes.recv() => {
                    report_at.get_or_insert_with(|| Instant::now() + REPORT_TIME);
                    self.take(change);
                }
                () = changed(&mut self.sources.expected_file) => {
                    report_at.get_or_insert_with(|| Instant::now() + REPORT_TIME);
                }
                Some(news) = news.recv() => {
                    report_at.get_or_insert_with(|| Instant::now() + REPORT_TIME);
                    self.rename(news);
                }
                () = sleep_until(due), if report_at.is_some() => {
                    report_at = None;
                    let fleet = Arc::clone(&self.fleet.borrow());
                    self.reports.health(&fleet);
                    self.reports.missing(fleet.missing());
                    continue;
                }
                Some(done) = tasks.join_next() => match done {
                    Err(error) if error.is_panic() => return tracing::error!(%error, "a task of the fleet's panicked"),
                    _ => continue,
                },
            }
            // When a fleet starts there are news of each host: many are handled together.
            sleep(GATHER_TIME).await;
            while let Ok(news) = news.try_recv() {
                self.rename(news);
            }
            self.renew();
            self.report_pairs();
            self.probe(&mut tasks, &prober);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::File(listed) => self.file = listed,
            Change::Dns(members) => self.dns = members,
        }
    }

    /// Takes the name that a secondary gives itself, if it is a valid one.
    fn rename(&mut self, News { url, name }: News) {
        let (Some(tracked), Some(name)) = (self.tracked.get_mut(&url), name) else { return };
        tracked.own = Some(name.clone());
        tracked.name = match member::check_name(&name) {
            Ok(()) => Some(name),
            Err(flaw) => {
                let given = quoted(name.as_bytes());
                tracing::warn!(
                    url,
                    given,
                    flaw = flaw.to_string(),
                    "a secondary's name for itself is not taken: its address is its name"
                );
                None
            }
        };
    }

    /// Builds the fleet from what the sources and the secondaries say now.
    fn renewed(&mut self) -> Fleet {
        let members = self.sources.fixed.iter().chain(&self.file.members).chain(&self.dns);
        let given: BTreeSet<String> = members.clone().filter_map(|member| member.name.clone()).collect();
        let called = |url: &str| self.tracked.get(url)?.name.as_deref();
        let fleet = Arc::clone(&self.fleet.borrow());
        let before = fleet.hosts().map(|host| (host.name.clone(), host.url.clone())).collect();
        let Merged { urls, clashes, left_out } = merge::merged(members, called, &before);
        let new = clashes.difference(&self.clashes).filter(|name| !self.is_own_name(name, &urls));
        reports::clashes(&new.collect::<Vec<_>>());
        self.clashes = clashes;
        let in_fleet: BTreeSet<&String> = urls.values().collect();
        self.tracked.retain(|url, _| in_fleet.contains(url));
        let hosts = urls.into_iter().map(|(name, url)| {
            let tracked = self.tracked.entry(url.clone()).or_default();
            Host { is_given: given.contains(&name), name, url, health: Arc::clone(&tracked.health) }
        });
        let fleet: Fleet = hosts.collect();
        let missing = self.missing(&fleet, left_out);
        fleet.with_missing(missing)
    }

    /// What is missing from a fleet that has no room for so many hosts.
    fn missing(&self, fleet: &Fleet, left_out: usize) -> Missing {
        let mut missing = Missing::default();
        if let (Some(name), true) = (&self.dns_name, self.dns.is_empty()) {
            missing.add_source(name, format!("{name} (--fleet-dns) has had no address yet"));
        }
        if left_out > 0 {
            let why = format!(
                "the fleet is full: it takes {HOSTS} hosts, and {left_out} are left out: give each part of the fleet a primary of its own"
            );
            missing.add_hosts(left_out, why);
        }
        let mut expected = self.sources.expected.clone();
        expected.add(&self.file.expected);
        if let Some(file) = &self.sources.expected_file {
            expected.add(&file.now());
        }
        if expected.is_empty() {
            return missing;
        }
        let own = |host: &Host| self.tracked.get(&host.url)?.own.as_deref();
        let here = same::least(fleet.hosts().map(|host| (host, own(host))));
        // By the names that they give themselves. Where two give themselves one name, the host without
        // a given name is kept, since it can be asked for by that name.
        let given = fleet.hosts().filter(|host| host.is_given);
        let others = fleet.hosts().filter(|host| !host.is_given);
        let by_own: HashMap<&str, &Arc<Host>> =
            given.chain(others).filter_map(|host| Some((own(host)?, host))).collect();
        let find = |name: &str| match by_own.get(name) {
            _ if fleet.get(name).is_some() => Found::Here,
            Some(host) if host.is_given => Found::Called(&host.name),
            Some(_) => Found::Here,
            None => Found::Gone,
        };
        expected.compare(find, here, &mut missing);
        missing
    }

    /// Whether `NAME@ADDRESS` is another address of the host that is called `NAME`.
    fn is_own_name(&self, name: &str, urls: &BTreeMap<String, String>) -> bool {
        let instance = |name: &str| self.tracked.get(urls.get(name)?)?.health.instance();
        let first = name.split_once('@').and_then(|(first, _)| instance(first));
        first.is_some() && first == instance(name)
    }

    /// Reports each pair of URLs at which the same secondary answers, once. Only the secondary itself
    /// says so, so a person should be able to check it.
    fn report_pairs(&mut self) {
        let fleet = Arc::clone(&self.fleet.borrow());
        let (mut pairs, mut new) = (BTreeSet::new(), Vec::new());
        for group in same::grouped(fleet.hosts()) {
            for other in group.others.into_iter().filter(|other| other.url != group.host.url) {
                let pair = (group.host.url.clone(), other.url.clone());
                if !self.pairs.contains(&pair) {
                    new.push((group.host, other));
                }
                pairs.insert(pair);
            }
        }
        reports::pairs(&new);
        self.pairs = pairs;
    }

    /// Builds the fleet, and replaces the old one if it has changed.
    fn renew(&mut self) {
        let new = self.renewed();
        let old = Arc::clone(&self.fleet.borrow());
        let is_same = old.missing() == new.missing() && old.len() == new.len();
        if is_same && new.hosts().all(|host| old.lists(host)) {
            return;
        }
        reports::changed(&old, &new);
        self.fleet.send_replace(Arc::new(new));
    }

    /// Begins to probe the hosts that joined.
    fn probe(&mut self, tasks: &mut JoinSet<()>, prober: &Prober) {
        for host in self.fleet.borrow().hosts() {
            let Some(tracked) = self.tracked.get_mut(&host.url) else { continue };
            if tracked.prober.is_none() {
                let nameless = host.name == member::address(&host.url);
                tracked.prober = Some(tasks.spawn(prober.clone().watch(Arc::clone(host), nameless)));
            }
        }
    }
}
