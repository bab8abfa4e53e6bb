//! Whether strangers can reach a server that knows nobody.

use super::ListenAddr;
use crate::conn::is_loopback;

/// A server without authentication would listen where others than this host's processes reach it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{flag} {address}: without authentication, whoever reaches that address can read {what}. Either configure it ({how}), or listen on loopback (as in 127.0.0.1:{port}) or at unix:PATH, or add --insecure if something else decides who reaches it"
)]
pub struct Exposed {
    flag: &'static str,
    what: &'static str,
    address: ListenAddr,
    port: u16,
    how: &'static str,
}

/// Checks that only processes of this host reach `address`, the value of `flag`, at which one can read
/// `what`. `how` names the flags that configure authentication.
pub(super) fn check(
    (flag, address, what): (&'static str, &ListenAddr, &'static str),
    how: &'static str,
) -> Result<(), Exposed> {
    match address {
        ListenAddr::Tcp(tcp) if !is_loopback(tcp.ip()) => {
            Err(Exposed { flag, what, address: address.clone(), port: tcp.port(), how })
        }
        _ => Ok(()),
    }
}
