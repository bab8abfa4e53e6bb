//! Certificates and tokens: when they expire, and whether the newest version of their files is in
//! use.

use super::samples::{Samples, Source};
use super::table::Metric;
use crate::auth::Tokens;
use crate::reload::Reloaded;
use crate::tls::{ClientTls, ServerTls};
use jiff::Timestamp;

/// The files that a server reads again when they change.
#[derive(Debug, Clone, Default)]
pub struct WatchedFiles {
    /// Those of `--token-file`.
    pub tokens: Option<Reloaded<Tokens>>,
    /// The certificate of the server.
    pub server: Option<ServerTls>,
    /// The certificate that a primary shows its secondaries.
    pub client: Option<ClientTls>,
}

impl Source for WatchedFiles {
    fn look(&self, into: &mut Samples) {
        let WatchedFiles { tokens, server, client } = self;
        if let Some(tokens) = tokens {
            into.add(Metric::ReloadFailed, ["tokens"], tokens.is_failing());
            if let Some(next) = tokens.now().next_expiry(Timestamp::now()) {
                into.set(Metric::TokenExpiry, u64::try_from(next.as_second()).unwrap_or(0));
            }
        }
        let fails = [server.as_ref().map(ServerTls::is_failing), client.as_ref().map(ClientTls::is_failing)];
        if let Some(fails) = fails.into_iter().flatten().reduce(|one, other| one || other) {
            into.add(Metric::ReloadFailed, ["tls"], fails);
        }
        if let Some(expires) = server.as_ref().and_then(ServerTls::expires) {
            into.add(Metric::CertificateExpiry, ["server"], expires);
        }
        if let Some(expires) = client.as_ref().and_then(ClientTls::expires) {
            into.add(Metric::CertificateExpiry, ["client"], expires);
        }
    }
}
