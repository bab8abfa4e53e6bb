//! The answers to requests that hyper refuses by itself. hyper sends a bare status, which curl does
//! not even print; the answers here say what is wrong.

use super::heads::Heads;
use super::unsound::Unsound;
use crate::limits;
use crate::wire::instance::{INSTANCE, Instance};
use crate::wire::problem::{Code, Problem};
use bytes::Bytes;
use http::StatusCode;

/// The answer that replaces hyper's bare one. `None` if the bytes are not a bare answer of hyper.
pub(super) fn instead_of(bare: &[u8], heads: &Heads, instance: Option<Instance>) -> Option<Bytes> {
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
