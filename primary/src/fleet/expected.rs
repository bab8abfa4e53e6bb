//! The hosts that the fleet is expected to have: names, a number, or both. A host that is gone leaves
//! the answers of DNS, and perhaps the fleet's file. Nothing else says then that it is missing.
//!
//! ```text
//! --expected-host, --expected-count ─┐
//! --expected-file                    ├──► one Expected ──► compared with the fleet ──► Missing
//! --fleet-file, in labels            ┘
//! ```

use super::HOSTS;
use super::member::{self, BadName};
use super::missing::Missing;
use backscroll_shared::reload::{self, Files, Reloaded};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The most hosts that can be expected: more than a fleet takes, so that those that are left out of
/// a full fleet are named too.
pub const EXPECTED: usize = 2 * HOSTS;

const HOST: &str = "--expected-host";
const COUNT: &str = "--expected-count";
const FILE: &str = "--expected-file";

/// The hosts that the fleet is expected to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Their names, each with what gave it.
    hosts: BTreeMap<String, &'static str>,
    /// The least number of hosts.
    count: usize,
    /// Hosts that are missing for sure, without names: what wrote the file knows no more of them.
    unnamed: usize,
}

/// Whether there is a host of a name in the fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found<'f> {
    /// There is.
    Here,
    /// There is one that calls itself so, but a source gives it this name. So nobody can ask for it
    /// by the other one.
    Called(&'f str),
    /// There is not.
    Gone,
}

/// Why what is expected is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadExpected {
    /// A name is not valid.
    #[error("the host {name:?}: {why}: write the name that the host has in GET /hosts")]
    Name {
        /// As it was written.
        name: String,
        /// What is wrong with it.
        why: BadName,
    },
    /// The number is not valid, or too large.
    #[error("the number {0:?}: write a whole number from 0 to {EXPECTED}, as in 12")]
    Count(String),
    /// There are too many names.
    #[error("it names more than {EXPECTED} hosts: give each part of the fleet a primary of its own")]
    TooMany,
}

/// Why a flag is not taken, in one line.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `--expected-host` or `--expected-count`.
    #[error("{0}: {1}")]
    Flag(&'static str, BadExpected),
    /// `--expected-file`.
    #[error(transparent)]
    File(#[from] reload::Error),
}

impl Expected {
    /// What the flags say.
    pub fn of_flags(hosts: &[String], count: Option<&str>) -> Result<Expected, Error> {
        let mut expected = Expected::default();
        let names = hosts.iter().map(String::as_str);
        expected.name(names, HOST).map_err(|why| Error::Flag(HOST, why))?;
        if let Some(count) = count {
            expected.count = self::count(count).map_err(|why| Error::Flag(COUNT, why))?;
        }
        Ok(expected)
    }

    /// Reads the file of `--expected-file`, and reads it again when it changes. Blocks.
    pub fn file(path: &Path) -> Result<Reloaded<Expected>, Error> {
        Ok(Reloaded::open(Files::one(FILE, path), |files| match files {
            [bytes] => parse(bytes),
            _ => Err("it is missing".to_owned()),
        })?)
    }

    /// Adds names that this source gives. Empty ones, as after a last comma, are none.
    pub(super) fn name<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        source: &'static str,
    ) -> Result<(), BadExpected> {
        for name in names.map(str::trim).filter(|name| !name.is_empty()) {
            member::check_name(name).map_err(|why| BadExpected::Name { name: name.to_owned(), why })?;
            self.hosts.entry(name.to_owned()).or_insert(source);
            self.check()?;
        }
        Ok(())
    }

    /// Checks that it does not name too many hosts.
    pub(super) fn check(&self) -> Result<(), BadExpected> {
        if self.hosts.len() > EXPECTED { Err(BadExpected::TooMany) } else { Ok(()) }
    }

    /// Expects at least so many hosts.
    pub(super) fn at_least(&mut self, count: usize) {
        self.count = self.count.max(count);
    }

    /// So many hosts are missing for sure.
    fn lacks(&mut self, unnamed: usize) {
        self.unnamed = self.unnamed.max(unnamed);
    }

    /// Whether it names a host.
    pub(super) fn names_any(&self) -> bool {
        !self.hosts.is_empty()
    }

    /// Adds what another source expects.
    pub fn add(&mut self, other: &Expected) {
        for (name, source) in &other.hosts {
            self.hosts.entry(name.clone()).or_insert(source);
        }
        self.at_least(other.count);
        self.lacks(other.unnamed);
    }

    /// Whether nothing is expected.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.count == 0 && self.unnamed == 0
    }

    /// Compares it with a fleet, in which `find` finds hosts by their names, and adds what is missing
    /// to `missing`. There are `here` hosts, each counted once. What `missing` has already is not
    /// counted a second time.
    pub(super) fn compare<'f>(&self, find: impl Fn(&str) -> Found<'f>, here: usize, missing: &mut Missing) {
        let known = missing.host_count().saturating_add(self.unnamed);
        let mut named = 0;
        let gone: BTreeMap<&str, Arc<str>> =
            self.hosts.values().map(|source| (*source, Arc::from(gone(source)))).collect();
        for (name, source) in &self.hosts {
            match (find(name), gone.get(source)) {
                (Found::Gone, Some(why)) => {
                    missing.add_host(name, Arc::clone(why));
                    named += 1;
                }
                // It is one of those that are here.
                (Found::Called(given), _) => missing.add_host(name, called(source, given)),
                _ => {}
            }
        }
        if self.unnamed > 0 {
            let why = format!(
                "{} hosts are expected that have no names yet (unnamed in {FILE}): see what wrote the file for the reason; if it was kubernetes-hosts, no pod was made for as many nodes: ask kubectl describe daemonset",
                self.unnamed
            );
            missing.add_hosts(self.unnamed, why);
        }
        let short = self.count.saturating_sub(here.saturating_add(named).saturating_add(known));
        if short > 0 {
            let more = match named {
                0 => String::new(),
                _ => format!(", and {named} more are missing by name"),
            };
            let why = format!(
                "{} hosts are expected, {here} are in the fleet{more}: start the secondaries that are missing, or lower the number that is expected",
                self.count
            );
            missing.add_hosts(short, why);
        }
    }
}

