//! The configuration of a server: its certificate, its key, and whose client certificates it
//! believes.

use super::pem::{authorities, certified};
use super::{Error, expiry, provider};
use crate::reload::{Files, Reloaded};
use rustls::crypto::ring::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{RootCertStore, ServerConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const CERT: &str = "--tls-cert";
const KEY: &str = "--tls-key";
const CLIENT_CA: &str = "--tls-client-ca";

/// Before this many seconds to its end, the log warns that a certificate expires.
const SOON_S: u64 = 14 * 24 * 3600;

/// The files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// `--tls-cert`: its certificate, and those of the authorities between it and its root.
    pub cert: PathBuf,
    /// `--tls-key`.
    pub key: PathBuf,
    /// `--tls-client-ca`: the authorities whose client certificates it believes.
    pub client_ca: Option<PathBuf>,
}

impl ServerFiles {
    /// The files that the flags name; `None` if they name none.
    pub fn of(
        cert: Option<&Path>,
        key: Option<&Path>,
        client_ca: Option<&Path>,
    ) -> Result<Option<ServerFiles>, Error> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(ServerFiles {
                cert: cert.to_owned(),
                key: key.to_owned(),
                client_ca: client_ca.map(Path::to_owned),
            })),
            (Some(_), None) => Err(Error::Alone(CERT, KEY)),
            (None, Some(_)) => Err(Error::Alone(KEY, CERT)),
            (None, None) if client_ca.is_some() => Err(Error::Alone(CLIENT_CA, "--tls-cert and --tls-key")),
            (None, None) => Ok(None),
        }
    }
}

/// The configuration of a server as it is now. It follows its files.
#[derive(Debug, Clone)]
pub struct ServerTls {
    now: Reloaded<(Arc<ServerConfig>, Option<u64>)>,
    cert: Arc<Path>,
}

impl ServerTls {
    /// Reads the files, and reads them again when they change. Blocks.
    pub fn open(files: ServerFiles) -> Result<ServerTls, Error> {
        let mut list = Files::one(CERT, &files.cert).and(KEY, &files.key);
        if let Some(client_ca) = &files.client_ca {
            list = list.and(CLIENT_CA, client_ca);
        }
        let cert = Arc::from(files.cert.as_path());
        let now = Reloaded::open(list, move |bytes| parse(&files, bytes)).map_err(Error::of)?;
        Ok(ServerTls { now, cert })
    }

    /// Warns of a certificate that has expired, or expires soon. Call this once the log has begun: the
    /// files are read before. Later ones are warned of when they are read.
    pub fn warn(&self) {
        warn_of_expiry(CERT, &self.cert, self.expires());
    }

    /// The configuration for a connection that begins now.
    pub(super) fn now(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.now().0)
    }

    /// When its certificate expires, in seconds since 1970. None if that cannot be read.
    pub fn expires(&self) -> Option<u64> {
        self.now.now().1
    }

    /// Whether what the files hold now cannot be used.
    pub fn is_failing(&self) -> bool {
        self.now.is_failing()
    }
}

/// The configuration, and when its certificate expires.
fn parse(files: &ServerFiles, bytes: &[Vec<u8>]) -> Result<(Arc<ServerConfig>, Option<u64>), String> {
    let [cert, key, others @ ..] = bytes else { return Err("files are missing".to_owned()) };
    let identity = certified((CERT, &files.cert, cert), (KEY, &files.key, key))?;
    let expires = identity.cert.first().and_then(expiry);
    warn_of_expiry(CERT, &files.cert, expires);
    let roots = match (&files.client_ca, others.first()) {
        (Some(path), Some(pem)) => {
            Some(authorities(pem).map_err(|why| format!("{CLIENT_CA} {}: {why}", path.display()))?)
        }
        _ => None,
    };
    let asks_for_certificates = roots.is_some();
    let failed = |error: &dyn std::fmt::Display| format!("{CERT} {}: {error}", files.cert.display());
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?;
    let builder = match roots {
        Some(roots) => builder.with_client_cert_verifier(verifier(roots).map_err(|error| failed(&error))?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(identity)));
    // `curl --http1.0` offers nothing but the second one.
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    // Sessions are resumed by tickets alone, so that they take no memory here.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    if asks_for_certificates {
        // A client that resumes a session is not asked for its certificate again, so it could go on
        // after the certificate has expired.
        config.send_tls13_tickets = 0;
    } else {
        config.ticketer = Ticketer::new().map_err(|error| failed(&error))?;
    }
    Ok((Arc::new(config), expires))
}

/// A client may have no certificate: health checks and load balancers have none. What is allowed
/// without one is decided later.
fn verifier(roots: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, impl std::fmt::Display> {
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).allow_unauthenticated().build()
}

/// A certificate that has expired is served all the same: some clients do not look, and the others
/// say why they refuse it. To refuse to start would take the logs away too.
pub(super) fn warn_of_expiry(flag: &str, path: &Path, expires: Option<u64>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let Some(expires) = expires else { return };
    let path = path.display();
    if expires <= now {
        tracing::warn!(flag, %path, "the certificate has expired: clients will refuse it");
    } else if expires - now < SOON_S {
        let days = (expires - now) / (24 * 3600);
        tracing::warn!(flag, %path, days, "the certificate expires soon");
    }
}
