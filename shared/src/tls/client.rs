//! The configuration of the primary as a client: which authorities it believes, the certificate
//! that it shows, and the name that a secondary's certificate has to carry.

use super::pem::{authorities, certified};
use super::server::warn_of_expiry;
use super::{BUFFER_BYTES, ClientStream, Error, expiry, provider};
use crate::reload::{Files, Reloaded};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

const CA: &str = "--secondary-ca";
const CERT: &str = "--secondary-cert";
const KEY: &str = "--secondary-key";

/// Sessions that are kept to be resumed: one for each host of the largest fleet.
const SESSIONS: usize = 4096;

/// The files and the name of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// `--secondary-ca`: the authorities whose certificates it believes.
    pub ca: PathBuf,
    /// `--secondary-cert` and `--secondary-key`: the certificate that it shows, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `--secondary-tls-name`: the name that each host's certificate has to carry, instead of the
    /// host in its URL.
    pub name: Option<ServerName<'static>>,
}

impl ClientFiles {
    /// What the flags name; `None` if they name nothing.
    pub fn of(
        ca: Option<&Path>,
        cert: Option<&Path>,
        key: Option<&Path>,
        name: Option<&str>,
    ) -> Result<Option<ClientFiles>, Error> {
        let Some(ca) = ca else {
            return match (cert, key, name) {
                (Some(_), _, _) => Err(Error::Alone(CERT, CA)),
                (_, Some(_), _) => Err(Error::Alone(KEY, CA)),
                (_, _, Some(_)) => Err(Error::Alone("--secondary-tls-name", CA)),
                (None, None, None) => Ok(None),
            };
        };
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert.to_owned(), key.to_owned())),
            (Some(_), None) => return Err(Error::Alone(CERT, KEY)),
            (None, Some(_)) => return Err(Error::Alone(KEY, CERT)),
            (None, None) => None,
        };
        let name = name.map(|name| {
            ServerName::try_from(name.to_owned()).map_err(|_| {
                Error::Content(format!(
                    "--secondary-tls-name {name:?} is no name: write a DNS name, as in secondaries.internal"
                ))
            })
        });
        Ok(Some(ClientFiles { ca: ca.to_owned(), identity, name: name.transpose()? }))
    }
}

/// The configuration of a client as it is now. It follows its files.
#[derive(Debug, Clone)]
pub struct ClientTls {
    now: Reloaded<(Arc<ClientConfig>, Option<u64>)>,
    name: Option<ServerName<'static>>,
    /// The file of the certificate that it shows.
    cert: Option<Arc<Path>>,
}

impl ClientTls {
    /// Reads the files, and reads them again when they change. Blocks.
    pub fn open(files: ClientFiles) -> Result<ClientTls, Error> {
        let mut list = Files::one(CA, &files.ca);
        if let Some((cert, key)) = &files.identity {
            list = list.and(CERT, cert).and(KEY, key);
        }
        let name = files.name.clone();
        let cert = files.identity.as_ref().map(|(cert, _)| Arc::from(cert.as_path()));
        let now = Reloaded::open(list, move |bytes| parse(CA, &files, bytes)).map_err(Error::of)?;
        Ok(ClientTls { now, name, cert })
    }

    /// As [`ServerTls::warn`](super::ServerTls::warn).
    pub fn warn(&self) {
        if let Some(cert) = &self.cert {
            warn_of_expiry(CERT, cert, self.expires());
        }
    }

    /// A client that believes the authorities of this PEM file, which the flag `flag` names, and shows
    /// no certificate. It reads the file again when it changes. Blocks.
    pub fn of_authorities(flag: &'static str, ca: &Path) -> Result<ClientTls, Error> {
        let path = ca.to_owned();
        let now = Reloaded::open(Files::one(flag, ca), move |bytes| {
            let files = ClientFiles { ca: path.clone(), identity: None, name: None };
            parse(flag, &files, bytes)
        });
        Ok(ClientTls { now: now.map_err(Error::of)?, name: None, cert: None })
    }

    /// When the certificate that it shows expires, in seconds since 1970. None if it shows none, or
    /// if that cannot be read.
    pub fn expires(&self) -> Option<u64> {
        self.now.now().1
    }

    /// Whether what the files hold now cannot be used.
    pub fn is_failing(&self) -> bool {
        self.now.is_failing()
    }

    /// Shakes hands with the server at the other end of `stream`, whose URL has this `host`.
    pub async fn connect(&self, stream: TcpStream, host: &str) -> io::Result<ClientStream> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?,
        };
        TlsConnector::from(Arc::clone(&self.now.now().0))
            .connect_with(name, stream, |session| session.set_buffer_limit(Some(BUFFER_BYTES)))
            .await
    }
}

/// The configuration, and when the certificate that is shown expires. The flag `flag` names the file
/// of the authorities.
fn parse(
    flag: &str,
    files: &ClientFiles,
    bytes: &[Vec<u8>],
) -> Result<(Arc<ClientConfig>, Option<u64>), String> {
    let [ca, others @ ..] = bytes else { return Err("files are missing".to_owned()) };
    let roots = authorities(ca).map_err(|why| format!("{flag} {}: {why}", files.ca.display()))?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("{flag} {}: {error}", files.ca.display()))?
        .with_root_certificates(roots);
    let mut expires = None;
    let mut config = match (&files.identity, others) {
        (Some((cert_path, key_path)), [cert, key]) => {
            let identity = certified((CERT, cert_path, cert), (KEY, key_path, key))?;
            expires = identity.cert.first().and_then(expiry);
            warn_of_expiry(CERT, cert_path, expires);
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        _ => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    Ok((Arc::new(config), expires))
}
