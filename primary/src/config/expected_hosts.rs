//! The flags for the hosts that the fleet is expected to have.

use crate::fleet::expected::{Error, Expected};
use backscroll_shared::reload::Reloaded;
use backscroll_shared::tls::given;
use clap::Args;
use std::ffi::OsString;

/// The flags for the hosts that the fleet is expected to have.
#[derive(Debug, Clone, Default, Args)]
pub struct ExpectedArgs {
    /// A host that has to be in the fleet, by its name; repeatable. While no source knows its
    /// address, answers of the whole fleet are partial, and name it
    #[arg(long, env = "BACKSCROLL_EXPECTED_HOSTS", value_delimiter = ',', value_name = "NAME")]
    pub expected_host: Vec<String>,
    /// How many hosts the fleet has to have at least. While it has fewer, answers of the whole fleet
    /// are partial
    #[arg(long, env = "BACKSCROLL_EXPECTED_COUNT", value_name = "N")]
    pub expected_count: Option<String>,
    /// A TOML file that says the same: `hosts = ["web1", "web2"]` and `count = 2`, or one of the two;
    /// read again when it changes
    #[arg(long, env = "BACKSCROLL_EXPECTED_FILE", value_name = "PATH")]
    pub expected_file: Option<OsString>,
}

impl ExpectedArgs {
    /// What the flags say themselves.
    pub(super) fn flags(&self) -> Result<Expected, Error> {
        // Compose files leave a variable empty that is not set.
        let count = self.expected_count.as_deref().filter(|text| !text.trim().is_empty());
        Expected::of_flags(&self.expected_host, count)
    }

    /// What the file says.
    pub(super) fn file(&self) -> Result<Option<Reloaded<Expected>>, Error> {
        given(self.expected_file.as_ref()).map(Expected::file).transpose()
    }
}
