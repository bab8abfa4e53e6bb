//! What a source says about one secondary: its URL, and perhaps its name.

use crate::text::is_hidden;

/// Bytes of a name: what DNS allows, and what a file name may have.
pub const NAME_BYTES: usize = 255;

/// One secondary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its name; None where the source gives none, and the secondary is asked for it.
    pub name: Option<String>,
    /// Where it listens, as in `http://10.0.0.1:8001` or `https://web1:8001`: no slash at the end.
    pub url: String,
}

impl Member {
    /// Its name for as long as it has no other one: `10.0.0.1:8001`.
    pub fn address(&self) -> &str {
        address(&self.url)
    }
}

/// How a secondary is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scheme {
    /// Plainly.
    #[default]
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    const ALL: [Scheme; 2] = [Scheme::Http, Scheme::Https];

    fn prefix(self) -> &'static str {
        match self {
            Scheme::Http => "http://",
            Scheme::Https => "https://",
        }
    }
}

impl TryFrom<&str> for Scheme {
    type Error = BadUrl;

    fn try_from(text: &str) -> Result<Scheme, BadUrl> {
        let is = |scheme: &Scheme| scheme.prefix().trim_end_matches("://").eq_ignore_ascii_case(text);
        Scheme::ALL.into_iter().find(is).ok_or(BadUrl::Scheme)
    }
}

/// The URL of an address that [`address`] gave.
pub fn url(scheme: Scheme, address: &str) -> String {
    format!("{}{address}", scheme.prefix())
}

/// Host and port of a URL that [`base`] made.
pub fn address(url: &str) -> &str {
    Scheme::ALL.into_iter().find_map(|scheme| url.strip_prefix(scheme.prefix())).unwrap_or(url)
}

/// Whether a URL that [`base`] made says `https`.
pub fn is_https(url: &str) -> bool {
    url.starts_with(Scheme::Https.prefix())
}

/// Why a text cannot be the name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has no characters.
    #[error("the name is empty")]
    Empty,
    /// It has more than [`NAME_BYTES`].
    #[error("a name has at most {NAME_BYTES} bytes")]
    TooLong,
    /// It holds a character that no name may have.
    #[error("a name holds no *, no ?, no @, no comma, no white space and no character that is not shown")]
    Character,
}

/// Checks the name of a host. It holds no `@`, so that `NAME@ADDRESS`, under which a host is
/// listed whose name is taken, is never a name.
pub fn check_name(name: &str) -> Result<(), BadName> {
    if name.is_empty() {
        return Err(BadName::Empty);
    }
    if name.len() > NAME_BYTES {
        return Err(BadName::TooLong);
    }
    let is_bad = |c: char| matches!(c, '*' | '?' | ',' | '@') || c.is_whitespace() || is_hidden(c);
    if name.chars().any(is_bad) { Err(BadName::Character) } else { Ok(()) }
}

/// Why a URL cannot be that of a secondary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// It has no `://`.
    #[error("has no scheme")]
    NoScheme,
    /// It has another scheme.
    #[error("is neither an http nor an https one")]
    Scheme,
    /// It has a `?`.
    #[error("has a query")]
    Query,
    /// It has a `#`.
    #[error("has a fragment")]
    Fragment,
    /// It has an `@`.
    #[error("has a user in it")]
    User,
    /// It has more than one slash at its end.
    #[error("has a path")]
    Path,
    /// Its host is no host name and no address.
    #[error("has no valid host")]
    BadHost,
    /// Its host is empty.
    #[error("has no host")]
    NoHost,
    /// Its port is no number from 1 to 65,535.
    #[error("has no valid port")]
    BadPort,
    /// It names no port, where one is needed.
    #[error("has no port")]
    NoPort,
}

/// The URL without the slash at its end. It may hold a scheme, a host and a port, and nothing
/// else: the primary adds the path, and `/hosts` would show credentials.
pub fn base(url: &str) -> Result<String, BadUrl> {
    let (scheme, rest) = url.split_once("://").ok_or(BadUrl::NoScheme)?;
    let scheme = Scheme::try_from(scheme)?;
    if rest.contains('?') {
        return Err(BadUrl::Query);
    }
    if rest.contains('#') {
        return Err(BadUrl::Fragment);
    }
    if rest.contains('@') {
        return Err(BadUrl::User);
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '\\']) {
        return Err(BadUrl::Path);
    }
    let authority: http::uri::Authority = rest.parse().map_err(|_| BadUrl::BadHost)?;
    if authority.host().is_empty() {
        return Err(BadUrl::NoHost);
    }
    let port = &authority.as_str()[authority.host().len()..];
    if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(BadUrl::BadPort);
    }
    // Host names are the same in capitals, so they become one URL.
    let url = self::url(scheme, &authority.as_str().to_ascii_lowercase());
    match url::Url::parse(&url) {
        Ok(_) => Ok(url),
        Err(_) => Err(BadUrl::BadHost),
    }
}

/// The URL of `HOST:PORT`.
pub fn of_address(scheme: Scheme, address: &str) -> Result<String, BadUrl> {
    let url = base(&url(scheme, address))?;
    // The colons of an IPv6 address are between brackets.
    let (_, port) = url.rsplit_once(']').unwrap_or(("", self::address(&url)));
    if port.contains(':') { Ok(url) } else { Err(BadUrl::NoPort) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_all_that_is_in_it() {
        for name in ["web1", "web1.internal:8001", "[::1]:8001", "\u{fc}\u{4e2d}", "a=b", "+1"] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
        let hidden = "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200d}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\u{2066}\u{2069}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{e0001}\u{e007f}\u{e0100}";
        for c in hidden.chars().chain("*?,@ \t\n\u{7f}\u{85}\u{a0}\u{2028}\u{3000}".chars()) {
            assert!(check_name(&format!("web{c}1")).is_err(), "{c:?}");
        }
        assert!(check_name("").is_err() && check_name(&"x".repeat(256)).is_err());
    }
}
