//! Keeps the fleet: takes what the sources and the secondaries say, and puts a new fleet in
//! the place of the old one where they say something new. It also keeps watch over each
//! host's health for as long as it is in the fleet.
//!
//! All of it runs as tasks of the runtime that accepts connections, and ends with them.

use super::file::{self, FleetFile};
use super::member::{self, Member};
use super::merge::{self, Merged, TwoUrls};
use super::reports::{self, Reports};
use super::{Fleet, HOSTS, Host, dns, same};
use crate::health::{Health, Heard, Places, Watching};
use crate::upstream::Upstream;
use backscroll_shared::query::quoted;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

/// News that wait to be taken. Who has more waits in its turn.
const NEWS: usize = 64;

/// How long news are gathered before the fleet is made anew.
const GATHER_TIME: Duration = Duration::from_millis(50);

/// How long news of the hosts' health are gathered before the log tells them in one line.
const REPORT_TIME: Duration = Duration::from_secs(1);

/// Intervals of probes after which a host that has not answered yet is told to be down: what
/// starts together has answered by then.
const START_INTERVALS: u32 = 2;

/// Where the fleet is described, and what was read of it at start.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The hosts that `--secondary` names.
    pub fixed: Vec<Member>,
    /// The file of `--fleet-file`.
    pub file: Option<FleetFile>,
    /// The `NAME:PORT` of `--fleet-dns`.
    pub dns: Option<String>,
    /// How often the file is read, whether or not its folder is seen to change.
    pub file_interval: Duration,
    /// How often the name is looked up.
    pub dns_interval: Duration,
}

impl Sources {
    /// Checks that the flags and the file agree on the URL of each name.
    pub fn check(&self) -> Result<(), TwoUrls> {
        let file = self.file.iter().flat_map(|file| &file.members);
        let fixed = self.fixed.iter().map(|member| ("--secondary", member));
        merge::check(fixed.chain(file.map(|member| ("--fleet-file", member))))
    }
}

/// News of a source: all its hosts.
#[derive(Debug)]
pub(super) enum Change {
    /// Of the file.
    File(Vec<Member>),
    /// Of the name.
    Dns(Vec<Member>),
}

/// Keeps the fleet.
#[derive(Debug)]
pub struct Discovery {
    sources: Sources,
    /// What the file says now.
    file: Vec<Member>,
    /// What the name stands for now.
    dns: Vec<Member>,
    /// The name.
    dns_name: Option<String>,
    /// All that is in the fleet, by its URL.
    known: BTreeMap<String, Known>,
    clashes: BTreeSet<String>,
    /// What the log has told of the hosts' health.
    reports: Reports,
    /// Pairs of URLs at which one secondary answers, of which the log has told.
    pairs: BTreeSet<(String, String)>,
    left_out: usize,
    fleet: watch::Sender<Arc<Fleet>>,
}

/// What is known of a URL while it is in the fleet.
#[derive(Debug)]
struct Known {
    health: Arc<Health>,
    /// The name that its secondary gives itself, where it is one.
    name: Option<String>,
    /// Watches over its health.
    watch: Option<AbortHandle>,
}

impl Drop for Known {
    fn drop(&mut self) {
        if let Some(watch) = &self.watch {
            watch.abort();
        }
    }
}

impl Discovery {
    /// The fleet as the sources describe it, which nothing changes until [`Discovery::run`]
    /// does.
    pub fn new(sources: Sources) -> (Discovery, watch::Receiver<Arc<Fleet>>) {
        let (fleet, current) = watch::channel(Arc::default());
        let file = sources.file.as_ref().map(|file| file.members.clone()).unwrap_or_default();
        let mut discovery = Discovery {
            sources,
            file,
            dns: Vec::new(),
            dns_name: None,
            known: BTreeMap::new(),
            clashes: BTreeSet::new(),
            reports: Reports::default(),
            pairs: BTreeSet::new(),
            left_out: 0,
            fleet,
        };
        discovery.dns_name.clone_from(&discovery.sources.dns);
        let first = discovery.renewed();
        discovery.fleet.send_replace(Arc::new(first));
        (discovery, current)
    }

