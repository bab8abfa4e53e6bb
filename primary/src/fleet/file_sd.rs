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

use super::member::{self, Member};
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
    /// YAML, which is told by the file's name as Prometheus does: `.yml` or `.yaml`.
    Yaml,
}

impl Syntax {
    /// Of the file of this name.
    pub fn of(path: &Path) -> Syntax {
        match path.extension().and_then(OsStr::to_str) {
            Some("yml" | "yaml") => Syntax::Yaml,
            _ => Syntax::Json,
        }
    }
}

/// The hosts of the file, none of which may have the name of another URL in `taken`, where
/// each name has its URL. The error says line and column.
pub fn parse(bytes: &[u8], syntax: Syntax, taken: &BTreeMap<String, String>) -> Result<Vec<Member>, String> {
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
            // One that is being written, say. YAML takes nothing for a list without groups.
            if groups.members.is_empty() && !bytes.contains(&b'[') {
                return Err(format!(
                    "it lists no target groups: expected {LIST} at line 1; a fleet without hosts is []"
                ));
            }
            // One in brackets has an end of its own.
            let is_closed = bytes.trim_ascii_start().starts_with(b"[") || bytes.ends_with(b"\n");
            if !is_closed {
                let line = memchr::memchr_iter(b'\n', bytes).count() + 1;
                return Err(format!(
                    "it may not be whole: line {line} does not end with a line feed: write its last line to its end"
                ));
            }
        }
    }
    Ok(groups.members)
}

fn json_error(error: &serde_json::Error, bytes: &[u8]) -> String {
    let first = bytes.trim_ascii_start().first();
    let hint = match first {
        Some(b'-' | b'#') => ": if it is YAML, call it .yml or .yaml",
        _ => "",
    };
    format!("{error}{hint}")
}

/// In one line, and without a picture of the place.
fn yaml_error(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    // The reader's own words for a list where a map should be, or the other way round.
    let form = if text.starts_with("expected") { format!(": the file is {LIST}") } else { String::new() };
    match error.location() {
        Some(place) if !text.contains("line ") => {
            format!("{text} at line {} column {}{form}", place.line(), place.column())
        }
        _ => format!("{text}{form}"),
    }
}

/// What has been found in the file so far. Everything is checked while it is read, so that
/// an error has its place in the file.
struct Groups<'t> {
    members: Vec<Member>,
    /// The URL of each name.
    urls: BTreeMap<String, String>,
    /// The same of what another source says.
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

/// The others are for Prometheus.
#[derive(Deserialize, Default)]
struct Labels {
    hostname: Option<Name>,
}

struct Target(String);

impl TryFrom<&str> for Target {
    type Error = String;

    fn try_from(text: &str) -> Result<Target, String> {
        let url = if text.contains("://") { member::base(text) } else { member::of_address(text) };
        url.map(Target)
            .map_err(|why| format!("the target {text:?} {why}: write HOST:PORT, as in 10.0.0.1:8001"))
    }
}

struct Name(String);

impl TryFrom<&str> for Name {
    type Error = String;

    fn try_from(text: &str) -> Result<Name, String> {
        member::flaw(text)
            .map_or_else(|| Ok(Name(text.to_owned())), |flaw| Err(format!("the hostname {text:?}: {flaw}")))
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

/// A text that is checked where it stands: serde's own `try_from` would do it later, and
/// give the place of what follows.
struct Text<T>(PhantomData<T>);

impl<T: for<'t> TryFrom<&'t str, Error = String>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::try_from(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Result<Vec<Member>, String> {
        parse(text.as_bytes(), Syntax::Json, &BTreeMap::new())
    }

    fn yaml(text: &str) -> Result<Vec<Member>, String> {
        parse(text.as_bytes(), Syntax::Yaml, &BTreeMap::new())
    }

    #[test]
    fn targets_are_read_with_and_without_a_name() {
        let text = r#"[
            {"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1", "job": "x", "n": 1}},
            {"labels": {}, "targets": ["[::1]:8001", "HTTP://Web3/"]},
            {"targets": []}
        ]"#;
        let found =
            |name: Option<&str>, url: &str| Member { name: name.map(str::to_owned), url: url.to_owned() };
        let all = [
            found(Some("web1"), "http://10.0.0.1:8001"),
            found(None, "http://[::1]:8001"),
            found(None, "http://web3"),
        ];
        assert_eq!(json(text).unwrap(), all);
        assert_eq!(yaml(&text.replace('\t', " ")).unwrap(), all, "JSON is YAML");
        let text = "# The fleet.\n- targets:\n  - 10.0.0.1:8001\n  labels:\n    hostname: web1\n    n: 1\n\n- labels: {}\n  targets: ['[::1]:8001', \"HTTP://Web3/\"]\n- targets: []\n";
        assert_eq!(yaml(text).unwrap(), all);
        assert_eq!((json("[]").unwrap(), yaml("[]").unwrap()), (vec![], vec![]));
    }

