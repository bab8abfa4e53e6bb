//! The form of the fleet's file: that of Prometheus' file-based discovery (`file_sd`), JSON or
//! YAML.
//!
//! ```json
//! [{"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1"}},
//!  {"targets": ["10.0.0.2:8001", "http://10.0.0.3:8001"]}]
//! ```
//!
//! ```yaml
//! - targets: ["10.0.0.1:8001"]
//!   labels: {hostname: web1}
//! - targets: ["10.0.0.2:8001", "http://10.0.0.3:8001"]
//! ```
//!
//! A list in YAML's block style may end at any line, so a file with one has to end with a line
//! feed: one that does not may have been cut off.
//!
//! The label `hostname` names the one target of its group; a target without it is called
//! what its secondary calls itself. The label `__scheme__`, which Prometheus knows too, says
//! whether the group's targets are asked over `http` or `https`. The labels `expected_hosts` and
//! `expected_count` say which hosts the whole fleet is [expected](super::expected) to have:
//!
//! ```json
//! [{"targets": [], "labels": {"expected_hosts": "web1,web2", "expected_count": "2"}}]
//! ```
//!
//! Other labels mean nothing here.

mod texts;

use super::expected::Expected;
use super::member::{Member, Scheme};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;
use texts::{ExpectedCount, ExpectedHosts, Name, SchemeLabel, Target};

/// What a file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// JSON.
    Json,
    /// YAML: the name of the file ends in `.yml` or `.yaml`, as for Prometheus.
    Yaml,
}

impl Syntax {
    /// The syntax of the file of this name.
    pub fn of(path: &Path) -> Syntax {
        match path.extension().and_then(OsStr::to_str) {
            Some("yml" | "yaml") => Syntax::Yaml,
            _ => Syntax::Json,
        }
    }
}

/// Why a file is not understood, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// What the reader of the syntax, or a check of ours, says, with line and column.
    #[error("{0}")]
    Malformed(String),
    /// It is YAML without any group. A file that is being written may look like this.
    #[error("it lists no target groups: expected {LIST} at line 1; a fleet without hosts is []")]
    NoGroups,
    /// It is YAML that may have been cut off.
    #[error("it may not be whole: line {line} does not end with a line feed: write its last line to its end")]
    CutOff {
        /// The number of its last line.
        line: usize,
    },
}

/// What a file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// The hosts.
    pub members: Vec<Member>,
    /// Those that the fleet is expected to have.
    pub expected: Expected,
}

/// What the file says. None of its hosts may have a name that `taken` has for another URL. Targets for
/// which the file names no scheme have `scheme`.
pub fn parse(
    bytes: &[u8],
    syntax: Syntax,
    scheme: Scheme,
    taken: &BTreeMap<String, String>,
) -> Result<Listed, Error> {
    let mut groups = Groups { listed: Listed::default(), urls: BTreeMap::new(), scheme, taken };
    match syntax {
        Syntax::Json => {
            let mut json = serde_json::Deserializer::from_slice(bytes);
            let read = List(&mut groups).deserialize(&mut json).and_then(|()| json.end());
            read.map_err(|error| json_error(&error, bytes))?;
        }
        Syntax::Yaml => {
            let read =
                serde_saphyr::with_deserializer_from_slice(bytes, |yaml| List(&mut groups).deserialize(yaml));
            read.map_err(|error| yaml_error(&error))?;
            // To YAML an empty file is a list without groups.
            if groups.listed.members.is_empty() && !bytes.contains(&b'[') {
                return Err(Error::NoGroups);
            }
            // A list in brackets has an end of its own.
            let is_closed = bytes.trim_ascii_start().starts_with(b"[") || bytes.ends_with(b"\n");
            if !is_closed {
                return Err(Error::CutOff { line: memchr::memchr_iter(b'\n', bytes).count() + 1 });
            }
        }
    }
    Ok(groups.listed)
}

fn json_error(error: &serde_json::Error, bytes: &[u8]) -> Error {
    let first = bytes.trim_ascii_start().first();
    let hint = match first {
        Some(b'-' | b'#') => ": if it is YAML, call it .yml or .yaml",
        _ => "",
    };
    Error::Malformed(format!("{error}{hint}"))
}

/// The error in one line, without an excerpt of the file.
fn yaml_error(error: &serde_saphyr::Error) -> Error {
    let text = error.without_snippet().to_string();
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // The reader says this if there is a list in place of a map, or a map in place of a list.
    let form = if text.starts_with("expected") { format!(": the file is {LIST}") } else { String::new() };
    Error::Malformed(match error.location() {
        Some(place) if !text.contains("line ") => {
            format!("{text} at line {} column {}{form}", place.line(), place.column())
        }
        _ => format!("{text}{form}"),
    })
}

/// What has been found in the file so far. Everything is checked while it is read, so that each
/// error has a line and a column.
struct Groups<'t> {
    listed: Listed,
    /// The URL of each name.
    urls: BTreeMap<String, String>,
    /// The scheme of a target for which the file names none.
    scheme: Scheme,
    /// The same as `urls` for what another source says.
    taken: &'t BTreeMap<String, String>,
}

const LIST: &str = "a list of target groups, as in [{\"targets\": [\"10.0.0.1:8001\"]}]";

/// All groups.
struct List<'g, 't>(&'g mut Groups<'t>);

impl<'de> DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(LIST)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Group(self.0))?.is_some() {}
        Ok(())
    }
}

/// The next group, which is added to those before it.
struct Group<'g, 't>(&'g mut Groups<'t>);

impl<'de> DeserializeSeed<'de> for Group<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Group<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target group, as in {\"targets\": [\"10.0.0.1:8001\"]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Fields { targets, labels } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        let scheme = labels.scheme.map_or(self.0.scheme, |SchemeLabel(scheme)| scheme);
        for target in targets {
            let url = target.url(scheme);
            if let Some(Name(name)) = &labels.hostname {
                if let Some(other) = self.0.taken.get(name).filter(|other| **other != url) {
                    return Err(A::Error::custom(format_args!(
                        "two URLs for one name, {name:?}: {other} (--secondary) and {url}: give each host a name of its own"
                    )));
                }
                let before = self.0.urls.entry(name.clone()).or_insert_with(|| url.clone());
                if *before != url {
                    return Err(A::Error::custom(format_args!(
                        "two URLs for one name, {name:?}: {before} and {url}: give each host a group and a hostname of its own"
                    )));
                }
            }
            let name = labels.hostname.as_ref().map(|name| name.0.clone());
            self.0.listed.members.push(Member { name, url });
        }
        let expected = &mut self.0.listed.expected;
        if let Some(ExpectedHosts(hosts)) = labels.expected_hosts {
            expected.add(&hosts);
        }
        if let Some(ExpectedCount(count)) = labels.expected_count {
            expected.at_least(count);
        }
        expected.check().map_err(A::Error::custom)?;
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    targets: Vec<Target>,
    #[serde(default)]
    labels: Labels,
}

/// Other labels are ignored: they are for Prometheus.
#[derive(Deserialize, Default)]
struct Labels {
    hostname: Option<Name>,
    #[serde(rename = "__scheme__")]
    scheme: Option<SchemeLabel>,
    expected_hosts: Option<ExpectedHosts>,
    expected_count: Option<ExpectedCount>,
}

#[cfg(test)]
mod tests;
