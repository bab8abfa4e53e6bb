//! What the metrics look at on a primary when a page is made: the fleet and its hosts.

use crate::fleet::Fleet;
use crate::fleet::missing::MISSING;
use crate::fleet::source_states::SourceStates;
use crate::host::Host;
use crate::host::counts::Outcome;
use crate::host::seen::State;
use backscroll_shared::metrics::{Metric, Samples, Source};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use tokio::sync::watch;

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Measured {
    /// The fleet now.
    pub(crate) fleet: watch::Receiver<Arc<Fleet>>,
    /// Whether the server has begun to stop.
    pub(crate) is_draining: Arc<AtomicBool>,
    /// How many connections each thread has.
    pub(crate) connections: Vec<Arc<AtomicUsize>>,
    /// How the sources of the fleet are.
    pub(crate) sources: Arc<SourceStates>,
}

/// The states of hosts, and how many hosts are in each.
type States = [(&'static str, u64); 6];

impl Source for Measured {
    fn look(&self, into: &mut Samples) {
        let fleet = Arc::clone(&self.fleet.borrow());
        into.set(Metric::Ready, !fleet.is_empty() && !self.is_draining.load(Relaxed));
        let connections: usize = self.connections.iter().map(|count| count.load(Relaxed)).sum();
        into.set(Metric::Connections, connections);
        let missing = fleet.missing().host_count() as u64;
        let mut states: States = [
            ("ready", 0),
            ("not_ready", 0),
            ("unreachable", 0),
            ("down", 0),
            ("unknown", 0),
            (MISSING, missing),
        ];
        for host in fleet.hosts() {
            let state = of_host(host, into);
            if let Some((_, hosts)) = states.iter_mut().find(|(known, _)| *known == state) {
                *hosts += 1;
            }
        }
        for (state, hosts) in states {
            into.add(Metric::Hosts, [state], hosts);
        }
        for (source, failed) in self.sources.failed() {
            into.add(Metric::SourceFailed, [source], failed);
        }
    }
}

/// Adds what is known of one host. Returns its state.
fn of_host(host: &Host, into: &mut Samples) -> &'static str {
    let health = &host.health;
    let (state, is_down) = (health.state(), health.is_down());
    let is_up = match state {
        State::Unknown => None,
        State::Ready | State::NotReady => Some(!is_down),
        State::Unreachable => Some(false),
    };
    if let Some(is_up) = is_up {
        into.add(Metric::HostUp, [host.name.clone()], is_up);
    }
    for (outcome, word) in Outcome::ALL {
        into.add(Metric::UpstreamRequests, [host.name.clone(), word.to_owned()], health.counts.of(outcome));
    }
    into.add(Metric::UpstreamFirstByte, [host.name.clone()], health.counts.first_byte.value());
    if is_down { "down" } else { state.as_str() }
}
