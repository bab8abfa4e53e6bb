//! Who sends a request, and what they may see.
//!
//! ```text
//! token file ──► token_file ──► Tokens ─┐
//! Authorization ──► bearer ─────────────┼─► Gate::who ──► Caller ──► grant: hosts, files
//! names of a client certificate ────────┘          └────► Denied ──► failures: slow
//! ```
//!
//! Both servers ask a [`Gate`] about each request. Without a token file (and, on a secondary,
//! without an authority for client certificates) everybody may ask everything, and the gate is one
//! branch.
//!
//! A token is compared with every entry by its SHA-256, and in constant time. So how long that
//! takes says nothing about the entries.

mod bearer;
mod digest;
mod failures;
mod file_globs;
mod grant;
mod new_token;
mod token_file;
mod usage;

pub use digest::Digest;
pub use failures::{Failures, Origin};
pub use file_globs::FileGlobs;
pub use grant::{FileGrant, FileGrants, Grant, HostGrant, NOT_READY};
pub use new_token::{NewToken, RandomError};
pub use token_file::{FLAG, Token, Tokens, reader};
pub use usage::{InUse, Usage};

use crate::reload::Reloaded;
use crate::wire::problem::{Code, Problem};
use http::HeaderMap;
use jiff::Timestamp;
use std::sync::Arc;

/// Who sends a request.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Anybody, because no authentication is configured.
    Anybody,
    /// The holder of a token.
    Token(Arc<Token>),
    /// A primary, by the name in its client certificate.
    Certificate(Arc<str>),
}

impl Caller {
    /// The id of the token, or the name in the certificate.
    pub fn id(&self) -> Option<&str> {
        match self {
            Caller::Anybody => None,
            Caller::Token(token) => Some(&token.id),
            Caller::Certificate(name) => Some(name),
        }
    }

    /// Whether it is believed what only a primary may say. Where no authentication is configured,
    /// everybody is believed.
    pub fn is_primary(&self) -> bool {
        match self {
            Caller::Anybody | Caller::Certificate(_) => true,
            Caller::Token(token) => token.is_primary,
        }
    }

    /// The token.
    pub fn token(&self) -> Option<&Arc<Token>> {
        match self {
            Caller::Token(token) => Some(token),
            Caller::Anybody | Caller::Certificate(_) => None,
        }
    }

    /// Whether it may read the metrics.
    pub fn reads_metrics(&self) -> bool {
        match self {
            Caller::Anybody => true,
            Caller::Certificate(_) => false,
            Caller::Token(token) => token.reads_metrics,
        }
    }

    /// Whether it may read the metrics and nothing else.
    pub fn is_for_metrics_alone(&self) -> bool {
        self.token().is_some_and(|token| token.grant.is_nothing())
    }

    /// The files that it may see.
    pub fn files(&self) -> &FileGrant {
        self.token().map_or(&FileGrant::All, |token| &token.grant.files)
    }
}

/// Why a request is refused. The log says it. The client is told the same in all cases but one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It has no token.
    #[error("it has no token")]
    Missing,
    /// It has no client certificate, and there are no tokens here.
    #[error("it has no client certificate")]
    NoCertificate,
    /// Two fields `Authorization`.
    #[error("it has more than one Authorization field")]
    Repeated,
    /// The field is not `Bearer TOKEN`.
    #[error("its Authorization is not of the form: Bearer TOKEN")]
    Malformed,
    /// No entry has this token.
    #[error("its token is not in the token file")]
    Unknown,
    /// The token has expired.
    #[error("the token {0} has expired")]
    Expired(String),
    /// The token is for other hosts. Only on a secondary.
    #[error("the token {0} is not for this host")]
    OtherHost(String),
    /// A client certificate that this authority made, with a name that is not allowed.
    #[error("its certificate has the names {0}, and none of them is allowed")]
    OtherName(String),
}

