//! The field `Authorization: Bearer TOKEN` (RFC 6750, section 2.1). A token is taken from nowhere
//! else: a query string stands in logs and histories.

use super::Denied;
use http::{HeaderMap, header};

/// The most bytes of a token. Ours have 47. Those of other makers may be longer.
const TOKEN_BYTES: usize = 512;

/// The token of a request.
pub(super) fn token(fields: &HeaderMap) -> Result<&[u8], Denied> {
    let mut all = fields.get_all(header::AUTHORIZATION).iter();
    let field = all.next().ok_or(Denied::Missing)?.as_bytes();
    if all.next().is_some() {
        return Err(Denied::Repeated);
    }
    let (scheme, rest) = field.split_at_checked("Bearer ".len()).ok_or(Denied::Malformed)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return Err(Denied::Malformed);
    }
    let token = rest.trim_ascii();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte);
    if token.is_empty() || token.len() > TOKEN_BYTES || !token.iter().all(is_token) {
        return Err(Denied::Malformed);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn only_one_field_of_the_one_form_is_a_token() {
        let long = format!("Bearer {}", "x".repeat(TOKEN_BYTES + 1));
        for (field, expected) in [
            ("Bearer bks_a-Z_9", Ok(&b"bks_a-Z_9"[..])),
            ("bearer  x ", Ok(b"x")),
            ("BEARER x==", Ok(b"x==")),
            ("", Err(Denied::Malformed)),
            ("Bearer", Err(Denied::Malformed)),
            ("Bearer ", Err(Denied::Malformed)),
            ("Bearer\tx", Err(Denied::Malformed)),
            ("Basic eDp5", Err(Denied::Malformed)),
            ("Bearerx y", Err(Denied::Malformed)),
            ("Bearer x y", Err(Denied::Malformed)),
            ("Bearer x,y", Err(Denied::Malformed)),
            ("Bearer \u{fc}", Err(Denied::Malformed)),
            (&long, Err(Denied::Malformed)),
        ] {
            let mut fields = HeaderMap::new();
            fields.insert(header::AUTHORIZATION, HeaderValue::from_bytes(field.as_bytes()).unwrap());
            assert_eq!(token(&fields), expected, "{field}");
            fields.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
            assert_eq!(token(&fields), Err(Denied::Repeated), "{field}");
        }
        assert_eq!(token(&HeaderMap::new()), Err(Denied::Missing));
    }
}
