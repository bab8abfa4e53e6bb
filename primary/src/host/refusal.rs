//! The problem with which a secondary refuses a request.
//!
//! The host may be another server, or may lie. So its problem is checked, and only a bounded part
//! of it is passed on.

use super::verdict::failed;
use crate::answer::headless;
use crate::text::line;
use axum::body::Body;
use backscroll_shared::conn::exchange::PassedOn;
use backscroll_shared::wire::code::{Code, Word};
use backscroll_shared::wire::verdict::{Failure, Status, Verdict};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;

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

    /// The same, with what to do where the host does not know what it is asked for. The primary knows
    /// all parameters that it sends on, so the secondary there is an older one.
    #[must_use]
    pub fn explained(mut self, host: &str) -> Refusal {
        if let Some(Failure { code: Code::UnknownParameter, detail }) = &mut self.said
            && let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(&self.body)
        {
            *detail = format!(
                "the secondary of host {host} is older than this primary and has to be updated: {detail}"
            );
            members.insert("detail".to_owned(), Value::String(line(detail, DETAIL_BYTES)));
            self.body = format!("{}\n", Value::Object(members)).into();
        }
        self
    }

    /// The answer that passes it on: as the host gave it, without characters that a terminal or a
    /// browser should not get.
    pub fn into_response(self) -> Response<Body> {
        let code = self.code();
        let body = match self.said {
            Some(_) => Body::from(self.body),
            // An empty body would have the length 0, which is not that of an answer to GET.
            None => headless(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.fields;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        if let Some(code) = code {
            response.extensions_mut().insert(PassedOn(code));
        }
        response
    }

    /// Its code, if it is known.
    pub fn code(&self) -> Option<Code> {
        match &self.said {
            Some(said) => Some(said.code),
            None => (self.status == StatusCode::NOT_FOUND).then_some(Code::NotFound),
        }
    }

    /// The verdict on the host of this name.
    pub fn into_verdict(self, host: &str) -> Verdict {
        let is_missing = match &self.said {
            Some(said) => said.code == Code::NotFound,
            // Nothing else that a primary asks for can be missing.
            None => self.status == StatusCode::NOT_FOUND,
        };
        if is_missing {
            return Verdict::new(Status::NotFound);
        }
        self.into_failure(host)
    }

    /// The same, where a refusal is a failure whatever its code is.
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

/// The members of an object in their order, also those of the same name.
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

/// The members of a problem, cleaned: texts and numbers with short names, each name once. None if
/// they are clean already.
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

/// Whether a secondary sends this code with this status. A newer one may send a code that is not
/// known here with any status.
fn fits(code: Code, status: StatusCode) -> bool {
    match code.for_problem() {
        // Only a primary sends these.
        Some(Code::UnknownHost | Code::UpstreamUnreachable) => false,
        Some(code) => code.status() == status,
        None => true,
    }
}

/// A media type without its parameters.
pub fn essence(content_type: &str) -> &str {
    content_type.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
