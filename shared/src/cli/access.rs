//! The flags of both programs that say who may ask, and where that is written down.

use crate::audit::{self, Audit};
use crate::auth::{self, Tokens, reader};
use crate::reload::{self, Files, Reloaded};
use crate::wire::public_readyz::PublicReadyz;
use std::path::PathBuf;

/// The raw flags.
#[derive(Debug, Clone, clap::Args)]
pub struct AccessArgs {
    /// A file of tokens (TOML); whoever asks needs one of them; read again when it changes
    #[arg(long, env = "BACKSCROLL_TOKEN_FILE", value_name = "PATH")]
    pub token_file: Option<PathBuf>,
    /// What /readyz tells those who have no valid token: none is nothing, status is whether the
    /// program is ready, full is all
    #[arg(long, env = "BACKSCROLL_PUBLIC_READYZ", default_value = "status", value_name = "WHAT")]
    pub public_readyz: PublicReadyz,
    /// Let everybody read /metrics, also where other requests need a token
    #[arg(long, env = "BACKSCROLL_PUBLIC_METRICS", value_parser = clap::builder::BoolishValueParser::new(), num_args = 0..=1, default_value = "false", default_missing_value = "true", value_name = "BOOL")]
    pub public_metrics: bool,
    /// Write a line about each request to PATH: who asked what of whom, and the outcome
    #[arg(long, env = "BACKSCROLL_AUDIT_FILE", value_name = "PATH")]
    pub audit_file: Option<PathBuf>,
}

/// Why these flags are no valid configuration: one line.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum Error {
    /// `--token-file`.
    Tokens(#[from] reload::Error),
    /// `--audit-file`.
    Audit(#[from] audit::Error),
}

/// Who may ask, and where that is written down. By default everybody, and nowhere.
#[derive(Debug, Clone, Default)]
pub struct AccessConfig {
    /// The tokens, if there is a file of them.
    pub tokens: Option<Reloaded<Tokens>>,
    /// What `/readyz` tells those who have no valid token.
    pub public_readyz: PublicReadyz,
    /// Whether everybody may read `/metrics`.
    pub public_metrics: bool,
    /// Where each request is written down.
    pub audit: Option<Audit>,
}

impl TryFrom<&AccessArgs> for AccessConfig {
    type Error = Error;

    /// Reads the token file, and opens that of the audit. Blocks.
    fn try_from(args: &AccessArgs) -> Result<AccessConfig, Error> {
        // Compose files leave a variable empty that is not set.
        let given = |path: &Option<PathBuf>| path.clone().filter(|path| !path.as_os_str().is_empty());
        let tokens =
            given(&args.token_file).map(|path| Reloaded::open(Files::one(auth::FLAG, path), reader()));
        let tokens = tokens.transpose()?;
        let audit = given(&args.audit_file).map(|path| Audit::open(&path)).transpose()?;
        let AccessArgs { public_readyz, public_metrics, .. } = *args;
        Ok(AccessConfig { tokens, public_readyz, public_metrics, audit })
    }
}
