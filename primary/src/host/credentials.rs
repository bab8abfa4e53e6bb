//! What the primary shows its secondaries to be let in: a token of its own, from a file that is read
//! again when it changes. The token of a client goes no further than this primary.

use backscroll_shared::reload::{Error, Files, Reloaded};
use http::{HeaderMap, HeaderValue, header};
use std::path::Path;
use std::sync::Arc;

/// The flag that names the file.
const FLAG: &str = "--secondary-token-file";

/// What the primary shows its secondaries. Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Credentials(Option<Arc<Reloaded<HeaderValue>>>);

impl Credentials {
    /// The token in this file. Blocks.
    pub fn read(path: &Path) -> Result<Credentials, Error> {
        let token = Reloaded::open(Files::one(FLAG, path), |files| field(&files.concat()))?;
        Ok(Credentials(Some(Arc::new(token))))
    }

    /// Adds them to the header fields of a request to a secondary.
    pub(super) fn add(&self, fields: &mut HeaderMap) {
        if let Some(token) = &self.0 {
            fields.insert(header::AUTHORIZATION, HeaderValue::clone(&token.now()));
        }
    }
}

/// The field for the token in a file, which may end with a line feed.
fn field(bytes: &[u8]) -> Result<HeaderValue, String> {
    bearer(bytes)
        .ok_or_else(|| "it does not hold one token: write the first line of what token new prints".to_owned())
}

/// The value of `Authorization` for the token in these bytes, which may end with a line feed; None
/// where they do not hold one token.
pub(crate) fn bearer(bytes: &[u8]) -> Option<HeaderValue> {
    let token = bytes.trim_ascii();
    if token.is_empty() || !token.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let mut field = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
    // Then no log shows it.
    field.set_sensitive(true);
    Some(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_one_token() {
        assert_eq!(field(b"bks_x\n").unwrap(), "Bearer bks_x");
        assert!(field(b"bks_x\r\n").unwrap().is_sensitive());
        assert!(!format!("{:?}", field(b"bks_x").unwrap()).contains("bks_x"));
        for bad in [&b""[..], b"\n", b"a b", b"a\nb", b"\xff"] {
            assert!(field(bad).is_err(), "{bad:?}");
        }
    }
}
