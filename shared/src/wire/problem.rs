//! Errors before the first byte: `application/problem+json` (RFC 9457).

pub use super::code::Code;

use super::headers;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

/// One error, told to a client. Its text says what to do, and holds no path of the host
/// outside the log directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: String,
    /// Hosts that failed, where the primary tells it.
    hosts_failed: Option<String>,
}

/// Seconds for which an overloaded or draining server asks to be left alone: not the same
/// for all who are turned away together.
const RETRY_AFTER: std::ops::RangeInclusive<u32> = 1..=3;

impl Problem {
    /// A problem with a text for a person.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
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

    /// The answer that tells it.
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

/// Bytes of a target before it was percent-encoded: a byte that needs it counts as one, whoever has
/// encoded it. A client may leave that to the server, and a browser never does.
fn bytes_as_written(target: &str) -> usize {
    let byte_at = |percent: usize| u8::from_str_radix(target.get(percent + 1..percent + 3)?, 16).ok();
    let percents = memchr::memchr_iter(b'%', target.as_bytes());
    let encoded = percents.filter(|percent| byte_at(*percent).is_some_and(crate::conn::is_encoded));
    target.len() - 2 * encoded.count()
}

/// Refuses a request whose target or headers are larger than the limits, or whose framing
/// or host somebody in between may understand otherwise.
pub fn check_head<B>(request: &http::Request<B>) -> Result<(), Problem> {
    use crate::limits;
    let map = request.headers();
    let is_relayed = map.contains_key(headers::RELAY);
    // What a client wrote as UTF-8 is three times as long percent-encoded, as a primary does.
    let most = limits::URI_BYTES * if is_relayed { 3 } else { 1 };
    let target = request.uri().path_and_query().map_or("", |target| target.as_str());
    let mut bytes = target.len();
    if bytes > most && !is_relayed {
        bytes = bytes_as_written(target);
    }
    if bytes > most {
        return Err(Problem::new(
            Code::UriTooLong,
            format!("the request's target has {bytes} bytes: at most {most} are taken"),
        ));
    }
    if map.contains_key(header::TRANSFER_ENCODING) {
        return Err(Problem::new(
            Code::BadRequest,
            "the request has a Transfer-Encoding: send it without a body",
        ));
    }
    let hosts = map.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version() == http::Version::HTTP_11) {
        return Err(Problem::new(
            Code::BadRequest,
            format!("the request has {hosts} Host fields: HTTP/1.1 asks for exactly one"),
        ));
    }
    // Each header line adds a colon, a space and a line's end.
    let size: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    if size > limits::HEADER_BYTES {
        return Err(Problem::new(
            Code::HeadersTooLarge,
            format!("the headers have {size} bytes: at most {} are taken", limits::HEADER_BYTES),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::URI_BYTES;

    #[test]
    fn a_byte_of_a_target_that_has_to_be_encoded_counts_as_one() {
        let is_taken = |target: &str| {
            let request = http::Request::get(target).header(header::HOST, "x").body(()).unwrap();
            check_head(&request).is_ok()
        };
        let begin = "/logs?filename=a&keyword=";
        let room = URI_BYTES - begin.len();
        for (word, bytes) in [("a", 1), ("%FC", 1), ("%c3%bc", 2), ("%22", 1), ("%20", 3), ("%41", 3)] {
            let target = |words: usize| format!("{begin}{}", word.repeat(words));
            assert!(is_taken(&target(room / bytes)), "{word}");
            assert!(!is_taken(&target(room / bytes + 1)), "{word}");
        }
        for broken in ["%", "%4", "%zz"] {
            assert_eq!(bytes_as_written(broken), broken.len());
        }
    }
}
