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
    /// The methods that the endpoint takes, for a request with another one.
    allow: &'static str,
    /// From the primary: the hosts that failed.
    hosts_failed: Option<String>,
    /// Whether it asks the client to show who it is.
    challenges: bool,
    /// The parameter that is wrong, and bytes of its value before the place that is.
    place: Option<Box<(&'static str, usize)>>,
}

/// Seconds after which a client may try again at an overloaded or draining server. Chosen at random,
/// so that clients that are refused together do not come back together.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 1..=3;

impl Problem {
    /// A problem with a text for a person.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        debug_assert!(code.for_problem().is_some(), "a code of verdicts alone: {code:?}");
        Problem {
            code,
            detail: detail.into(),
            allow: "GET, HEAD",
            hosts_failed: None,
            challenges: code == Code::Unauthorized,
            place: None,
        }
    }

    /// For a request whose method the endpoint at `path` does not take, but these.
    pub fn other_method(path: &str, allow: &'static str) -> Problem {
        let detail = format!("{path} takes {}", allow.replace(", ", " and "));
        Problem { allow, ..Problem::new(Code::MethodNotAllowed, detail) }
    }

    /// Names the host that failed, in `Log-Hosts-Failed`.
    #[must_use]
    pub fn on_host(self, host: &str) -> Problem {
        Problem { hosts_failed: Some(host.to_owned()), ..self }
    }

    /// Names the parameter that is wrong, and the place in its value: bytes before it.
    #[must_use]
    pub fn at(self, parameter: &'static str, position: usize) -> Problem {
        Problem { place: Some(Box::new((parameter, position))), ..self }
    }

    /// Asks the client to show who it is, in `WWW-Authenticate`. Each `unauthorized` does.
    #[must_use]
    pub fn challenging(self) -> Problem {
        Problem { challenges: true, ..self }
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
        let mut body = serde_json::json!({
            "type": "about:blank",
            "title": status.canonical_reason().unwrap_or_default(),
            "status": status.as_u16(),
            "detail": self.detail,
            "code": self.code.as_str(),
        });
        if let Some((parameter, position)) = self.place.as_deref().copied() {
            body["parameter"] = parameter.into();
            body["position"] = position.into();
        }
        let mut response = Response::new(B::from(Bytes::from(format!("{body}\n"))));
        *response.status_mut() = status;
        let map = response.headers_mut();
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers::hardened(map);
        if self.challenges {
            map.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // What follows on the connection may not be what it seems, or is a body that nobody reads.
        if matches!(self.code, Code::BadRequest | Code::BodyTooLarge) {
            map.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.code == Code::MethodNotAllowed {
            map.insert(header::ALLOW, HeaderValue::from_static(self.allow));
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            map.insert(header::RETRY_AFTER, HeaderValue::from(fastrand::u32(RETRY_AFTER)));
        }
        if let Some(hosts) = self.hosts_failed {
            map.insert(headers::LOG_HOSTS_FAILED, headers::value(&hosts));
        }
        // For those who keep a record of each request.
        response.extensions_mut().insert(self.code);
        response
    }
}
