//! How the sources of the fleet are, for the metrics.

use super::expected::Expected;
use backscroll_shared::reload::Reloaded;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the last reading of a source failed. None for a source that is not used.
#[derive(Debug, Default)]
pub struct SourceStates {
    file: Option<AtomicBool>,
    dns: Option<AtomicBool>,
    expected: Option<Reloaded<Expected>>,
}

impl SourceStates {
    pub(super) fn new(has_file: bool, has_dns: bool, expected: Option<Reloaded<Expected>>) -> SourceStates {
        let if_used = |is_used: bool| is_used.then(AtomicBool::default);
        SourceStates { file: if_used(has_file), dns: if_used(has_dns), expected }
    }

    /// Notes how the last reading of the file was.
    pub(super) fn file_failed(&self, has_failed: bool) {
        store(self.file.as_ref(), has_failed);
    }

    /// Notes how the last look-up of the name was.
    pub(super) fn dns_failed(&self, has_failed: bool) {
        store(self.dns.as_ref(), has_failed);
    }

    /// The sources that are used, and whether the last reading of each failed.
    pub fn failed(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let both = [("file", &self.file), ("dns", &self.dns)];
        let both = both.into_iter().filter_map(|(name, failed)| Some((name, failed.as_ref()?.load(Relaxed))));
        both.chain(self.expected.iter().map(|file| ("expected", file.is_failing())))
    }
}

fn store(failed: Option<&AtomicBool>, has_failed: bool) {
    if let Some(failed) = failed {
        failed.store(has_failed, Relaxed);
    }
}
