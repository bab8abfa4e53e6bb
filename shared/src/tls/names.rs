//! What a certificate says of itself.

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage};

/// The most names of a client's certificate that are looked at.
const NAMES: usize = 64;

/// The DNS names of a certificate, which has been verified.
pub fn dns_names(certificate: &CertificateDer<'_>) -> Vec<String> {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().take(NAMES).map(str::to_ascii_lowercase).collect()
}

/// Whether a certificate can be made for this: a DNS name or an IP address.
pub fn is_server_name(name: &str) -> bool {
    ServerName::try_from(name).is_ok()
}

/// The end of a certificate's time, in seconds since 1970. `None` if it cannot be read.
pub fn expiry(certificate: &CertificateDer<'_>) -> Option<u64> {
    // The crate tells the time only in an error, so it is asked whether the certificate is still
    // valid in a time that none reaches.
    let never = UnixTime::since_unix_epoch(Duration::from_secs(u64::from(u32::MAX) * 1000));
    let certificate = EndEntityCert::try_from(certificate).ok()?;
    match certificate.verify_for_usage(&[], &[], &[], never, KeyUsage::server_auth(), None, None) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Some(not_after.as_secs()),
        _ => None,
    }
}
