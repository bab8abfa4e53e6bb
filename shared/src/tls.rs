//! TLS, for the servers and for the primary's requests to its secondaries.
//!
//! ```text
//! --tls-cert --tls-key --tls-client-ca ─► server ─┐ read again when they change
//! --secondary-ca -cert -key ────────────► client ─┤
//!                                                 ▼
//! a socket ─► accept: first byte, handshake in its turn ─► a stream that hyper reads and writes
//! ```
//!
//! TLS 1.2 and 1.3, with the algorithms of `ring`. The provider is named at each use: a default of
//! the process could be set by any crate.

mod accept;
mod args;
mod client;
mod fault;
mod names;
mod pem;
mod pinned;
mod server;
mod socket;

pub use accept::Acceptor;
pub use args::{ServerArgs, given};
pub use client::{ClientFiles, ClientTls};
pub use fault::Fault;
pub use names::{dns_names, expiry, is_server_name};
pub use pem::{BadPem, certificates, check_pair, is_believed};
pub use pinned::Pinned;
pub use server::{ServerFiles, ServerTls};
pub use socket::{ClientStream, ServerStream};

use rustls::crypto::{CryptoProvider, ring};
use std::sync::{Arc, OnceLock};

/// What a TLS port answers to a plain request. A primary knows a secondary that wants TLS by it.
pub const SPEAKS_TLS: &str = "this port speaks TLS: use https://";

/// The first byte of a TLS connection: a record that holds a handshake.
pub const HANDSHAKE: u8 = 0x16;

/// The most bytes that a stream has encrypted and the socket has not taken yet. It is one record.
const BUFFER_BYTES: usize = 16 << 10;

/// The algorithms.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(ring::default_provider())))
}

/// Why the files of a flag are not taken: one line that names the flag and the file, and says what
/// to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read, or no thread can be had that reads it again.
    #[error(transparent)]
    File(#[from] crate::reload::Error),
    /// A file does not hold what it should.
    #[error("{0}")]
    Content(String),
    /// A flag needs another one.
    #[error("{0} needs {1}: give both")]
    Alone(&'static str, &'static str),
    /// A Unix socket is asked to speak it.
    #[error(
        "--listen unix: and --tls-cert: nobody can listen in on a Unix socket, so it speaks no TLS: leave one of the two out"
    )]
    Unix,
}

impl Error {
    /// The error of the files of `parse`, whose own text names flag and file.
    fn of(error: crate::reload::Error) -> Error {
        match error {
            crate::reload::Error::Malformed { why, .. } => Error::Content(why),
            error => Error::File(error),
        }
    }
}
