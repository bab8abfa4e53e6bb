//! The flags for TLS that both servers have.

use super::{Error, ServerFiles};
use clap::Args;
use std::ffi::OsString;
use std::path::Path;

/// The flags for TLS that both servers have.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerArgs {
    /// PEM file of the server's certificate, followed by those of the authorities between it and
    /// its root. With it the server speaks TLS and nothing else. This file and the next one are
    /// read again when they change
    #[arg(long, env = "BACKSCROLL_TLS_CERT", value_name = "PATH")]
    pub tls_cert: Option<OsString>,
    /// PEM file of its private key
    #[arg(long, env = "BACKSCROLL_TLS_KEY", value_name = "PATH")]
    pub tls_key: Option<OsString>,
}

impl ServerArgs {
    /// The files that they name, and that of `--tls-client-ca`; `None` if they name none.
    pub fn files(&self, client_ca: Option<&OsString>) -> Result<Option<ServerFiles>, Error> {
        ServerFiles::of(given(self.tls_cert.as_ref()), given(self.tls_key.as_ref()), given(client_ca))
    }
}

/// A path that was given. Compose files leave a variable empty that is not set.
pub fn given(path: Option<&OsString>) -> Option<&Path> {
    path.filter(|path| !path.is_empty()).map(Path::new)
}
