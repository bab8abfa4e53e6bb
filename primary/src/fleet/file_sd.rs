//! The form of the fleet's file: the JSON of Prometheus' file-based discovery (`file_sd`).
//!
//! ```json
//! [{"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1"}},
//!  {"targets": ["10.0.0.2:8001", "http://10.0.0.3:8001"]}]
//! ```
//!
//! The label `hostname` names the one target of its group; a target without it is called
//! what its secondary calls itself. Other labels mean nothing here.

use super::member::{self, Member};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// The hosts of the file. The error says line and column.
pub fn parse(bytes: &[u8]) -> Result<Vec<Member>, String> {
    serde_json::from_slice::<Groups>(bytes).map(|groups| groups.members).map_err(|error| error.to_string())
}

/// What has been found in the file so far. Everything is checked while it is read, so that
/// an error has its place in the file.
#[derive(Default)]
struct Groups {
    members: Vec<Member>,
    /// The URL of each name.
    urls: BTreeMap<String, String>,
}

impl<'de> Deserialize<'de> for Groups {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Groups, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Groups;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of target groups, as in [{\"targets\": [\"10.0.0.1:8001\"]}]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Groups, A::Error> {
        let mut groups = Groups::default();
        while list.next_element_seed(Group(&mut groups))?.is_some() {}
        Ok(groups)
    }
}

/// The next group, which is added to those before it.
struct Group<'g>(&'g mut Groups);

impl<'de> DeserializeSeed<'de> for Group<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Group<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a target group, as in {\"targets\": [\"10.0.0.1:8001\"]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Fields { targets, labels } = Fields::deserialize(MapAccessDeserializer::new(map))?;
        for Target(url) in targets {
            if let Some(Name(name)) = &labels.hostname {
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

    #[test]
    fn targets_are_read_with_and_without_a_name() {
        let text = r#"[
            {"targets": ["10.0.0.1:8001"], "labels": {"hostname": "web1", "job": "x", "n": 1}},
            {"labels": {}, "targets": ["[::1]:8001", "HTTP://Web3/"]},
            {"targets": []}
        ]"#;
        let found =
            |name: Option<&str>, url: &str| Member { name: name.map(str::to_owned), url: url.to_owned() };
        assert_eq!(
            parse(text.as_bytes()).unwrap(),
            [
                found(Some("web1"), "http://10.0.0.1:8001"),
                found(None, "http://[::1]:8001"),
                found(None, "http://web3")
            ]
        );
        assert_eq!(parse(b"[]").unwrap(), []);
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
            let error = parse(text.as_bytes()).expect_err(text);
            assert!(error.contains(why) && error.contains(place), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
