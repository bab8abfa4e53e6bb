//! Why a TLS connection failed, in words for people.

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError};
use std::error::Error as StdError;
use std::io;

/// Why a TLS connection to a server failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It answers something that is not TLS.
    #[error(
        "it does not speak TLS, and its URL says https://: write http://, or give it --tls-cert and --tls-key"
    )]
    NoTls,
    /// Its certificate is of an authority that is not believed.
    #[error("its certificate is of an authority that is not in the file of --secondary-ca")]
    UnknownAuthority,
    /// Its certificate is of another name.
    #[error(
        "its certificate is not for the name in its URL: make one that is, or name the one that it has with --secondary-tls-name"
    )]
    WrongName,
    /// Its certificate has expired.
    #[error("its certificate has expired: make a new one")]
    Expired,
    /// Its certificate is not valid yet.
    #[error("its certificate is not valid yet: compare the clocks of the two machines")]
    NotYetValid,
    /// Its certificate is not one of a server.
    #[error("its certificate is not made for servers (it lacks the usage serverAuth)")]
    WrongUsage,
    /// Its certificate is that of an authority.
    #[error(
        "its certificate is one of an authority, or signed by itself: have one made for it, as `backscroll-primary certs add` does"
    )]
    SelfSigned,
    /// Its certificate is bad in another way.
    #[error("its certificate is not valid")]
    BadCertificate,
    /// It refuses the certificate that it was shown.
    #[error(
        "it refuses the certificate of --secondary-cert: see that its --tls-client-ca holds the authority that made it, and that it has not expired"
    )]
    Refused,
    /// It wants a certificate, and was shown none.
    #[error("it wants a certificate of its clients: give --secondary-cert and --secondary-key")]
    WantsCertificate,
    /// The two have no version or algorithm in common.
    #[error("it speaks no version of TLS that is supported here (1.2 and 1.3)")]
    Incompatible,
    /// Another failure of the handshake.
    #[error("the TLS handshake with it failed")]
    Other,
}

impl Fault {
    /// The fault of an error, or of one that caused it.
    pub fn of(error: &(dyn StdError + 'static)) -> Option<Fault> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(error) = error.downcast_ref::<Error>() {
                return Some(of_tls(error));
            }
            // What an error of input or output wraps is not its source, but its inner error.
            next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
                Some(inner) => Some(inner),
                None => error.source(),
            };
        }
        None
    }
}

fn of_tls(error: &Error) -> Fault {
    use CertificateError as Certificate;
    match error {
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => Fault::NoTls,
        Error::InvalidCertificate(error) => match error {
            Certificate::UnknownIssuer | Certificate::BadSignature => Fault::UnknownAuthority,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Fault::WrongName,
            Certificate::Expired | Certificate::ExpiredContext { .. } => Fault::Expired,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => Fault::NotYetValid,
            Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => Fault::WrongUsage,
            Certificate::Other(error) if is_authority(error) => Fault::SelfSigned,
            _ => Fault::BadCertificate,
        },
        Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateRequired => Fault::WantsCertificate,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError => Fault::Refused,
            AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => Fault::Incompatible,
            _ => Fault::Other,
        },
        Error::PeerIncompatible(_) => Fault::Incompatible,
        _ => Fault::Other,
    }
}

fn is_authority(error: &OtherError) -> bool {
    error.0.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_fault_is_found_through_what_wraps_it() {
        let wrapped = |error: Error| io::Error::other(io::Error::new(io::ErrorKind::InvalidData, error));
        let other = CertificateError::Other(OtherError(Arc::new(webpki::Error::CaUsedAsEndEntity)));
        for (error, fault) in [
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), Fault::NoTls),
            (Error::InvalidCertificate(CertificateError::UnknownIssuer), Fault::UnknownAuthority),
            (Error::InvalidCertificate(CertificateError::NotValidForName), Fault::WrongName),
            (Error::InvalidCertificate(CertificateError::Expired), Fault::Expired),
            (Error::InvalidCertificate(other), Fault::SelfSigned),
            (Error::AlertReceived(AlertDescription::UnknownCA), Fault::Refused),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), Fault::Incompatible),
            (Error::HandshakeNotComplete, Fault::Other),
        ] {
            assert_eq!(Fault::of(&wrapped(error)), Some(fault));
        }
        assert_eq!(Fault::of(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
    }
}