/// Why a host is missing that this source expects, and that is nowhere.
fn gone(source: &str) -> String {
    format!(
        "it is expected ({source}), and no source of the fleet knows its address: start its secondary and check its --hostname, or remove the name from what is expected"
    )
}

/// The same for one that has another name in the fleet.
fn called(source: &str, given: &str) -> String {
    format!(
        "it is expected ({source}), and its secondary is listed as {given}: expect {given}, or list it as it calls itself"
    )
}

/// A number of hosts.
pub(super) fn count(text: &str) -> Result<usize, BadExpected> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = is_number.then(|| text.parse().ok()).flatten().filter(|count| *count <= EXPECTED);
    count.ok_or_else(|| BadExpected::Count(text.to_owned()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    hosts: Option<Vec<String>>,
    count: Option<i64>,
    unnamed: Option<i64>,
}

/// The file: TOML, with `hosts` and `count`, and `unnamed` if a program writes it. A file that says
/// nothing, or whose last line has no end, is an error: it may have been cut off, and would take
/// back what is expected.
pub fn parse(bytes: &[u8]) -> Result<Expected, String> {
    const FORM: &str = "write hosts = [\"web1\", \"web2\"] and count = 2, or one of the two";
    let text = std::str::from_utf8(bytes).map_err(|_| format!("it is not UTF-8: {FORM}"))?;
    let Form { hosts, count, unnamed } = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        format!("line {line}: {}: {FORM}", error.message().replace('\n', " "))
    })?;
    if hosts.is_none() && count.is_none() && unnamed.is_none() {
        return Err(format!("it says nothing: {FORM}; to expect nothing, write hosts = []"));
    }
    if !text.ends_with('\n') {
        return Err("it may not be whole: its last line does not end with a line feed: write it to its end"
            .to_owned());
    }
    let number = |given: i64| self::count(&given.to_string()).map_err(|why| why.to_string());
    let mut expected = Expected::default();
    let hosts = hosts.iter().flatten().map(String::as_str);
    expected.name(hosts, FILE).map_err(|why| why.to_string())?;
    expected.at_least(number(count.unwrap_or(0))?);
    expected.lacks(number(unnamed.unwrap_or(0))?);
    Ok(expected)
}

/// What [`parse`] reads. The names have to be [names](member::check_name).
pub fn to_toml<'n>(hosts: impl IntoIterator<Item = &'n str>, unnamed: usize) -> String {
    // What JSON escapes, TOML escapes in the same way.
    let hosts = hosts.into_iter().map(|name| format!("  {},\n", serde_json::Value::from(name)));
    format!("hosts = [\n{}]\nunnamed = {unnamed}\n", hosts.collect::<String>())
}

#[cfg(test)]
mod tests;
