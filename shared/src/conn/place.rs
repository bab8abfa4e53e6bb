//! What may be asked on a connection.

use super::refusal::TOO_MANY;
use crate::wire::problem::{Code, Problem};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Everything.
    Ordinary,
    /// Health checks and metrics: it is one of the few above the limit.
    Reserve,
    /// Health checks and metrics: it came to `--health-listen`.
    HealthPort,
}

/// The text of the problem for a request that has come to the wrong port.
const ELSEWHERE: &str =
    "only /healthz, /readyz and /metrics are here: ask everything else at the address of --listen";

impl Place {
    /// The problem to answer a request for this path with, if it may not be asked here.
    pub(super) fn refused(self, path: &str) -> Option<Problem> {
        let problem = match self {
            Place::Ordinary => return None,
            Place::Reserve => (Code::Overloaded, TOO_MANY),
            Place::HealthPort => (Code::NoRoute, ELSEWHERE),
        };
        let is_of_health = matches!(path, "/healthz" | "/readyz" | "/metrics");
        (!is_of_health).then(|| Problem::new(problem.0, problem.1))
    }
}
