//! The flag for a port of health checks and metrics, which both programs and their `healthcheck` have.

use crate::listen::{ListenAddr, OptionalAddr};

/// The raw flag.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct HealthPortArgs {
    /// Listen here too, for /healthz, /readyz and /metrics alone: an address and a port, or unix:PATH
    #[arg(long, env = "BACKSCROLL_HEALTH_LISTEN", value_name = "ADDR")]
    pub health_listen: Option<OptionalAddr>,
}

impl HealthPortArgs {
    /// The address, if one is given.
    pub fn address(&self) -> Option<&ListenAddr> {
        self.health_listen.as_ref()?.0.as_ref()
    }
}
