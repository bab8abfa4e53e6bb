//! Parsing an address and a port.

use std::net::{IpAddr, SocketAddr};

/// Parses an address and a port. The error suggests what was probably meant.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let advice = |meant: String| format!("write ADDR:PORT; did you mean {meant}?");
        if text.parse::<u16>().is_ok() {
            return advice(format!("127.0.0.1:{text}"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return advice(SocketAddr::new(address, EXAMPLE_PORT).to_string());
        }
        match text.rsplit_once(':') {
            Some(("", port)) if port.parse::<u16>().is_ok() => {
                advice(format!("0.0.0.0:{port} for every address of this host, or 127.0.0.1:{port}"))
            }
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => advice(format!("127.0.0.1:{port}")),
            _ => "write ADDR:PORT, with an address and not a name, as in 127.0.0.1:8001 or [::1]:8001"
                .to_owned(),
        }
    })
}

/// The port in suggestions.
const EXAMPLE_PORT: u16 = 8001;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_answered_with_one_that_is() {
        assert_eq!(address("[::1]:8001"), Ok("[::1]:8001".parse().unwrap()));
        for (given, meant) in [
            ("8001", "did you mean 127.0.0.1:8001?"),
            ("10.0.0.1", "did you mean 10.0.0.1:8001?"),
            ("::1", "did you mean [::1]:8001?"),
            (":8001", "did you mean 0.0.0.0:8001"),
            ("localhost:80", "did you mean 127.0.0.1:80?"),
            ("web1:8001", "an address and not a name"),
            ("nowhere", "ADDR:PORT"),
            ("", "ADDR:PORT"),
            ("127.0.0.1:99999", "ADDR:PORT"),
        ] {
            let why = address(given).unwrap_err();
            assert!(why.contains(meant), "{given}: {why}");
        }
    }
}