impl Denied {
    /// What the client is told.
    pub fn problem(&self) -> Problem {
        match self {
            Denied::OtherName(_) => Problem::new(
                Code::Forbidden,
                "no name in this client certificate is allowed here: see --tls-client-name",
            )
            // By this a primary sees that it is not let in, and that this is not about a file.
            .challenging(),
            Denied::NoCertificate => Problem::new(
                Code::Unauthorized,
                "a client certificate is needed: give this primary --secondary-cert and --secondary-key",
            ),
            _ => Problem::new(
                Code::Unauthorized,
                "a valid token is needed: send the header Authorization: Bearer TOKEN",
            ),
        }
    }
}

/// Decides who sends a request.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    /// The tokens, if there is a file of them.
    tokens: Option<Reloaded<Tokens>>,
    /// The names in client certificates that are primaries. None where no client certificate is
    /// asked for.
    names: Option<Arc<[Arc<str>]>>,
    /// The name of this host, for which a token has to be. None on a primary: there the hosts of a
    /// token are those that it may ask.
    host: Option<Arc<str>>,
    failures: Arc<Failures>,
}

impl Gate {
    /// A gate that asks for the tokens of this file, if there is one.
    pub fn new(tokens: Option<Reloaded<Tokens>>) -> Gate {
        Gate { tokens, ..Gate::default() }
    }

    /// The same, for the host of this name alone.
    #[must_use]
    pub fn of_host(self, host: &str) -> Gate {
        Gate { host: Some(host.into()), ..self }
    }

    /// The same, and client certificates with one of these names are primaries too.
    #[must_use]
    pub fn with_names(self, names: impl IntoIterator<Item = String>) -> Gate {
        Gate { names: Some(names.into_iter().map(Arc::from).collect()), ..self }
    }

    /// Whether authentication is configured.
    pub fn is_closed(&self) -> bool {
        self.tokens.is_some() || self.names.is_some()
    }

    /// Who sends a request with these header fields, over a connection whose client has shown a
    /// certificate with these names. The names have been verified; none means no certificate.
    ///
    /// This alone decides it. A certificate with an allowed name is a primary. Else a token counts,
    /// whatever certificate there is.
    pub fn who(&self, fields: &HeaderMap, certificate: Option<&[String]>) -> Result<Caller, Denied> {
        if !self.is_closed() {
            return Ok(Caller::Anybody);
        }
        let allowed = self.names.iter().flat_map(|names| names.iter());
        let shown = certificate.unwrap_or_default();
        if let Some(name) =
            allowed.into_iter().find(|name| shown.iter().any(|shown| shown.eq_ignore_ascii_case(name)))
        {
            return Ok(Caller::Certificate(Arc::clone(name)));
        }
        if self.tokens.is_none() {
            let other = Denied::OtherName(shown.join(", "));
            return Err(if shown.is_empty() { Denied::NoCertificate } else { other });
        }
        match self.by_token(fields) {
            Err(Denied::Missing) if self.names.is_some() && !shown.is_empty() => {
                Err(Denied::OtherName(shown.join(", ")))
            }
            known => known.map(Caller::Token),
        }
    }

    fn by_token(&self, fields: &HeaderMap) -> Result<Arc<Token>, Denied> {
        let text = bearer::token(fields)?;
        let token = self.tokens.as_ref().and_then(|tokens| tokens.now().find(text)).ok_or(Denied::Unknown)?;
        if token.expires.is_some_and(|expires| expires <= Timestamp::now()) {
            return Err(Denied::Expired(token.id.clone()));
        }
        let is_other = |host: &Arc<str>| !token.grant.hosts.sees(host) && !token.grant.is_nothing();
        if self.host.as_ref().is_some_and(is_other) {
            return Err(Denied::OtherHost(token.id.clone()));
        }
        Ok(token)
    }

    /// Logs that a request was refused, and waits if too many from the same place were. Nothing waits
    /// at the health port, where `waits` is false: its few places are for others.
    pub async fn deny(&self, denied: &Denied, origin: Origin, request_id: &str, waits: bool) {
        self.failures.count(denied, origin, request_id, waits).await;
    }
}

#[cfg(test)]
mod tests;
