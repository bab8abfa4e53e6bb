//! Splits `application/x-www-form-urlencoded` into bytes. The crates that do this make text of
//! names and values, and lose bytes that are not UTF-8. A keyword may contain such bytes.

use super::bad;
use crate::text::quoted;
use crate::wire::problem::Problem;
use percent_encoding::percent_decode;

/// One decoded parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Its name, decoded.
    pub name: Vec<u8>,
    /// Its value, decoded; empty if there is no `=`.
    pub value: Vec<u8>,
}

/// Splits a query string and decodes it once: `+` is a space, `%` with two digits is a byte.
pub fn pairs(query: &str) -> Result<Vec<Pair>, Problem> {
    query
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok(Pair { name: decoded(name)?, value: decoded(value)? })
        })
        .collect()
}

fn decoded(text: &str) -> Result<Vec<u8>, Problem> {
    let spaced: Vec<u8> = text.bytes().map(|b| if b == b'+' { b' ' } else { b }).collect();
    for at in memchr::memchr_iter(b'%', &spaced) {
        let digits = spaced.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            let shown = &spaced[at..spaced.len().min(at + 3)];
            return Err(bad(format!(
                "{} is not a percent-encoding: write a literal % as %25",
                quoted(shown)
            )));
        }
    }
    Ok(percent_decode(&spaced).collect())
}
