//! Errors before the first byte: `application/problem+json` (RFC 9457).

pub use super::code::Code;

use super::headers;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// One error, as a client gets it. Its text says what to do, and holds no path of the host outside
/// the log directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: String,
    /// From the primary: the hosts that failed.
    hosts_failed: Option<String>,
}

/// Seconds after which a client may try again at an overloaded or draining server. Chosen at random,
/// so that clients that are refused together do not come back together.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 1..=3;

impl Problem {
    /// A problem with a text for a person.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        debug_assert!(code.for_problem().is_some(), "a code of verdicts alone: {code:?}");
        Problem { code, detail: detail.into(), hosts_failed: None }
    }

    /// Names the host that failed, in `Log-Hosts-Failed`.
    #[must_use]
    pub fn on_host(self, host: &str) -> Problem {
        Problem { hosts_failed: Some(host.to_owned()), ..self }
    }

    /// The stable word.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The text.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The answer that carries it.
    pub fn into_response<B: From<Bytes>>(self) -> Response<B> {
        let status = self.code.status();
        let body = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
        });
        let mut response = Response::new(B::from(Bytes::from(format!("{body}\n"))));
        *response.status_mut() = status;
        let map = response.headers_mut();
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers::hardened(map);
        if self.code == Code::BadRequest {
            map.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.code == Code::MethodNotAllowed {
            map.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            map.insert(header::RETRY_AFTER, HeaderValue::from(fastrand::u32(RETRY_AFTER)));
        }
        if let Some(hosts) = self.hosts_failed {
            map.insert(headers::LOG_HOSTS_FAILED, headers::value(&hosts));
        }
        response
    }
}
