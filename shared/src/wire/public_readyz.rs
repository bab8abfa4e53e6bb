//! What `/readyz` tells those who have no valid token, where authentication is configured.

use bytes::Bytes;
use clap::ValueEnum;
use http::{HeaderValue, Response, StatusCode, header};

/// What it tells them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PublicReadyz {
    /// Nothing: they need a token.
    None,
    /// Whether the server is ready.
    #[default]
    Status,
    /// All that others are told.
    Full,
}

/// The answer that says no more than whether the server is ready. Its `WWW-Authenticate` says that
/// there is more for others (RFC 9110, section 11.6.1).
pub fn short<B: From<Bytes>>(is_ready: bool) -> Response<B> {
    let mut response = Response::new(B::from(Bytes::from(format!("{{\"ready\":{is_ready}}}\n"))));
    if !is_ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    fields.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    super::headers::hardened(fields);
    response
}
