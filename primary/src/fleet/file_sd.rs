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
//! what its secondary calls itself. Other labels mean nothing here.

use super::member::{self, BadName, BadUrl, Member};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;
use std::path::Path;

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

/// The hosts of the file. None of them may have a name that `taken` has for another URL.
pub fn parse(bytes: &[u8], syntax: Syntax, taken: &BTreeMap<String, String>) -> Result<Vec<Member>, Error> {
    let mut groups = Groups { members: Vec::new(), urls: BTreeMap::new(), taken };
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
            if groups.members.is_empty() && !bytes.contains(&b'[') {
                return Err(Error::NoGroups);
            }
            // A list in brackets has an end of its own.
            let is_closed = bytes.trim_ascii_start().starts_with(b"[") || bytes.ends_with(b"\n");
            if !is_closed {
                return Err(Error::CutOff { line: memchr::memchr_iter(b'\n', bytes).count() + 1 });
            }
        }
    }
    Ok(groups.members)
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
    members: Vec<Member>,
    /// The URL of each name.
    urls: BTreeMap<String, String>,
    /// The same for what another source says.
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
        for Target(url) in targets {
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
            self.0.members.push(Member { name: labels.hostname.as_ref().map(|name| name.0.clone()), url });
        }
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
}

/// Why a text of the file is not taken.
#[derive(Debug, thiserror::Error)]
enum BadText {
    #[error("the target {text:?} {why}: write HOST:PORT, as in 10.0.0.1:8001")]
    Target { text: String, why: BadUrl },
    #[error("the hostname {text:?}: {why}")]
    Hostname { text: String, why: BadName },
}

struct Target(String);

impl TryFrom<&str> for Target {
    type Error = BadText;

    fn try_from(text: &str) -> Result<Target, BadText> {
        let url = if text.contains("://") { member::base(text) } else { member::of_address(text) };
        url.map(Target).map_err(|why| BadText::Target { text: text.to_owned(), why })
    }
}

struct Name(String);

impl TryFrom<&str> for Name {
    type Error = BadText;

    fn try_from(text: &str) -> Result<Name, BadText> {
        match member::check_name(text) {
            Ok(()) => Ok(Name(text.to_owned())),
            Err(why) => Err(BadText::Hostname { text: text.to_owned(), why }),
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

/// A text that is checked as soon as it is read. `try_from` of serde would check it later, and its
/// errors would have the line and column of what follows.
struct Text<T>(PhantomData<T>);

impl<T: for<'t> TryFrom<&'t str, Error = BadText>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests;
