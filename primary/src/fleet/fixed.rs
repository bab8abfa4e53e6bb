//! The hosts that `--secondary` names.

use super::member::{self, BadName, BadUrl, Member};

/// Why a `NAME=URL` of `--secondary` is not taken, in one line for the one who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no `=` in it.
    #[error("--secondary {text:?}: write NAME=URL, as in web1=http://10.0.0.1:8001")]
    NoUrl {
        /// What was written.
        text: String,
    },
    /// Its name is none.
    #[error("--secondary {text:?}: {why}: write NAME=URL")]
    Name {
        /// What was written.
        text: String,
        /// What is wrong with the name.
        why: BadName,
    },
    /// Its URL cannot be that of a secondary.
    #[error(
        "--secondary {name}: the URL {url:?} {why}: write http://HOST:PORT or https://HOST:PORT, as in http://10.0.0.1:8001"
    )]
    Url {
        /// The name.
        name: String,
        /// The URL as it was written.
        url: String,
        /// What is wrong with it.
        why: BadUrl,
    },
}

/// The hosts of a list of `NAME=URL`.
pub fn members(list: &[String]) -> Result<Vec<Member>, Error> {
    // Compose files leave a variable empty that is not set: that is no host.
    list.iter().map(|text| text.trim()).filter(|text| !text.is_empty()).map(parse).collect()
}

fn parse(text: &str) -> Result<Member, Error> {
    let (name, url) = text.split_once('=').ok_or_else(|| Error::NoUrl { text: text.to_owned() })?;
    member::check_name(name).map_err(|why| Error::Name { text: text.to_owned(), why })?;
    let url =
        member::base(url).map_err(|why| Error::Url { name: name.to_owned(), url: url.to_owned(), why })?;
    Ok(Member { name: Some(name.to_owned()), url })
}