    /// Follows the sources and watches over the hosts until it is dropped. Ends only where
    /// one of its tasks panicked.
    pub async fn run(mut self, upstream: Upstream, health_interval: Duration) {
        let mut tasks = JoinSet::new();
        let (tell, mut news) = mpsc::channel(NEWS);
        let (call, mut calls) = mpsc::channel(NEWS);
        // What starts together is not yet down because it came second.
        let started = Instant::now() + health_interval * START_INTERVALS;
        let mut report_at = Some(started);
        if let Some(file) = self.sources.file.take() {
            tasks.spawn(file::follow(file, self.sources.file_interval, tell.clone()));
        }
        if let Some(name) = self.sources.dns.take() {
            tasks.spawn(dns::follow(name, self.sources.dns_interval, tell.clone()));
        }
        let watching =
            Watching { upstream, interval: health_interval, places: Places::default(), tell: call };
        self.watch(&mut tasks, &watching);
        loop {
            let due = report_at.unwrap_or(started);
            tokio::select! {
                Some(change) = news.recv() => self.take(change),
                Some(heard) = calls.recv() => {
                    report_at.get_or_insert_with(|| Instant::now() + REPORT_TIME);
                    self.called(heard);
                }
                () = sleep_until(due), if report_at.is_some() => {
                    report_at = None;
                    let fleet = Arc::clone(&self.fleet.borrow());
                    self.reports.tell(&fleet);
                    continue;
                }
                Some(done) = tasks.join_next() => match done {
                    Err(error) if error.is_panic() => return tracing::error!(%error, "a task of the fleet's panicked"),
                    _ => continue,
                },
            }
            // A fleet that starts has something new of each host: it is made anew for many at once.
            sleep(GATHER_TIME).await;
            while let Ok(heard) = calls.try_recv() {
                self.called(heard);
            }
            self.renew();
            self.tell_pairs();
            self.watch(&mut tasks, &watching);
        }
    }

    fn take(&mut self, change: Change) {
        match change {
            Change::File(members) => self.file = members,
            Change::Dns(members) => self.dns = members,
        }
    }

    /// A secondary says that this is its name. Whoever listens there may say anything.
    fn called(&mut self, Heard { url, name }: Heard) {
        let (Some(known), Some(name)) = (self.known.get_mut(&url), name) else { return };
        known.name = match member::check_name(&name) {
            Ok(()) => Some(name),
            Err(flaw) => {
                let given = quoted(name.as_bytes());
                tracing::warn!(
                    url,
                    given,
                    %flaw,
                    "a secondary's name for itself is not taken: its address is its name"
                );
                None
            }
        };
    }

    /// The fleet as everybody says now.
    fn renewed(&mut self) -> Fleet {
        let members = self.sources.fixed.iter().chain(&self.file).chain(&self.dns);
        let given: BTreeSet<String> = members.clone().filter_map(|member| member.name.clone()).collect();
        let called = |url: &str| self.known.get(url)?.name.as_deref();
        let fleet = Arc::clone(&self.fleet.borrow());
        let before = fleet.hosts().map(|host| (host.name.clone(), host.url.clone())).collect();
        let Merged { urls, clashes, left_out } = merge::merged(members, called, &before);
        let new = clashes.difference(&self.clashes).filter(|name| !self.is_own_name(name, &urls));
        reports::clashes(&new.collect::<Vec<_>>());
        if left_out > self.left_out {
            tracing::warn!(left_out, "the fleet is full: give each part of it a primary of its own");
        }
        (self.clashes, self.left_out) = (clashes, left_out);
        let mut missing = BTreeMap::new();
        if let (Some(name), true) = (&self.dns_name, self.dns.is_empty()) {
            missing.insert(name.clone(), format!("{name} (--fleet-dns) has had no address yet"));
        }
        if left_out > 0 {
            let why = format!(
                "the fleet is full: it takes {HOSTS} hosts, and {left_out} are left out: give each part of the fleet a primary of its own"
            );
            missing.insert(format!("+{left_out}"), why);
        }
        let in_fleet: BTreeSet<&String> = urls.values().collect();
        self.known.retain(|url, _| in_fleet.contains(url));
        let hosts = urls.into_iter().map(|(name, url)| {
            let known = self.known.entry(url.clone()).or_insert_with(Known::new);
            Host { is_given: given.contains(&name), name, url, health: Arc::clone(&known.health) }
        });
        hosts.collect::<Fleet>().with_missing(missing)
    }

    /// Whether `NAME@ADDRESS` is another address of the host that is called `NAME`.
    fn is_own_name(&self, name: &str, urls: &BTreeMap<String, String>) -> bool {
        let instance = |name: &str| self.known.get(urls.get(name)?)?.health.instance();
        let first = name.split_once('@').and_then(|(first, _)| instance(first));
        first.is_some() && first == instance(name)
    }

    /// Says once of each two addresses at which one secondary answers that it does. It is the
    /// secondary's own word, so somebody has to be able to see it.
    fn tell_pairs(&mut self) {
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

    /// Puts the new fleet in the place of the old one, where it is another.
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

    /// Begins to watch over those that joined.
    fn watch(&mut self, tasks: &mut JoinSet<()>, watching: &Watching) {
        for host in self.fleet.borrow().hosts() {
            let Some(known) = self.known.get_mut(&host.url).filter(|known| known.watch.is_none()) else {
                continue;
            };
            let nameless = host.name == member::address(&host.url);
            known.watch = Some(tasks.spawn(watching.clone().host(Arc::clone(host), nameless)));
        }
    }
}

impl Known {
    fn new() -> Known {
        Known { health: Arc::default(), name: None, watch: None }
    }
}
