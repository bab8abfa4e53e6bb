//! A new token, and its entry for the token file.

use super::digest::Digest;
use super::token_file::{check_grant, check_id, expiry};
use crate::query::glob::Globs;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::crypto::ring;
use std::fmt::Write as _;

/// What a token of ours begins with, so that scanners for secrets find it.
const PREFIX: &str = "bks_";

/// The system gave no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct RandomError;

/// What a new token is to be.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// What the audit calls it.
    pub id: String,
    /// The hosts that it may see.
    pub hosts: Vec<String>,
    /// The files that it may see.
    pub files: Vec<String>,
    /// When it ends to be valid.
    pub expires: Option<String>,
    /// Whether it is that of a primary.
    pub is_primary: bool,
    /// Whether it may read the metrics.
    pub reads_metrics: bool,
}

impl NewToken {
    /// Checks it as the token file is checked. The error is one line.
    pub fn check(&self) -> Result<(), String> {
        check_id(&self.id)?;
        check_grant(&self.id, &self.hosts, &self.files, self.reads_metrics)?;
        Globs::parse("files", self.files.iter().map(String::as_bytes)).map_err(|error| error.to_string())?;
        self.expires.as_deref().map_or(Ok(()), |text| expiry(text).map(|_| ()))
    }

    /// Makes the token. Returns it, and the entry for the file, in which it does not stand.
    pub fn make(&self) -> Result<(String, String), RandomError> {
        let mut bits = [0; 32];
        ring::default_provider().secure_random.fill(&mut bits).map_err(|_| RandomError)?;
        let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits));
        let mut entry = format!("[[token]]\nid = {}\n", quoted(&self.id));
        writeln!(entry, "sha256 = \"{}\"", Digest::of(token.as_bytes())).expect("a String takes it");
        let list = |all: &[String]| all.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ");
        writeln!(entry, "hosts = [{}]\nfiles = [{}]", list(&self.hosts), list(&self.files))
            .expect("a String takes it");
        if let Some(expires) = &self.expires {
            writeln!(entry, "expires = {}", quoted(expires)).expect("a String takes it");
        }
        if self.is_primary {
            entry.push_str("primary = true\n");
        }
        if self.reads_metrics {
            entry.push_str("metrics = true\n");
        }
        Ok((token, entry))
    }
}

/// A string of TOML. It has no control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::reader;

    #[test]
    fn the_entry_of_a_new_token_is_one_that_the_file_takes() {
        let new = NewToken {
            id: "ci".to_owned(),
            hosts: vec!["web*".to_owned(), "a\"b\\".to_owned()],
            files: vec!["\\{".to_owned()],
            expires: Some("2099-01-01".to_owned()),
            is_primary: true,
            reads_metrics: true,
        };
        new.check().unwrap();
        let (token, entry) = new.make().unwrap();
        assert!(token.len() == 47 && token.starts_with(PREFIX) && !entry.contains(&token), "{token}");
        let tokens = reader()(&[entry.into_bytes()]).unwrap();
        let found = tokens.find(token.as_bytes()).unwrap();
        assert!(found.is_primary && found.reads_metrics && found.id == "ci" && found.expires.is_some());
        assert!(found.grant.hosts.sees("web1") && found.grant.hosts.sees("a\"b\\"));
        assert!(found.grant.files.sees(b"{") && !found.grant.files.sees(b"a"));
        assert_ne!(new.make().unwrap().0, token);
        assert!(NewToken { id: "a b".to_owned(), ..new.clone() }.check().is_err());
        assert!(NewToken { files: vec!["{".to_owned()], ..new.clone() }.check().is_err());
        assert!(NewToken { expires: Some("soon".to_owned()), ..new }.check().is_err());
    }
}
