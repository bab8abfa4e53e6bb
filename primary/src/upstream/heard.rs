//! What is taken of what a host says: its refusals, its verdicts, and the words in them.
//!
//! A host may be another server, or may lie. What it says is checked here once, for an answer
//! that is passed through as for one that is merged, and no more of it is kept than this.

use axum::body::Body;
use backscroll_shared::wire::code::{Code, Word};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

/// Bytes of a host's text that are told to somebody else.
pub const TEXT_BYTES: usize = 512;

/// Bytes of each member of a problem that is passed on: it may name a file of 4 KiB, escaped.
const DETAIL_BYTES: usize = 16 << 10;

/// The type of a problem.
const PROBLEM: &str = "application/problem+json";

/// Members of a problem that are passed on: RFC 9457 has five, and ours a few more.
const MEMBERS: usize = 16;

/// A header field that is passed on, and what its value has to be.
type Passed = (HeaderName, fn(&str) -> bool);

/// The header fields of a host's problem that are passed on, each with what its value has to be.
const PASSED: [Passed; 2] = [
    (header::RETRY_AFTER, |value| value.len() <= 6 && value.bytes().all(|b| b.is_ascii_digit())),
    (header::ALLOW, |value| {
        value.len() <= 64 && value.bytes().all(|b| b.is_ascii_uppercase() || b", ".contains(&b))
    }),
];

/// Why a refusal is not one that a secondary sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadRefusal {
    /// It has another media type.
    #[error("its answer is not of the type application/problem+json")]
    Type,
    /// Its status is no error, or one that only a primary sends.
    #[error("its status is one that no secondary sends")]
    Status,
    /// Its body is not the JSON of a problem.
    #[error("its problem is malformed")]
    Malformed,
    /// Its body says another status than its head, or a code of another status.
    #[error("its problem contradicts its status")]
    Contradiction,
}

/// Why a verdict is not one that a secondary gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadVerdict {
    /// A secondary knows no other hosts.
    #[error("gave a verdict on other hosts")]
    OtherHosts,
    /// It is not complete, and has no failure.
    #[error("failed, and did not say why")]
    NoReason,
}

/// A secondary's problem.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    fields: HeaderMap,
    body: Bytes,
    /// What it says; None in an answer to HEAD, which has no body.
    said: Option<Failure>,
}

/// What is read of a problem.
#[derive(Debug, Deserialize)]
struct Said {
    status: u16,
    code: String,
    detail: String,
}

