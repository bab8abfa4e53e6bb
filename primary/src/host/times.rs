//! How long a host may take.

use std::time::Duration;

/// How long a host may take.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// To accept a connection. A host in the same network takes milliseconds.
    pub connect: Duration,
    /// To accept a connection and begin its answer. This leaves time for a cold disk and for a
    /// queue.
    pub head: Duration,
    /// Between two chunks of its answer. A host that is silent for longer is asked for
    /// `/healthz`: the search for a rare keyword in a large file may take longer.
    pub idle: Duration,
    /// The same for a host that is merged with others. It says all the time how far its search is,
    /// so one that is silent for longer has failed.
    pub framed_idle: Duration,
    /// For a whole request, its retry and all that the host does for it included.
    pub request: Duration,
    /// To answer `/readyz`, from connecting to the end of the answer.
    pub probe: Duration,
    /// From one probe of a host to the next, a quarter more or less.
    pub health_interval: Duration,
}

impl Default for Times {
    fn default() -> Times {
        Times {
            connect: Duration::from_secs(1),
            head: Duration::from_secs(3),
            idle: Duration::from_secs(5),
            framed_idle: Duration::from_secs(5),
            request: Duration::from_mins(5),
            probe: Duration::from_secs(2),
            health_interval: Duration::from_secs(5),
        }
    }
}
