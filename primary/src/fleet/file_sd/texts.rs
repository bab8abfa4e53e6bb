//! The texts of the file: each is checked as soon as it is read, so that its error has a line and a
//! column.

use crate::fleet::expected::{BadExpected, Expected, count};
use crate::fleet::member::{self, BadName, BadUrl, Scheme};
use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Why a text of the file is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadText {
    #[error("the target {text:?} {why}: write HOST:PORT, as in 10.0.0.1:8001")]
    Target { text: String, why: BadUrl },
    #[error("the hostname {text:?}: {why}")]
    Hostname { text: String, why: BadName },
    #[error("the __scheme__ {text:?} {why}: write http or https")]
    Scheme { text: String, why: BadUrl },
    #[error("the label {label}: {why}")]
    Expected { label: &'static str, why: BadExpected },
    #[error("the label expected_hosts names no host: name one, or leave the label out to expect none")]
    NoHosts,
}

/// A target: its URL, or `HOST:PORT`, whose scheme may be named after it.
pub(super) enum Target {
    Url(String),
    Address(String),
}

impl Target {
    pub(super) fn url(self, scheme: Scheme) -> String {
        match self {
            Target::Url(url) => url,
            Target::Address(address) => member::url(scheme, &address),
        }
    }
}

impl TryFrom<&str> for Target {
    type Error = BadText;

    fn try_from(text: &str) -> Result<Target, BadText> {
        let target = if text.contains("://") {
            member::base(text).map(Target::Url)
        } else {
            let url = member::of_address(Scheme::Http, text);
            url.map(|url| Target::Address(member::address(&url).to_owned()))
        };
        target.map_err(|why| BadText::Target { text: text.to_owned(), why })
    }
}

pub(super) struct SchemeLabel(pub(super) Scheme);

impl TryFrom<&str> for SchemeLabel {
    type Error = BadText;

    fn try_from(text: &str) -> Result<SchemeLabel, BadText> {
        let scheme = Scheme::try_from(text);
        scheme.map(SchemeLabel).map_err(|why| BadText::Scheme { text: text.to_owned(), why })
    }
}

pub(super) struct Name(pub(super) String);

impl TryFrom<&str> for Name {
    type Error = BadText;

    fn try_from(text: &str) -> Result<Name, BadText> {
        match member::check_name(text) {
            Ok(()) => Ok(Name(text.to_owned())),
            Err(why) => Err(BadText::Hostname { text: text.to_owned(), why }),
        }
    }
}

/// Names with commas between them.
pub(super) struct ExpectedHosts(pub(super) Expected);

impl TryFrom<&str> for ExpectedHosts {
    type Error = BadText;

    fn try_from(text: &str) -> Result<ExpectedHosts, BadText> {
        let mut expected = Expected::default();
        match expected.name(text.split(','), "the label expected_hosts of --fleet-file") {
            Ok(()) if !expected.names_any() => Err(BadText::NoHosts),
            Ok(()) => Ok(ExpectedHosts(expected)),
            Err(why) => Err(BadText::Expected { label: "expected_hosts", why }),
        }
    }
}

/// A number, which is a text as all labels are.
pub(super) struct ExpectedCount(pub(super) usize);

impl TryFrom<&str> for ExpectedCount {
    type Error = BadText;

    fn try_from(text: &str) -> Result<ExpectedCount, BadText> {
        let count = count(text);
        count.map(ExpectedCount).map_err(|why| BadText::Expected { label: "expected_count", why })
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Target, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<'de> Deserialize<'de> for SchemeLabel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<SchemeLabel, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<'de> Deserialize<'de> for ExpectedHosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExpectedHosts, D::Error> {
        deserializer.deserialize_str(Text(PhantomData))
    }
}

impl<'de> Deserialize<'de> for ExpectedCount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ExpectedCount, D::Error> {
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
