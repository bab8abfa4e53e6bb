//! The flags for TLS to secondaries.

use backscroll_shared::tls::{ClientFiles, Error, given};
use clap::Args;
use std::ffi::OsString;

/// The flags for TLS to secondaries.
#[derive(Debug, Clone, Default, Args)]
pub struct SecondaryArgs {
    /// PEM file of the authorities whose certificates are believed of secondaries. With it, those
    /// for which no source names a scheme are asked with https. This file and the next two are
    /// read again when they change
    #[arg(long, env = "BACKSCROLL_SECONDARY_CA", value_name = "PATH")]
    pub secondary_ca: Option<OsString>,
    /// PEM file of the certificate that secondaries are shown
    #[arg(long, env = "BACKSCROLL_SECONDARY_CERT", value_name = "PATH")]
    pub secondary_cert: Option<OsString>,
    /// PEM file of its private key
    #[arg(long, env = "BACKSCROLL_SECONDARY_KEY", value_name = "PATH")]
    pub secondary_key: Option<OsString>,
    /// Name that the certificate of every secondary has to carry, instead of the host in its URL
    #[arg(long, env = "BACKSCROLL_SECONDARY_TLS_NAME", value_name = "NAME")]
    pub secondary_tls_name: Option<String>,
}

impl SecondaryArgs {
    /// The files that they name; `None` if they name none.
    pub fn files(&self) -> Result<Option<ClientFiles>, Error> {
        ClientFiles::of(
            given(self.secondary_ca.as_ref()),
            given(self.secondary_cert.as_ref()),
            given(self.secondary_key.as_ref()),
            self.secondary_tls_name.as_deref().map(str::trim).filter(|name| !name.is_empty()),
        )
    }
}
