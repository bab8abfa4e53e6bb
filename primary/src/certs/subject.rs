//! For whom a certificate is.

use super::{AUTHORITY, PRIMARY, PRIMARY_NAME, PRIMARY_SERVER};
use backscroll_shared::tls::is_server_name;

/// For whom a certificate is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its name, and that of its files.
    pub name: String,
    /// The names and IP addresses for which the certificate is valid.
    pub valid_for: Vec<String>,
}

/// A name or an address that no certificate can carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadSubject {
    /// Neither a name nor an address.
    #[error(
        "{0:?} is neither a DNS name nor an IP address: write it without scheme and port, as in web1.internal or 10.0.0.1"
    )]
    NoName(String),
    /// A name that other files have.
    #[error(
        "a secondary cannot be called {0:?} here, because {0}.pem is another file: write web1={0} with another name in front"
    )]
    Reserved(String),
    /// A name twice.
    #[error("{0:?} is named twice: name each secondary once, with all its addresses")]
    Twice(String),
}

impl Subject {
    /// The primary as a client of its secondaries.
    pub(super) fn client() -> Subject {
        Subject { name: PRIMARY.to_owned(), valid_for: vec![PRIMARY_NAME.to_owned()] }
    }

    /// The primary as a server, by these names and by those of its own machine.
    pub(super) fn server(names: &[String]) -> Result<Subject, BadSubject> {
        let mut valid_for: Vec<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        for name in names {
            add(&mut valid_for, name)?;
        }
        Ok(Subject { name: PRIMARY_SERVER.to_owned(), valid_for })
    }

    /// The secondaries of a list of `NAME[=ADDRESS,…]`.
    pub(super) fn list(texts: &[String]) -> Result<Vec<Subject>, BadSubject> {
        let mut subjects: Vec<Subject> = Vec::new();
        for text in texts {
            let subject = Subject::secondary(text)?;
            if subjects.iter().any(|other| other.name == subject.name) {
                return Err(BadSubject::Twice(subject.name));
            }
            subjects.push(subject);
        }
        Ok(subjects)
    }

    fn secondary(text: &str) -> Result<Subject, BadSubject> {
        let (name, addresses) = text.split_once('=').unwrap_or((text, ""));
        let name = name.trim();
        if [AUTHORITY, PRIMARY, PRIMARY_SERVER].contains(&name) {
            return Err(BadSubject::Reserved(name.to_owned()));
        }
        let mut valid_for = Vec::new();
        add(&mut valid_for, name)?;
        for address in addresses.split(',').map(str::trim).filter(|address| !address.is_empty()) {
            add(&mut valid_for, address)?;
        }
        Ok(Subject { name: name.to_owned(), valid_for })
    }
}

fn add(valid_for: &mut Vec<String>, name: &str) -> Result<(), BadSubject> {
    if !is_server_name(name) {
        return Err(BadSubject::NoName(name.to_owned()));
    }
    if !valid_for.iter().any(|other| other == name) {
        valid_for.push(name.to_owned());
    }
    Ok(())
}
