//! The answers to requests that hyper refuses by itself. hyper sends a bare status, which curl does
//! not even print; the answers here say what is wrong.

use super::heads::Heads;
use crate::limits;
use crate::wire::instance::{INSTANCE, Instance};
use crate::wire::problem::{Code, Problem};
use bytes::Bytes;
use http::StatusCode;

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
    fn problem(self) -> Problem {
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

/// The answer that replaces hyper's bare one. `None` if the bytes are not a bare answer of hyper.
pub(super) fn told(bare: &[u8], heads: &Heads, instance: Option<Instance>) -> Option<Bytes> {
    let status = bare.strip_prefix(b"HTTP/1.1 ").or_else(|| bare.strip_prefix(b"HTTP/1.0 "))?;
    let status = StatusCode::from_bytes(status.get(..3)?).ok()?;
    // A bare answer ends with its head.
    let is_bare = status.is_client_error() && bare.ends_with(b"\r\n\r\n");
    is_bare.then(|| encode(problem(status, heads), heads.is_head, instance))
}

fn problem(status: StatusCode, heads: &Heads) -> Problem {
    if let Some(unsound) = heads.unsound {
        return unsound.problem();
    }
    match status {
        StatusCode::URI_TOO_LONG => Unsound::TooLong.problem(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE if heads.is_in_the_target() => Unsound::TooLong.problem(),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => Problem::new(
            Code::HeadersTooLarge,
            format!(
                "the request's headers are too many or too large: at most {} of them are allowed, with {} bytes together",
                limits::HEADERS,
                limits::HEADER_BYTES
            ),
        ),
        _ => Problem::new(
            Code::BadRequest,
            "the request is not valid HTTP: its target has to begin with /, each header has to be `Name: value` on one line, without a space before the colon and without control bytes, and Content-Length has to be one number",
        ),
    }
}

/// A problem as the bytes of an answer that closes the connection.
pub(super) fn encode(problem: Problem, is_head: bool, instance: Option<Instance>) -> Bytes {
    let (mut head, body) = problem.into_response::<Bytes>().into_parts();
    head.headers.remove(http::header::CONNECTION);
    head.headers.extend(instance.map(|instance| (INSTANCE, instance.value())));
    let mut out =
        format!("HTTP/1.1 {}\r\nconnection: close\r\ncontent-length: {}\r\n", head.status, body.len())
            .into_bytes();
    for (name, value) in &head.headers {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend_from_slice(b"\r\n");
    if !is_head {
        out.extend_from_slice(&body);
    }
    out.into()
}
