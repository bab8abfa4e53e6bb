//! Certificates and keys from PEM files.

use super::provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{InconsistentKeys, RootCertStore};
use std::path::Path;
use std::sync::Arc;
use webpki::{EndEntityCert, KeyUsage};

/// What is wrong with the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadPem {
    /// It is not PEM.
    #[error("it is not valid PEM: write the file again, from -----BEGIN to -----END")]
    Syntax,
    /// It has no certificate.
    #[error("it holds no certificate: name a PEM file with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// It has no key.
    #[error("it holds no private key: name a PEM file with -----BEGIN PRIVATE KEY-----")]
    NoKey,
    /// Its key has a password.
    #[error(
        "its key has a password, which nobody could type at a restart: remove it, as in `openssl pkey -in OLD -out NEW`, and keep the file readable by this user only"
    )]
    Password,
    /// Its key is of an unknown kind.
    #[error("its key is not supported: use ECDSA (P-256 or P-384), Ed25519, or RSA of 2048 to 4096 bits")]
    Kind,
    /// A certificate in it cannot be understood.
    #[error("it holds a certificate that cannot be used: {0}")]
    Certificate(String),
}

/// The certificates of a PEM file, the first one first.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BadPem> {
    let certificates: Vec<_> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| BadPem::Syntax)?;
    if certificates.is_empty() { Err(BadPem::NoCertificate) } else { Ok(certificates) }
}

/// The private key of a PEM file.
pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, BadPem> {
    use rustls::pki_types::pem::Error;
    let has = |text: &str| memchr::memmem::find(pem, text.as_bytes()).is_some();
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        _ if has("BEGIN ENCRYPTED PRIVATE KEY") || has("ENCRYPTED\n") => BadPem::Password,
        Error::NoItemsFound => BadPem::NoKey,
        _ => BadPem::Syntax,
    })
}

/// The authorities of a PEM file.
pub(super) fn authorities(pem: &[u8]) -> Result<RootCertStore, BadPem> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| BadPem::Certificate(error.to_string()))?;
    }
    Ok(roots)
}

/// A certificate with those of the authorities between it and its root, and its key. `cert` and
/// `key` are each a flag, its file, and the bytes of the file. The error names flag and file.
pub(super) fn certified(
    cert: (&str, &Path, &[u8]),
    key: (&str, &Path, &[u8]),
) -> Result<Arc<CertifiedKey>, String> {
    let chain = certificates(cert.2).map_err(|why| format!("{} {}: {why}", cert.0, cert.1.display()))?;
    let bad_key = |why: BadPem| format!("{} {}: {why}", key.0, key.1.display());
    let signer = signer(key.2).map_err(bad_key)?;
    let certified = CertifiedKey::new(chain, signer);
    match certified.keys_match() {
        // Unknown where the key cannot tell its public half. No key of the provider is such a one.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(format!(
                "{} {}: its key does not belong to the first certificate of {} {}: give the two that were made together",
                key.0,
                key.1.display(),
                cert.0,
                cert.1.display()
            ));
        }
        Err(error) => {
            let why = BadPem::Certificate(error.to_string());
            return Err(format!("{} {}: {why}", cert.0, cert.1.display()));
        }
    }
    Ok(Arc::new(certified))
}

fn signer(pem: &[u8]) -> Result<Arc<dyn SigningKey>, BadPem> {
    let key = key(pem)?;
    provider().key_provider.load_private_key(key).map_err(|_| BadPem::Kind)
}

/// Checks that a certificate and a key belong together, each with its flag, its file, and the bytes
/// of the file. The error is one line that names the flag and the file.
pub fn check_pair(cert: (&str, &Path, &[u8]), key: (&str, &Path, &[u8])) -> Result<(), String> {
    certified(cert, key).map(|_| ())
}

/// Whether those who believe the authorities of `ca` believe this certificate: of a client, or of a
/// server.
pub fn is_believed(cert: &[u8], ca: &[u8], is_client: bool) -> bool {
    let (Ok(chain), Ok(roots)) = (certificates(cert), authorities(ca)) else { return false };
    let Some((first, others)) = chain.split_first() else { return false };
    let Ok(certificate) = EndEntityCert::try_from(first) else { return false };
    let usage = if is_client { KeyUsage::client_auth() } else { KeyUsage::server_auth() };
    let algorithms = provider().signature_verification_algorithms.all;
    certificate.verify_for_usage(algorithms, &roots.roots, others, UnixTime::now(), usage, None, None).is_ok()
}
