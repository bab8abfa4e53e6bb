//! What a token may see: hosts and files. Everything else does not exist for it.

use super::file_globs::FileGlobs;
use crate::query::glob::GlobsError;
use crate::query::pattern::Pattern;
use crate::query::pods::Alias;
use crate::wire::headers;
use http::HeaderValue;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, percent_encode};
use std::collections::HashMap;
use std::sync::Arc;

/// The most patterns of one kind that a token may have, and the most bytes of each, and of all
/// those of one kind together.
pub(super) const PATTERNS: usize = 64;
pub(super) const PATTERN_BYTES: usize = 256;
pub(super) const ALL_BYTES: usize = 4 << 10;

/// What a token may see.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The hosts.
    pub hosts: HostGrant,
    /// The files, on each of these hosts.
    pub files: FileGrant,
}

impl Grant {
    /// Whether no host may be seen.
    pub fn is_nothing(&self) -> bool {
        matches!(&self.hosts, HostGrant::Some(patterns) if patterns.is_empty())
    }
}

/// Hosts that may be seen.
#[derive(Debug, Clone)]
pub enum HostGrant {
    /// All.
    All,
    /// Those whose name matches one of these.
    Some(Arc<[Pattern]>),
}

impl HostGrant {
    /// The hosts of these patterns.
    pub(super) fn new(patterns: &[String]) -> HostGrant {
        // `**` is not written for host names, and means the same.
        if patterns.iter().any(|text| text.bytes().all(|byte| byte == b'*')) {
            return HostGrant::All;
        }
        HostGrant::Some(patterns.iter().map(|text| Pattern::new(text)).collect())
    }

    /// Whether the host of this name may be seen.
    pub fn sees(&self, name: &str) -> bool {
        match self {
            HostGrant::All => true,
            HostGrant::Some(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
        }
    }

    /// Whether all hosts may be seen, whatever they are called.
    pub fn is_all(&self) -> bool {
        matches!(self, HostGrant::All)
    }
}

/// Files that may be seen.
#[derive(Debug, Clone, Default)]
pub enum FileGrant {
    /// All.
    #[default]
    All,
    /// Those whose name matches one of these globs. The field is what a primary sends to tell its
    /// secondaries.
    Some(Arc<FileGlobs>, HeaderValue),
}

impl FileGrant {
    /// The files of these globs. Equal ones that were `known` before are not built again.
    pub(super) fn new(globs: &[String], known: &mut Known) -> Result<FileGrant, GlobsError> {
        if globs.iter().any(|glob| glob == "**") {
            return Ok(FileGrant::All);
        }
        if let Some(grant) = known.grants.get(globs) {
            return Ok(grant.clone());
        }
        let built = FileGlobs::parse("files", &globs.iter().map(String::as_bytes).collect::<Vec<_>>())?;
        let encode = |glob: &String| percent_encode(glob.as_bytes(), NON_ALPHANUMERIC).to_string();
        let field = headers::value(&globs.iter().map(encode).collect::<Vec<_>>().join(","));
        known.bytes += built.size();
        let grant = FileGrant::Some(Arc::new(built), field);
        known.grants.insert(globs.to_vec(), grant.clone());
        Ok(grant)
    }

    /// Reads the field that [`FileGrant::field`] gives. A field that cannot be read allows nothing.
    pub fn parse(field: &HeaderValue) -> FileGrant {
        let globs: Vec<Vec<u8>> =
            field.as_bytes().split(|byte| *byte == b',').map(|glob| percent_decode(glob).collect()).collect();
        let is_in_bounds = globs.len() <= PATTERNS && globs.iter().map(Vec::len).sum::<usize>() <= ALL_BYTES;
        let globs: Vec<&[u8]> = globs.iter().map(Vec::as_slice).filter(|_| is_in_bounds).collect();
        let built = FileGlobs::parse("files", &globs);
        let none =
            || FileGlobs::parse("files", &[]).unwrap_or_else(|_| unreachable!("no globs are in all bounds"));
        FileGrant::Some(Arc::new(built.unwrap_or_else(|_| none())), field.clone())
    }

    /// The value of [`headers::FILES`] for a secondary. None where all files may be seen.
    pub fn field(&self) -> Option<&HeaderValue> {
        match self {
            FileGrant::All => None,
            FileGrant::Some(_, field) => Some(field),
        }
    }

    /// Whether the file of this name may be seen.
    pub fn sees(&self, name: &[u8]) -> bool {
        match self {
            FileGrant::All => true,
            FileGrant::Some(globs, _) => globs.sees(name),
        }
    }

