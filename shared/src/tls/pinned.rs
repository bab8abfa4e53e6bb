//! A client that believes one certificate alone. It is for a program that asks itself, and has the
//! file at hand: there is no authority to know, and the name does not matter.

use super::pem::certificates;
use super::{ClientStream, Error, provider};
use crate::reload::{Files, Reloaded};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// A client that believes one certificate alone.
#[derive(Debug)]
pub struct Pinned {
    config: Arc<ClientConfig>,
}

impl Pinned {
    /// One that believes the first certificate of this file, which `flag` names. Blocks.
    pub fn open(flag: &'static str, path: &Path) -> Result<Pinned, Error> {
        let shown = path.display().to_string();
        let read = Reloaded::open(Files::one(flag, path), move |bytes| {
            let pem = bytes.first().map(Vec::as_slice).unwrap_or_default();
            certificates(pem).map_err(|why| format!("{flag} {shown}: {why}"))
        });
        let certificate = read.map_err(Error::of)?.now().first().cloned();
        let failed = |error: rustls::Error| Error::Content(format!("{flag} {}: {error}", path.display()));
        let certificate = certificate.ok_or_else(|| failed(rustls::Error::NoCertificatesPresented))?;
        let verifier = Arc::new(OnlyThis { certificate, provider: provider() });
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(failed)?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Pinned { config: Arc::new(config) })
    }

    /// Shakes hands with the server at the other end.
    pub async fn connect(&self, stream: TcpStream) -> io::Result<ClientStream> {
        let name = ServerName::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST).into());
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

#[derive(Debug)]
struct OnlyThis {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for OnlyThis {
    /// Its time is not looked at: a program with a certificate that has expired is alive, and a
    /// restart would not help.
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *certificate == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
