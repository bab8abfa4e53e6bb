//! Answers to clients: what shapes them, and how they are made.

use axum::body::Body;
use axum::response::Response;
use backscroll_shared::wire::Format;
use backscroll_shared::wire::problem::Problem;
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use std::time::Duration;
use tokio::time::Instant;

/// The type of plain text.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// The type of JSON.
pub const JSON: &str = "application/json";

/// What the client asked for, as far as it shapes the answer.
#[derive(Debug, Clone, Copy)]
pub struct Options<F = Format> {
    /// How the answer is written.
    pub format: F,
    /// Whether the client reads the verdict from trailers.
    pub trailers: bool,
    /// Whether the client is a browser that gets text. Then an incomplete answer ends properly,
    /// and its last line says that it is incomplete.
    pub browser: bool,
}

/// The answer is incomplete, and its client has no other way to learn it than that the connection
/// is cut.
#[derive(Debug, thiserror::Error)]
#[error("the answer is incomplete")]
pub struct Incomplete;

/// When an answer is to have ended. It is one of the answer's extensions, so that the connection
/// ends it also where the client does not read, and nothing asks for more of the body.
#[derive(Debug, Clone, Copy)]
pub struct EndsBy(pub Instant);

/// The time that the client gives to an answer.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit {
    /// When it is over. No record leaves after it.
    pub over_at: Instant,
}

impl TimeLimit {
    /// How long hosts may take then to say how far they have got. They are told a little less time, so
    /// only those that hang do not end by themselves.
    const GRACE: Duration = Duration::from_millis(100);

    /// So much time, from now on.
    pub fn new(timeout: Duration) -> TimeLimit {
        TimeLimit { over_at: Instant::now() + timeout }
    }

    /// When the answer ends, whatever its hosts do.
    pub fn ends_at(self) -> Instant {
        self.over_at + TimeLimit::GRACE
    }
}

/// An answer whose body is there at once.
pub fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The body of an answer to HEAD, whose length is not known.
pub fn headless() -> Body {
    Body::from_stream(futures_util::stream::empty::<Result<Bytes, std::convert::Infallible>>())
}

/// The answer, or the problem as one.
pub fn or_problem(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(Problem::into_response::<Body>)
}