impl Refusal {
    /// The refusal in an answer to `method` with this status, these fields and this body.
    pub fn new(
        method: &Method,
        status: StatusCode,
        fields: &HeaderMap,
        body: &Bytes,
    ) -> Result<Refusal, BadRefusal> {
        let content_type = fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|given| essence(given).eq_ignore_ascii_case(PROBLEM)) {
            return Err(BadRefusal::Type);
        }
        let is_refusal = status.is_client_error() || status.is_server_error();
        if !is_refusal || status == StatusCode::BAD_GATEWAY {
            return Err(BadRefusal::Status);
        }
        let (mut said, mut kept_body) = (None, Bytes::new());
        if method != Method::HEAD {
            let heard: Said = serde_json::from_slice(body).map_err(|_| BadRefusal::Malformed)?;
            let code = Code::parse(&heard.code).filter(|code| fits(*code, status));
            let Some(code) = code.filter(|_| heard.status == status.as_u16()) else {
                return Err(BadRefusal::Contradiction);
            };
            let members = serde_json::from_slice(body).map_err(|_| BadRefusal::Malformed)?;
            kept_body = cleaned(members).map_or_else(|| body.clone(), Bytes::from);
            said = Some(Failure { code, detail: heard.detail });
        }
        let kept = |(name, is_sound): &Passed| {
            let value = fields.get(name)?.to_str().ok()?;
            is_sound(value).then(|| Some((name.clone(), HeaderValue::from_str(value).ok()?)))?
        };
        let fields = PASSED.iter().filter_map(kept).collect();
        Ok(Refusal { status, fields, body: kept_body, said })
    }

    /// As the host gave it, but for what a client's terminal or browser is not to see.
    pub fn into_response(self) -> Response<Body> {
        let body = match self.said {
            Some(_) => Body::from(self.body),
            // Its length would be none, and a GET's is another.
            None => crate::routes::headless(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.fields;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        response
    }

    /// As the verdict on the host of this name.
    pub fn into_verdict(self, host: &str) -> Verdict {
        let is_missing = match &self.said {
            Some(said) => said.code == Code::NotFound,
            // Of all that it is asked for, only a file may be missing.
            None => self.status == StatusCode::NOT_FOUND,
        };
        if is_missing {
            return Verdict::new(Status::NotFound);
        }
        self.into_failure(host)
    }

    /// As the failure of the host of this name.
    pub fn into_failure(self, host: &str) -> Verdict {
        failed(match self.said {
            Some(said) => said,
            None => Failure {
                code: Code::UpstreamUnreachable,
                detail: format!("host {host} answered with status {}", self.status.as_u16()),
            },
        })
    }
}

/// The members of an object, as often as they stand there.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A problem with these members in the form of a secondary's, which are words and numbers by
/// short names, each once; nothing where they are that already.
fn cleaned(Members(members): Members) -> Option<String> {
    let (before, mut is_clean) = (members.len(), true);
    let mut clean = Map::new();
    for (name, value) in members.into_iter().take(MEMBERS) {
        let value = match value {
            Value::String(text) => {
                let line = line(&text, DETAIL_BYTES);
                is_clean &= line == text;
                Value::String(line)
            }
            value @ (Value::Number(_) | Value::Bool(_)) => value,
            Value::Null | Value::Array(_) | Value::Object(_) => continue,
        };
        if Word::new(&name).is_some() {
            clean.entry(name).or_insert(value);
        }
    }
    (!is_clean || clean.len() < before).then(|| format!("{}\n", Value::Object(clean)))
}

/// Whether a secondary says this with that status. A code that is not known here may be that
/// of a newer one.
fn fits(code: Code, status: StatusCode) -> bool {
    match code.for_problem() {
        // A primary's own.
        Some(Code::UnknownHost | Code::UpstreamUnreachable) => false,
        Some(code) => code.status() == status,
        None => true,
    }
}

/// The verdict that a host gave, as the client gets it. One that is not complete has failed, and
/// says why.
pub fn verdict(given: Verdict) -> Result<Verdict, BadVerdict> {
    let is_complete = given.status == Status::Complete;
    match given.error {
        // Whatever it calls it.
        Some(error) => {
            let Verdict { status, error, hosts, .. } = failed(error);
            Ok(Verdict { status, error, hosts, ..given })
        }
        None if !given.hosts.is_empty() => Err(BadVerdict::OtherHosts),
        None if is_complete => Ok(given),
        None => Err(BadVerdict::NoReason),
    }
}

/// The verdict on a host that failed like this.
pub fn failed(Failure { code, detail }: Failure) -> Verdict {
    let status = if code == Code::UpstreamTimeout { Status::Timeout } else { Status::Failed };
    let failure = Failure { code, detail: line(&detail, TEXT_BYTES) };
    Verdict { error: Some(failure), ..Verdict::new(status) }
}

/// A text of somebody else's as one line of at most so many bytes, in which no character
/// moves or hides another.
pub fn line(text: &str, bytes: usize) -> String {
    let mut line = String::new();
    for c in text.chars() {
        let c = if is_hidden(c) { ' ' } else { c };
        if line.len() + c.len_utf8() > bytes {
            break;
        }
        line.push(c);
    }
    line
}

/// Whether it is a control character, ends a line, turns the direction of what follows, or is
/// shown as nothing: two texts that look the same may differ in it.
pub fn is_hidden(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || is_invisible
}

/// A media type without its parameters.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(method: &Method, status: u16, content_type: &str, body: &str) -> Result<Refusal, BadRefusal> {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_TYPE, HeaderValue::try_from(content_type).unwrap());
        Refusal::new(method, StatusCode::from_u16(status).unwrap(), &fields, &Bytes::from(body.to_owned()))
    }

    fn problem(status: u16, code: &str) -> String {
        serde_json::json!({ "status": status, "code": code, "detail": "x" }).to_string()
    }

    #[test]
    fn a_refusal_agrees_with_itself() {
        for (status, code) in [
            (404, "not_found"),
            (400, "bad_parameter"),
            (503, "overloaded"),
            (504, "upstream_timeout"),
            (415, "of_a_newer_one"),
        ] {
            let body = problem(status, code);
            assert!(refusal(&Method::GET, status, PROBLEM, &body).is_ok(), "{body}");
            assert!(refusal(&Method::GET, status, "Application/problem+JSON; charset=utf-8", &body).is_ok());
            assert!(refusal(&Method::HEAD, status, PROBLEM, "").is_ok());
            assert!(refusal(&Method::GET, status, "application/json", &body).is_err());
            assert!(refusal(&Method::HEAD, status, "text/html", "").is_err());
        }
        let double = "{\"status\":404,\"code\":\"forbidden\",\"code\":\"not_found\",\"detail\":\"\"}";
        for (status, body) in [
            (404, String::new()),
            (404, "{}".to_owned()),
            (404, double.to_owned()),
            (404, "{\"status\":404,\"code\":\"not_found\"}".to_owned()),
            (404, problem(404, "not_found") + "x"),
            (404, problem(403, "not_found")),
            (403, problem(403, "not_found")),
            (404, problem(404, "forbidden")),
            (404, problem(404, "unknown_host")),
            (502, problem(502, "upstream_unreachable")),
            (502, problem(502, "of_a_newer_one")),
            (302, problem(302, "moved")),
            (404, problem(404, "No Word")),
        ] {
            assert!(refusal(&Method::GET, status, PROBLEM, &body).is_err(), "{status} {body}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_passed_on_as_it_is_but_for_what_is_hidden_in_it() {
        let passed = async |body: &str| {
            let refusal = refusal(&Method::GET, 404, PROBLEM, body).unwrap();
            let body = refusal.into_response().into_body();
            let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let own = "{ \"status\": 404,\"code\":\"not_found\", \"detail\":\"\u{fc}\", \"position\":7}\n";
        assert_eq!(passed(own).await, own);
        let long = "x".repeat(DETAIL_BYTES);
        for odd in [
            "\"detail\":\"a\\u001b[2Jb\\u202e\"".to_owned(),
            format!("\"detail\":\"{long}{long}\""),
            "\"detail\":\"\",\"title\":\"\\u202e\",\"title\":\"x\"".to_owned(),
            "\"detail\":\"\",\"\\u202e\":1".to_owned(),
            "\"detail\":\"\",\"x\":{\"y\":\"\\u202e\"}".to_owned(),
            "\"detail\":\"\",\"x\":[\"\\u202e\"]".to_owned(),
        ] {
            let told = passed(&format!("{{\"status\":404,\"code\":\"not_found\",{odd}}}")).await;
            let value: Value = serde_json::from_str(&told).unwrap();
            assert_eq!((&value["status"], &value["code"]), (&404.into(), &"not_found".into()));
            assert!(told.len() <= DETAIL_BYTES + 100 && !told.contains("202e"), "{told}");
            assert!(!told.trim_end().chars().any(is_hidden) && !told.contains("\\u001b"), "{told}");
        }
    }

    #[test]
    fn only_a_file_that_is_missing_is_no_failure() {
        let verdict = |method, status, code| {
            refusal(&method, status, PROBLEM, &problem(status, code)).unwrap().into_verdict("h").status
        };
        assert_eq!(verdict(Method::GET, 404, "not_found"), Status::NotFound);
        assert_eq!(verdict(Method::HEAD, 404, ""), Status::NotFound);
        assert_eq!(verdict(Method::GET, 404, "no_route"), Status::Failed);
        assert_eq!(verdict(Method::HEAD, 403, ""), Status::Failed);
        assert_eq!(verdict(Method::GET, 504, "upstream_timeout"), Status::Timeout);
    }

    #[test]
    fn a_verdict_that_is_not_complete_has_failed_and_says_why() {
        let error = |code: &str| Some(Failure { code: code.into(), detail: "a\tb\u{202e}".to_owned() });
        for status in [Status::Complete, Status::Partial, Status::Failed, Status::NotFound, Status::Timeout] {
            let given = Verdict { lines: 3, error: error("io_error"), ..Verdict::new(status) };
            let judged = verdict(given).unwrap();
            assert_eq!((judged.status, judged.lines), (Status::Failed, 3));
            assert_eq!(judged.error.unwrap().detail, "a b ");
            assert_eq!(verdict(Verdict::new(status)).is_ok(), status == Status::Complete);
        }
        let late = Verdict { error: error("upstream_timeout"), ..Verdict::new(Status::Failed) };
        assert_eq!(verdict(late).unwrap().status, Status::Timeout);
        let nasty = Verdict { error: error("\r\nLog-Status: complete"), ..Verdict::new(Status::Failed) };
        assert_eq!(verdict(nasty).unwrap().error.unwrap().code.as_str(), "unknown");
        let mut others = Verdict::new(Status::Complete);
        others.hosts.insert("x".to_owned(), Verdict::new(Status::Complete));
        assert!(verdict(others).is_err());
    }

    #[test]
    fn a_text_is_one_line_within_its_bound() {
        assert_eq!(line("a\tb\r\nc\u{1b}[31m\u{2028}\u{7f}\0ü", 99), "a b  c [31m   ü");
        assert_eq!(line("üüü", 5), "üü");
        assert_eq!(line(&"x".repeat(9999), TEXT_BYTES).len(), TEXT_BYTES);
    }
}