    /// Whether a file below this directory may be seen.
    pub fn may_see_below(&self, dir: &[u8]) -> bool {
        match self {
            FileGrant::All => true,
            FileGrant::Some(globs, _) => globs.may_see_below(dir),
        }
    }

    /// Whether a file to which this alias leads may be seen.
    pub fn may_see_by(&self, alias: &Alias<'_>) -> bool {
        match self {
            FileGrant::All => true,
            FileGrant::Some(globs, _) => globs.may_see_by(alias),
        }
    }
}

/// What is said of a host that is not ready to a client who does not see all files, in place of the
/// reason: that names log directories.
pub const NOT_READY: &str = "it is not ready: a token that sees all files is told why";

/// Files that two grants allow: that of a primary, and that of its caller.
#[derive(Debug, Clone, Default)]
pub struct FileGrants(FileGrant, FileGrant);

impl FileGrants {
    /// What both of them allow.
    pub fn new(one: FileGrant, other: FileGrant) -> FileGrants {
        FileGrants(one, other)
    }

    /// Whether all files may be seen.
    pub fn is_all(&self) -> bool {
        matches!(self, FileGrants(FileGrant::All, FileGrant::All))
    }

    /// Whether the file of this name may be seen.
    pub fn sees(&self, name: &[u8]) -> bool {
        self.0.sees(name) && self.1.sees(name)
    }

    /// Whether a file below this directory may be seen.
    pub fn may_see_below(&self, dir: &[u8]) -> bool {
        self.0.may_see_below(dir) && self.1.may_see_below(dir)
    }

    /// Whether a file to which this alias leads may be seen.
    pub fn may_see_by(&self, alias: &Alias<'_>) -> bool {
        self.0.may_see_by(alias) && self.1.may_see_by(alias)
    }
}

/// Grants of one token file that are built already. Many tokens have the same.
#[derive(Debug, Default)]
pub(super) struct Known {
    grants: HashMap<Vec<String>, FileGrant>,
    /// Bytes of all their globs.
    pub(super) bytes: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_files_are_seen_by_their_patterns() {
        let hosts = |all: &[&str]| HostGrant::new(&all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert!(hosts(&["web?", "*"]).is_all() && hosts(&["*"]).sees("x"));
        let web = hosts(&["web?", "db1"]);
        for (name, sees) in [("web1", true), ("web12", false), ("db1", true), ("DB1", false), ("", false)] {
            assert_eq!(web.sees(name), sees, "{name}");
        }
    }

    #[test]
    fn the_files_of_a_grant_survive_the_way_to_a_secondary() {
        let globs = ["nginx/*.log", "a,b/%2C", "\u{fc}/**"].map(str::to_owned);
        let known = &mut Known::default();
        let grant = FileGrant::new(&globs, known).unwrap();
        let sent = FileGrant::parse(grant.field().unwrap());
        for (name, sees) in [
            ("nginx/a.log", true),
            ("a,b/%2C", true),
            ("a", false),
            ("b/,", false),
            ("\u{fc}/x/y", true),
            ("nginx/x/a.log", false),
        ] {
            for grant in [&grant, &sent] {
                assert_eq!(grant.sees(name.as_bytes()), sees, "{name}");
            }
        }
        assert!(sent.may_see_below(b"nginx") && !sent.may_see_below(b"apache"));
        let all = FileGrant::new(&["a".to_owned(), "**".to_owned()], known).unwrap();
        assert!(all.field().is_none() && all.sees(b"x") && all.may_see_below(b"y"));
    }

    #[test]
    fn a_field_that_cannot_be_read_allows_nothing() {
        let many = vec!["%2A%2A"; PATTERNS + 1].join(",");
        for field in ["", "%7B", "%2A%2A,%5B", &many] {
            let grant = FileGrant::parse(&HeaderValue::from_str(field).unwrap());
            assert!(
                !grant.sees(b"a") && !grant.sees(b"") || field.is_empty() && !grant.sees(b"a"),
                "{field}"
            );
        }
    }

    #[test]
    fn equal_grants_are_built_once() {
        let mut known = Known::default();
        let globs = ["*.log".to_owned()];
        FileGrant::new(&globs, &mut known).unwrap();
        let bytes = known.bytes;
        FileGrant::new(&globs, &mut known).unwrap();
        assert!(bytes > 0 && known.bytes == bytes);
    }
}
