//! The private authority, and what it signs.

use super::files::{self, Directory};
use super::{AUTHORITY, Subject};
use backscroll_shared::tls;
use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use std::path::Path;
use std::time::Duration;

/// Its name. It is the same each time: which authority is meant is told by the key.
const NAME: &str = "Backscroll private authority";

/// How long it is valid.
const VALID: SignedDuration = SignedDuration::from_hours(24 * 3652);

/// A certificate is valid from so long before now on: clocks differ.
const BEFORE: SignedDuration = SignedDuration::from_hours(1);

/// Why nothing can be signed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the authority.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// The two files do not belong together, or are not what they should be.
    #[error("{0}")]
    Unusable(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// What was made is not believed by whoever believes `ca.pem`.
    #[error(
        "ca.pem was not made by `certs init`, and what its key signs here would not be believed: sign certificates with the program that made it"
    )]
    Foreign,
    /// It has ended.
    #[error("the authority has expired: make a new one with `certs init` in another directory")]
    Expired,
}

/// What a certificate is for. It is for one thing alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    /// Of the primary, which asks secondaries.
    Client,
    /// Of a server.
    Server,
}

/// A certificate and its key, in PEM.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

/// The private authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
    ends: Timestamp,
}

impl Authority {
    /// Makes one.
    pub fn new(now: Timestamp) -> Result<Authority, Error> {
        let ends = now + VALID;
        let mut params = params();
        set_times(&mut params, now - BEFORE, ends);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.pem();
        Ok(Authority { issuer: Issuer::new(params, key), certificate, ends })
    }

    /// The one in the directory.
    pub(super) fn load(directory: &Directory) -> Result<Authority, Error> {
        let (certificate_path, key_path) = (directory.certificate(AUTHORITY), directory.key(AUTHORITY));
        let certificate = Directory::read(&certificate_path)?;
        let key = Directory::read(&key_path)?;
        Authority::from_pem((&certificate_path, certificate), (&key_path, key))
    }

    fn from_pem(
        (certificate_path, certificate): (&Path, String),
        (key_path, key): (&Path, String),
    ) -> Result<Authority, Error> {
        tls::check_pair(("", certificate_path, certificate.as_bytes()), ("", key_path, key.as_bytes()))
            .map_err(|why| Error::Unusable(why.trim_start().to_owned()))?;
        let ends = tls::certificates(certificate.as_bytes()).ok().and_then(|all| tls::expiry(all.first()?));
        let ends = ends.and_then(|ends| Timestamp::from_second(i64::try_from(ends).ok()?).ok());
        let ends = ends.ok_or(Error::Foreign)?;
        if ends <= Timestamp::now() {
            return Err(Error::Expired);
        }
        let issuer = Issuer::new(params(), KeyPair::from_pem(&key)?);
        Ok(Authority { issuer, certificate, ends })
    }

    /// Its certificate, in PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Its key, in PEM.
    pub fn key(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// The end of its time.
    pub fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Makes a certificate, valid from now on.
    pub fn issue(&self, subject: &Subject, usage: Usage, until: Timestamp) -> Result<Issued, Error> {
        let issued = self.issue_between(subject, usage, Timestamp::now() - BEFORE, until)?;
        let is_client = usage == Usage::Client;
        let is_believed =
            tls::is_believed(issued.certificate.as_bytes(), self.certificate.as_bytes(), is_client);
        if is_believed { Ok(issued) } else { Err(Error::Foreign) }
    }

    /// Makes a certificate that is valid between two times, which may be over.
    pub fn issue_between(
        &self,
        subject: &Subject,
        usage: Usage,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Issued, Error> {
        let mut params = CertificateParams::new(subject.valid_for.clone())?;
        params.distinguished_name = name(&subject.name);
        set_times(&mut params, from, until);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match usage {
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Issued { certificate, key: key.serialize_pem() })
    }
}

/// What is the same in the authority's certificate each time. So its file need not be parsed when
/// it signs later.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(NAME);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn name(name: &str) -> DistinguishedName {
    let mut own = DistinguishedName::new();
    own.push(DnType::CommonName, name);
    own
}

/// Sets the times between which a certificate is valid. None before 1970 is asked for.
fn set_times(params: &mut CertificateParams, from: Timestamp, until: Timestamp) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let after = |time: Timestamp| Duration::from_secs(u64::try_from(time.as_second()).unwrap_or(0));
    params.not_before = epoch + after(from);
    params.not_after = epoch + after(until);
}
