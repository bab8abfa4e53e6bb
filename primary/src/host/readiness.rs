//! What a secondary's `/readyz` says.

use crate::text::{TEXT_BYTES, line};
use serde::Deserialize;
use serde_json::Value;

/// Bytes of a version and of an engine's name that are kept. A version has a dozen.
pub(super) const NAME_BYTES: usize = 255;

/// Warnings of a host that are kept. A secondary has few reasons to warn.
pub(super) const WARNINGS: usize = 8;

/// What is read of it. The host may be another server, or may lie: what it says is cleaned.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Readiness {
    /// What it calls itself, as it said it.
    pub(super) hostname: Option<String>,
    pub(super) version: Option<String>,
    pub(super) io_engine: Option<String>,
    /// Of any type, so that another server's does not make the rest unreadable.
    #[serde(default)]
    pub(super) reason: Value,
    #[serde(default)]
    pub(super) warnings: Value,
}

impl Readiness {
    /// Its version; None where it says none, or one that is too long.
    pub(super) fn version(&self) -> Option<String> {
        name(self.version.as_deref())
    }

    /// The name of its read engine; None where it says none, or one that is too long.
    pub(super) fn io_engine(&self) -> Option<String> {
        name(self.io_engine.as_deref())
    }

    /// Why it is not ready.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.as_str().and_then(shown)
    }

    /// What it warns of.
    pub(super) fn warnings(&self) -> Vec<String> {
        let all = self.warnings.as_array().into_iter().flatten();
        all.filter_map(Value::as_str).filter_map(shown).take(WARNINGS).collect()
    }
}

fn name(text: Option<&str>) -> Option<String> {
    text.filter(|text| text.len() <= NAME_BYTES).map(|text| line(text, NAME_BYTES))
}

fn shown(text: &str) -> Option<String> {
    Some(line(text, TEXT_BYTES)).filter(|text| !text.trim().is_empty())
}
