//! The name by which a client calls a server without authentication.
//!
//! A web page can make a browser ask a server on loopback or in a private network: its author lets a
//! name of his own lead to that server's address (DNS rebinding). To the browser the answer then
//! belongs to the page. Such a request names the page's host in its `Host` field, which no page can
//! change. So a server that asks for no token answers only to names that cannot be a stranger's.

use crate::wire::problem::{Code, Problem};
use http::{HeaderMap, Uri, header};
use std::net::IpAddr;

/// What `--allowed-host` takes, and what a `Host` field may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedHosts {
    /// In lower case, without a dot at the end.
    names: Vec<String>,
}

/// Why a value of `--allowed-host` is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--allowed-host {0:?}: write a host name without a port, as in logs.internal or *.internal")]
pub struct BadName(String);

impl AllowedHosts {
    /// Besides loopback names and addresses: this host's own names, and those that were configured.
    /// `*.internal` is every name that ends so.
    pub fn new<'n>(
        own: impl IntoIterator<Item = &'n str>,
        configured: &[String],
    ) -> Result<AllowedHosts, BadName> {
        let mut names: Vec<String> = own.into_iter().map(normal).collect();
        // Compose files leave a variable empty that is not set.
        for name in configured.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
            let rest = name.strip_prefix("*.").unwrap_or(name);
            if rest.is_empty()
                || !rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            {
                return Err(BadName(name.to_owned()));
            }
            names.push(normal(name));
        }
        Ok(AllowedHosts { names })
    }

    /// Checks the host that a request names, in its target or in its field `Host`, and where its
    /// browser says that it comes from.
    ///
    /// A request that names no host passes: browsers always name one.
    pub fn check(&self, target: &Uri, fields: &HeaderMap) -> Result<(), Problem> {
        if let Some(authority) = target.authority() {
            self.check_host(authority.as_str().as_bytes())?;
        }
        for host in fields.get_all(header::HOST) {
            self.check_host(host.as_bytes())?;
        }
        // A link from another site may be followed: that page does not see the answer.
        let is = |field, value: &[u8]| fields.get(field).is_some_and(|given| given.as_bytes() == value);
        if is("sec-fetch-site", b"cross-site") && !is("sec-fetch-mode", b"navigate") {
            return Err(Problem::new(
                Code::Forbidden,
                "a page of another web site asks this: only pages of this server and links to it are answered",
            ));
        }
        Ok(())
    }

    fn check_host(&self, host: &[u8]) -> Result<(), Problem> {
        let host = String::from_utf8_lossy(host);
        let name = without_port(&host);
        if name.is_empty() || is_address(name) || self.has(&normal(name)) {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            format!(
                "this server is not called {name:?} (it has no authentication, and a web page could reach it by a name of its own): call it by localhost, by its IP address or by its host's name, or start it with --allowed-host"
            ),
        ))
    }

    fn has(&self, name: &str) -> bool {
        let matches = |allowed: &String| match allowed.strip_prefix('*') {
            Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
            None => name == allowed,
        };
        name == "localhost" || name.ends_with(".localhost") || self.names.iter().any(matches)
    }
}

/// A name as it is compared.
fn normal(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// A host without its port.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Whether this is an address: no page can be called by the address of somebody else's server.
fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn check(host: &str) -> bool {
        let hosts = AllowedHosts::new(["Web1", "ring"], &["logs.internal".into(), "*.example.org".into()]);
        let fields = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
        let checked = hosts.unwrap().check(&Uri::from_static("/logs"), &fields);
        checked.is_ok()
    }

    #[test]
    fn names_that_can_be_nobody_elses_are_answered() {
        for host in [
            "localhost",
            "localhost:8000",
            "LOCALHOST.:8000",
            "a.localhost:1",
            "127.0.0.1",
            "127.0.0.1:8000",
            "10.1.2.3:8000",
            "[::1]:8000",
            "[::1]",
            "::1",
            "[fe80::1]:8001",
            "web1:8001",
            "WEB1",
            "ring.",
            "logs.internal",
            "Logs.Internal:443",
            "a.example.org",
            "a.b.example.org:8000",
            "",
        ] {
            assert!(check(host), "{host}");
        }
    }

    #[test]
    fn a_name_that_a_stranger_may_own_is_not_answered() {
        for host in [
            "evil.example",
            "evil.example:8000",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8000",
            "web1.evil.example",
            "evil-example.org",
            "example.org",
            ".example.org",
            "notlogs.internal",
            "logs.internal.evil.example",
            "localhost@evil.example",
            "[::1].evil.example",
            "0x7f000001",
            "127.1",
            "2130706433",
            "localhost:80:80",
            "évil",
        ] {
            let fields = HeaderValue::from_bytes(host.as_bytes()).unwrap();
            let fields = HeaderMap::from_iter([(header::HOST, fields)]);
            let hosts =
                AllowedHosts::new(["web1"], &["logs.internal".into(), "*.example.org".into()]).unwrap();
            let refused = hosts.check(&Uri::from_static("/"), &fields).unwrap_err();
            assert_eq!(refused.code(), Code::Forbidden, "{host}");
        }
    }

    #[test]
    fn each_host_that_a_request_names_counts() {
        let hosts = AllowedHosts::new(["web1"], &[]).unwrap();
        let none = HeaderMap::new();
        assert!(hosts.check(&Uri::from_static("/logs"), &none).is_ok());
        assert!(hosts.check(&Uri::from_static("http://web1:8000/logs"), &none).is_ok());
        assert!(hosts.check(&Uri::from_static("http://evil.example/logs"), &none).is_err());
        let mut two = HeaderMap::new();
        two.append(header::HOST, HeaderValue::from_static("web1"));
        two.append(header::HOST, HeaderValue::from_static("evil.example"));
        assert!(hosts.check(&Uri::from_static("/logs"), &two).is_err());
    }

    #[test]
    fn a_page_of_another_site_is_not_answered_but_a_link_is_followed() {
        let hosts = AllowedHosts::new([], &[]).unwrap();
        let from = |site, mode| {
            let fields = [("sec-fetch-site", site), ("sec-fetch-mode", mode)];
            let fields = fields
                .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
            hosts.check(&Uri::from_static("/logs"), &HeaderMap::from_iter(fields)).is_ok()
        };
        assert!(!from("cross-site", "no-cors") && !from("cross-site", "cors"));
        assert!(from("cross-site", "navigate") && from("same-origin", "cors") && from("none", "navigate"));
    }

    #[test]
    fn a_configured_name_has_no_port_and_no_scheme() {
        for bad in ["logs.internal:80", "http://logs", "*", "*.", "a*.b", "a b"] {
            let why = AllowedHosts::new([], &[bad.to_owned()]).unwrap_err().to_string();
            assert!(why.contains(bad) && why.contains("*.internal"), "{why}");
        }
        assert!(AllowedHosts::new([], &[String::new(), " a.b ".to_owned()]).unwrap().has("a.b"));
    }
}
