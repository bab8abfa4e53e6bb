//! What a source says of one secondary: where it listens, and perhaps what it is called.

use crate::upstream::heard::is_hidden;

/// Bytes of a name: what DNS allows, and what a file name may have.
pub const NAME_BYTES: usize = 255;

/// One secondary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// Its name; where there is none it is asked.
    pub name: Option<String>,
    /// Where it listens, as in `http://10.0.0.1:8001`: no slash at the end.
    pub url: String,
}

impl Member {
    /// What it is called until it has a name: `10.0.0.1:8001`.
    pub fn address(&self) -> &str {
        address(&self.url)
    }
}

/// The URL of an address that [`address`] gave.
pub fn url(address: &str) -> String {
    format!("{SCHEME}{address}")
}

/// Host and port of a URL that [`base`] made.
pub fn address(url: &str) -> &str {
    url.strip_prefix(SCHEME).unwrap_or(url)
}

const SCHEME: &str = "http://";

/// What is wrong with a name. No `@`: a host whose name another one has already is listed
/// as `NAME@ADDRESS`, which so is nobody's name.
pub fn flaw(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("the name is empty");
    }
    if name.len() > NAME_BYTES {
        return Some("a name has at most 255 bytes");
    }
    name.chars().any(|c| matches!(c, '*' | '?' | ',' | '@') || c.is_whitespace() || is_hidden(c)).then_some(
        "a name holds no *, no ?, no @, no comma, no white space and no character that is not shown",
    )
}

/// The URL without its last slash. Nothing but scheme, host and port: the path is the
/// contract's, and credentials would be shown by `/hosts`. The error says what the URL has
/// that it should not have.
pub fn base(url: &str) -> Result<String, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme")?;
    if scheme.eq_ignore_ascii_case("https") {
        return Err("asks for TLS, which is not built yet");
    }
    if !scheme.eq_ignore_ascii_case("http") {
        return Err("is not an http one");
    }
    if rest.contains('?') {
        return Err("has a query");
    }
    if rest.contains('#') {
        return Err("has a fragment");
    }
    if rest.contains('@') {
        return Err("has a user in it");
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains(['/', '\\']) {
        return Err("has a path");
    }
    let authority: http::uri::Authority = rest.parse().map_err(|_| "has no valid host")?;
    if authority.host().is_empty() {
        return Err("has no host");
    }
    let port = &authority.as_str()[authority.host().len()..];
    if !port.is_empty() && authority.port_u16().is_none_or(|port| port == 0) {
        return Err("has no valid port");
    }
    // A name means the same in capitals: two of them are one URL.
    let url = format!("{SCHEME}{}", authority.as_str().to_ascii_lowercase());
    match url::Url::parse(&url) {
        Ok(_) => Ok(url),
        Err(_) => Err("has no valid host"),
    }
}

/// The URL of `HOST:PORT`.
pub fn of_address(address: &str) -> Result<String, &'static str> {
    let url = base(&url(address))?;
    // The colons of an IPv6 address are between brackets.
    let (_, port) = url.rsplit_once(']').unwrap_or(("", self::address(&url)));
    if port.contains(':') { Ok(url) } else { Err("has no port") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_shows_all_that_is_in_it() {
        for name in ["web1", "web1.internal:8001", "[::1]:8001", "\u{fc}\u{4e2d}", "a=b", "+1"] {
            assert_eq!(flaw(name), None, "{name}");
        }
        let hidden = "\u{ad}\u{34f}\u{61c}\u{115f}\u{180e}\u{200b}\u{200d}\u{200f}\u{202a}\u{202e}\u{2060}\u{2064}\u{2066}\u{2069}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{e0001}\u{e007f}\u{e0100}";
        for c in hidden.chars().chain("*?,@ \t\n\u{7f}\u{85}\u{a0}\u{2028}\u{3000}".chars()) {
            assert!(flaw(&format!("web{c}1")).is_some(), "{c:?}");
        }
        assert!(flaw("").is_some() && flaw(&"x".repeat(256)).is_some());
    }
}
