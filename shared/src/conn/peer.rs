//! Who is at the other end of a connection, as far as the connection itself tells.

use std::net::{IpAddr, SocketAddr};

/// The other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A TCP client at this address.
    Tcp(SocketAddr),
    /// A client of a Unix socket: a process of this host that the socket's permissions let in.
    Unix,
    /// Not known: a connection that a test made.
    Unknown,
}

impl Peer {
    /// Its address, if it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Peer::Tcp(address) => Some(*address),
            Peer::Unix | Peer::Unknown => None,
        }
    }

    /// Whether it is a process of this host: it came over a Unix socket or from a loopback address.
    pub fn is_local(&self) -> bool {
        match self {
            Peer::Tcp(address) => is_loopback(address.ip()),
            Peer::Unix => true,
            Peer::Unknown => false,
        }
    }
}

/// Whether this is a loopback address, also one of IPv4 that is written as one of IPv6.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}
