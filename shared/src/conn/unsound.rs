//! What is wrong with the head of a request.

use crate::limits;
use crate::wire::problem::{Code, Problem};

/// What is wrong with the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsound {
    /// The request line does not begin with a method and a target.
    Method,
    /// It is TLS.
    Tls,
    /// It is HTTP/2.
    Http2,
    /// The target is too long.
    TooLong,
    /// The target contains a `#`.
    Fragment,
    /// The target contains this byte, which parsers treat differently.
    Byte(u8),
    /// The target contains a space.
    Space,
    /// The request line does not end with a version that is supported here.
    Version,
    /// The client ended its side before the head was complete.
    Ended,
}

impl Unsound {
    /// What the client is told.
    pub(super) fn problem(self) -> Problem {
        let code = if self == Unsound::TooLong { Code::UriTooLong } else { Code::BadRequest };
        let detail = match self {
            Unsound::Method => {
                "the request does not begin with a method and a target: send GET, as in `GET /logs?filename=app.log HTTP/1.1`".to_owned()
            }
            Unsound::Tls => "the request begins with a TLS handshake, and TLS is not supported here: write http:// in the URL".to_owned(),
            Unsound::Http2 => "the request is HTTP/2, which is not supported here: use HTTP/1.1 (`curl --http1.1`)".to_owned(),
            Unsound::TooLong => format!("the request's target is too long: it may have at most {} bytes", limits::URI_BYTES),
            Unsound::Fragment => {
                "the request's target holds a #: write it as %23, or leave out what follows it (a fragment is never sent)".to_owned()
            }
            Unsound::Byte(byte) => {
                format!("the request's target holds the byte 0x{byte:02x}: write it as %{byte:02X}")
            }
            Unsound::Space => "the request's target holds a space: write it as %20 or +".to_owned(),
            Unsound::Version => "the request line does not end with HTTP/1.1 or HTTP/1.0: only these two versions are supported (write a space in the target as %20 or +)".to_owned(),
            Unsound::Ended => "the request ended before the empty line at the end of its head".to_owned(),
        };
        Problem::new(code, detail)
    }
}
