//! The two places at which a server may listen: `--listen`, and `--health-listen` for health checks and
//! metrics alone.

use super::exposure::{self, Exposed};
use super::{ListenAddr, Listener};
use std::io;
use std::net::TcpListener;
use std::str::FromStr;

const MAIN: &str = "--listen";
const HEALTH: &str = "--health-listen";

/// An address that may be left out. Compose files leave a variable empty that is not set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionalAddr(pub Option<ListenAddr>);

impl FromStr for OptionalAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<OptionalAddr, String> {
        let text = text.trim();
        if text.is_empty() {
            Ok(OptionalAddr(None))
        } else {
            text.parse().map(|addr| OptionalAddr(Some(addr)))
        }
    }
}

/// The addresses at which a server is to listen.
#[derive(Debug, Clone, Copy)]
pub struct ListenAddrs<'a> {
    /// `--listen`.
    pub main: &'a ListenAddr,
    /// `--health-listen`.
    pub health: Option<&'a ListenAddr>,
}

/// Both flags name the same address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{HEALTH} {0}: --listen is there already: give it a port of its own, or leave it out")]
pub struct SamePlace(ListenAddr);

/// A server cannot listen somewhere.
#[derive(Debug, thiserror::Error)]
#[error("{flag} {address}: {error}")]
pub struct BindError {
    flag: &'static str,
    address: ListenAddr,
    #[source]
    error: io::Error,
}

impl ListenAddrs<'_> {
    /// Checks that both are different places, and that only processes of this host reach them, unless
    /// there is authentication or the operator wants it so (`--insecure`). `how` names the flags that
    /// configure authentication.
    pub fn check(&self, has_authentication: bool, insecure: bool, how: &'static str) -> Result<(), Error> {
        if let Some(health) = self.health.filter(|health| collide(self.main, health)) {
            return Err(SamePlace(health.clone()).into());
        }
        if has_authentication || insecure {
            return Ok(());
        }
        exposure::check((MAIN, self.main, "all logs"), how)?;
        self.health.map_or(Ok(()), |health| exposure::check((HEALTH, health, "all metrics"), how))?;
        Ok(())
    }

    /// Whether the server listens at an address and a port, and not at Unix sockets alone.
    pub fn has_tcp(&self) -> bool {
        [Some(self.main), self.health].into_iter().flatten().any(|addr| matches!(addr, ListenAddr::Tcp(_)))
    }

    /// Listens at both.
    pub fn bind(&self) -> Result<Listeners, BindError> {
        let bind = |flag, address: &ListenAddr| {
            Listener::bind(address).map_err(|error| BindError { flag, address: address.clone(), error })
        };
        Ok(Listeners {
            main: bind(MAIN, self.main)?,
            health: self.health.map(|health| bind(HEALTH, health)).transpose()?,
        })
    }
}

/// Why the addresses are no valid configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// One of them would be open to strangers.
    Exposed(#[from] Exposed),
    /// They are the same.
    SamePlace(#[from] SamePlace),
}

/// Whether nobody could listen at both. The system chooses a different port each time for port 0.
fn collide(one: &ListenAddr, other: &ListenAddr) -> bool {
    match (one, other) {
        (ListenAddr::Tcp(one), ListenAddr::Tcp(other)) => {
            let is_everywhere = |at: &std::net::SocketAddr| at.ip().is_unspecified();
            let is_same_address = one.ip() == other.ip()
                || one.is_ipv4() == other.is_ipv4() && (is_everywhere(one) || is_everywhere(other));
            one.port() != 0 && one.port() == other.port() && is_same_address
        }
        _ => one == other,
    }
}

/// The sockets at which a server listens.
#[derive(Debug)]
pub struct Listeners {
    /// For everything.
    pub main: Listener,
    /// For health checks and metrics alone.
    pub health: Option<Listener>,
}

impl From<Listener> for Listeners {
    fn from(main: Listener) -> Listeners {
        Listeners { main, health: None }
    }
}

impl From<TcpListener> for Listeners {
    fn from(main: TcpListener) -> Listeners {
        Listener::from(main).into()
    }
}

impl Listeners {
    /// Where they are, with the ports that the system chose.
    pub fn local_addrs(&self) -> io::Result<(ListenAddr, Option<ListenAddr>)> {
        let health = self.health.as_ref().map(Listener::local_addr).transpose()?;
        Ok((self.main.local_addr()?, health))
    }
}
