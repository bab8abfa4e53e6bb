//! The id of a request, in `X-Request-Id`. A client may choose it; otherwise it is made here. It
//! stands in the log of both servers and in the answer.

use super::trace_context::hex;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt::{self, Display, Formatter};

/// The header field of the id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The most bytes of an id that a client chooses.
const MOST_BYTES: usize = 128;

/// An id: letters, digits and some marks, so that it can stand in a log as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The one that a request has; a new one, if it has none, several, or one that cannot be used.
    pub fn of(headers: &HeaderMap) -> RequestId {
        let mut given = headers.get_all(REQUEST_ID).iter();
        match (given.next(), given.next()) {
            (Some(id), None) if is_sound(id.as_bytes()) => {
                // A copy: the value would keep all that was read with the head of the request.
                HeaderValue::from_bytes(id.as_bytes()).map_or_else(|_| RequestId::new(), RequestId)
            }
            _ => RequestId::new(),
        }
    }

    /// A new one: 128 random bits.
    pub fn new() -> RequestId {
        let mut digits = [0; 32];
        hex(fastrand::u128(..), &mut digits);
        RequestId(HeaderValue::from_bytes(&digits).expect("digits are a value"))
    }

    /// The id as the value of the header field.
    pub fn value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl Default for RequestId {
    fn default() -> RequestId {
        RequestId::new()
    }
}

impl Display for RequestId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_sound(id: &[u8]) -> bool {
    let may_be = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(byte);
    (1..=MOST_BYTES).contains(&id.len()) && id.iter().all(may_be)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_sound_is_kept_and_any_other_is_replaced() {
        let of = |values: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            }
            RequestId::of(&headers).to_string()
        };
        assert_eq!(of(&[b"3f2a:web/1+x=@~_."]), "3f2a:web/1+x=@~_.");
        assert_eq!(of(&[&[b'a'; 128]]), "a".repeat(128));
        let made = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        let long = [b'a'; 129];
        for bad in [&b""[..], &long, b"a b", b"a\xff", b"a\tb", b"\"a", b"{}"] {
            assert!(made(&of(&[bad])), "{bad:?}");
        }
        assert!(made(&of(&[])) && made(&of(&[b"a", b"b"])));
        assert_ne!(of(&[]), of(&[]));
    }
}
