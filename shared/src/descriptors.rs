//! How many descriptors the process may have, and so how many connections.

use crate::conn::HEALTH_RESERVE;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for everything but these connections: the log, the listener, rings, directories,
/// and the connections that are kept for health checks.
const RESERVE: u64 = 64 + HEALTH_RESERVE as u64;

/// Makes room for `wanted` connections of `each` descriptors: takes the limit as far up as
/// the process may. Returns how many connections there is room for, with a warning where
/// that is fewer: without descriptors a server is deaf, and cannot even say so.
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
            "the limit on open files leaves room for fewer connections: raise it (ulimit -n, LimitNOFILE=)"
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
        assert_eq!(room(Some(1024), 2), 464);
        assert_eq!(room(Some(10), 2), 1);
        assert_eq!(room(None, 2), usize::MAX / 2);
    }
}