    #[test]
    fn an_error_has_its_place_in_the_file() {
        for (text, why, place) in [
            ("", "EOF", "line 1 column 0"),
            ("[\n  {\"targets\": [\"a:1\"],}\n]", "trailing comma", "line 2"),
            ("[\n\n  {\"targets\": [\"a:1\"], \"lables\": {}}\n]", "lables", "line 3"),
            ("[\n  {\"labels\": {}}\n]", "targets", "line 2"),
            ("[\n  1\n]", "expected a target group", "line 2"),
            ("{}", "expected a list of target groups", "line 1"),
            ("[\n  {\"targets\": [\n    \"a:1\",\n    \"b\",\n    \"c:1\"]}]", "\"b\" has no port", "line 4"),
            ("[\n{\"targets\": [\"https://a:1\"]}]", "TLS", "line 2"),
            ("[\n{\"targets\": [\"a:1/logs\"]}]", "path", "line 2"),
            (
                "[{\"targets\": [\"a:1\"],\n \"labels\": {\"hostname\": \"a*\"}}]",
                "\"a*\": a name holds no *",
                "line 2",
            ),
            (
                "[{\"targets\": [\"a:1\"], \"labels\": {\"hostname\": \"a\"}},\n{\"targets\": [\"b:1\"], \"labels\": {\"hostname\": \"a\"}},\n{\"targets\": []}]",
                "two URLs for one name, \"a\": http://a:1 and http://b:1",
                "line 2",
            ),
            (
                "[\n{\"targets\": [\"a:1\", \"b:1\"], \"labels\": {\"hostname\": \"a\"}},\n{}]",
                "two URLs for one name",
                "line 2",
            ),
            ("[] []", "trailing", "line 1 column 4"),
        ] {
            let error = json(text).expect_err(text);
            assert!(error.contains(why) && error.contains(place), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn an_error_of_yaml_has_its_place_in_the_file_too() {
        for (text, why, place) in [
            ("", "target groups", "line 1"),
            ("# Nothing yet.\n", "target groups", "line 1"),
            ("- targets: [a:1\n- b", "unclosed", "line 1"),
            ("- targets: [\"a:1\"]\n\n  lables: {}\n", "lables", "line 3"),
            ("- targets: [a:1]\n- labels: {}\n", "targets", "line 2"),
            ("-\n  1\n", "expected mapping", "line 2"),
            ("targets: [a:1]\n", "target groups", "line 1"),
            ("- targets:\n  - a:1\n  - b\n  - c:1\n", "\"b\" has no port", "line 3"),
            ("- targets:\n  - https://a:1\n", "TLS", "line 2"),
            ("- targets: [a:1]\n  labels:\n    hostname: 'a*'\n", "\"a*\": a name holds no *", "line 3"),
            (
                "- targets: [a:1]\n  labels: {hostname: a}\n- targets: [b:1]\n  labels: {hostname: a}\n",
                "two URLs for one name, \"a\": http://a:1 and http://b:1",
                "line 3",
            ),
            ("- targets: [a:1]\n---\n- targets: [b:1]\n", "document", "line"),
            ("- targets: [a:1]\n- targets: [b:1]", "may not be whole", "line 2"),
            ("- targets:\n  - a:1\n  - b:80", "may not be whole", "line 3"),
        ] {
            let error = yaml(text).expect_err(text);
            assert!(error.contains(why) && error.contains(place), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_name_of_another_source_is_a_conflict_with_its_place() {
        let taken = BTreeMap::from([("z".to_owned(), "http://z:1".to_owned())]);
        let read = |text: &str, syntax| parse(text.as_bytes(), syntax, &taken);
        let text =
            "[{\"targets\": [\"a:1\"]},\n\n{\"targets\": [\"z:2\"], \"labels\": {\"hostname\": \"z\"}}]";
        for syntax in [Syntax::Json, Syntax::Yaml] {
            let error = read(text, syntax).unwrap_err();
            let why = "\"z\": http://z:1 (--secondary) and http://z:2";
            assert!(error.contains(why) && error.contains("line 3"), "{error}");
            assert!(read(&text.replace("z:2", "z:1"), syntax).is_ok());
        }
    }

    #[test]
    fn yaml_is_told_by_the_name_of_its_file_and_json_that_is_none_says_so() {
        for (name, syntax) in [
            ("/a/fleet.yml", Syntax::Yaml),
            ("fleet.yaml", Syntax::Yaml),
            ("fleet.json", Syntax::Json),
            ("fleet", Syntax::Json),
        ] {
            assert_eq!(Syntax::of(Path::new(name)), syntax, "{name}");
        }
        let error = json("- targets: [a:1]\n").unwrap_err();
        assert!(error.contains(".yml") && error.contains("line 1"), "{error}");
    }

    #[test]
    fn yaml_that_grows_when_it_is_read_is_refused() {
        let doubled = |n: usize| format!("- &a{n} [*a{}, *a{}]\n", n - 1, n - 1);
        let text: Vec<String> =
            std::iter::once("- &a0 {targets: [a:1]}\n".to_owned()).chain((1..40).map(doubled)).collect();
        assert!(yaml(&text.concat()).is_err());
        let text = format!("x: &a [{}]\n", "\"a:1\", ".repeat(100)) + &"- *a\n".repeat(100_000);
        assert!(yaml(&text).is_err());
    }
}
