//! The limit on open file descriptors, and how many connections it allows.

use crate::conn::{HEALTH_PORT_CONNECTIONS, HEALTH_RESERVE};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything else: the log, the listeners, rings, directories, and the connections
/// for health checks.
const RESERVE: u64 = 64 + (HEALTH_RESERVE + HEALTH_PORT_CONNECTIONS) as u64;

/// Raises the limit on open descriptors, as far as the process may, so that `wanted` connections
/// with `each` descriptors are possible. Returns how many connections are possible, and logs a
/// warning if they are fewer than wanted: a server without descriptors cannot accept a client, not
/// even to refuse it.
pub fn connections(wanted: usize, each: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let needed = wanted as u64 * each as u64 + RESERVE;
    let soft = match limit.current {
        Some(current) if current < needed => {
            let raised = limit.maximum.map_or(needed, |most| most.min(needed));
            let asked = Rlimit { current: Some(raised), maximum: limit.maximum };
            setrlimit(Resource::Nofile, asked).map_or(Some(current), |()| Some(raised))
        }
        current => current,
    };
    let room = room(soft, each).min(wanted);
    if room < wanted {
        tracing::warn!(
            connections = room,
            wanted,
            "the limit on open files allows fewer connections than wanted: raise it (ulimit -n, LimitNOFILE=)"
        );
    }
    room
}

fn room(limit: Option<u64>, each: usize) -> usize {
    let spare = limit.map_or(u64::MAX, |limit| limit.saturating_sub(RESERVE)) / each as u64;
    usize::try_from(spare).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_its_descriptors() {
        assert_eq!(room(Some(1024), 2), 448);
        assert_eq!(room(Some(10), 2), 1);
        assert_eq!(room(None, 2), usize::MAX / 2);
    }
}
