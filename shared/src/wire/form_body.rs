//! The query of a request for `/logs`: in its target, and with POST also in a form body, for queries
//! that are too long for a request line.

use super::headers;
use super::problem::{Code, Problem};
use crate::limits;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use http_body::Body;
use http_body_util::{BodyExt as _, Limited};
use percent_encoding::{CONTROLS, percent_encode};
use std::borrow::Cow;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// The type of a form.
pub const CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// Forms that are longer than a target can be and that this process holds at once. Each takes
/// several times its length until its request has been answered.
const LONG_FORMS: usize = 16;

static LONG: Semaphore = Semaphore::const_new(LONG_FORMS);

/// The right to hold a long form. It is kept until the request has been answered.
pub type HeldForm = SemaphorePermit<'static>;

/// The query of a request.
#[derive(Debug)]
pub struct Query<'r> {
    /// As a query string.
    pub text: Cow<'r, str>,
    /// Where it came in a long form.
    pub held: Option<HeldForm>,
}

/// The query of a request: that of its target, and after it that of its body, if it is a POST. The
/// body of another request means nothing.
pub async fn query<B>(request: &Parts, body: B) -> Result<Query<'_>, Problem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let text = request.uri.query().unwrap_or_default();
    if request.method != Method::POST || body.is_end_stream() {
        return Ok(Query { text: Cow::Borrowed(text), held: None });
    }
    let is_form = request.headers.get(header::CONTENT_TYPE).is_some_and(|given| is_form(given.as_bytes()));
    if !is_form {
        return Err(Problem::new(
            Code::BadRequest,
            format!("the request's body is not of the type {CONTENT_TYPE}: send a form, as curl -d does"),
        ));
    }
    let most = most_bytes(&request.headers);
    let too_large =
        || Problem::new(Code::BodyTooLarge, format!("the body is too large: at most {most} bytes are taken"));
    // A body without a known length is refused before, with its Transfer-Encoding.
    let len = body.size_hint().upper().filter(|len| *len <= most as u64).ok_or_else(too_large)?;
    let held =
        if len > limits::URI_BYTES as u64 {
            Some(LONG.try_acquire().map_err(|_| {
                Problem::new(Code::Overloaded, "too many long queries at once: ask again soon")
            })?)
        } else {
            None
        };
    let body = timeout(limits::HEAD_TIME, Limited::new(body, most).collect()).await;
    let unfinished = |why: &str| Problem::new(Code::BadRequest, format!("the request's body {why}"));
    let body = body
        .map_err(|_| unfinished(&format!("did not come within {} s", limits::HEAD_TIME.as_secs())))?
        .map_err(|_| unfinished("broke off"))?
        .to_bytes();
    // As in a target, bytes that are no ASCII may come as they are.
    let encoded = percent_encode(&body, CONTROLS);
    let text = if text.is_empty() { encoded.to_string() } else { format!("{text}&{encoded}") };
    Ok(Query { text: Cow::Owned(text), held })
}

/// The most bytes of a body. A primary percent-encodes what came to it in a target and in a body,
/// which makes both up to three times as long.
fn most_bytes(map: &HeaderMap) -> usize {
    if map.contains_key(headers::RELAY) {
        limits::RELAYED_URI_BYTES + 3 * limits::BODY_BYTES
    } else {
        limits::BODY_BYTES
    }
}

/// Whether it is the type of a form, with whatever parameters.
fn is_form(content_type: &[u8]) -> bool {
    let essence = content_type.split(|byte| *byte == b';').next().unwrap_or_default();
    essence.trim_ascii().eq_ignore_ascii_case(CONTENT_TYPE.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;
    use http_body_util::Full;

    async fn asked(
        method: &str,
        target: &str,
        content_type: &str,
        body: &[u8],
        fields: &[&str],
    ) -> Result<String, Code> {
        let mut request = Request::builder().method(method).uri(target);
        if !content_type.is_empty() {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        for name in fields {
            request = request.header(*name, "x");
        }
        let (parts, body) = request.body(Full::new(Bytes::copy_from_slice(body))).unwrap().into_parts();
        query(&parts, body).await.map(|query| query.text.into_owned()).map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn a_form_counts_only_with_post_and_only_if_it_is_one() {
        let form = "Application/X-WWW-Form-Urlencoded; charset=utf-8";
        let both = asked("POST", "/logs?n=1", form, b"keyword=a", &[]).await;
        assert_eq!(both.unwrap(), "n=1&keyword=a");
        assert_eq!(asked("POST", "/logs", CONTENT_TYPE, b"n=\xff\n", &[]).await.unwrap(), "n=%FF%0A");
        assert_eq!(asked("GET", "/logs?n=1", CONTENT_TYPE, b"keyword=a", &[]).await.unwrap(), "n=1");
        assert_eq!(asked("POST", "/logs?n=1", "", b"", &[]).await.unwrap(), "n=1");
        for other in
            ["", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencodedx"]
        {
            assert_eq!(asked("POST", "/logs", other, b"n=1", &[]).await, Err(Code::BadRequest), "{other}");
        }
    }

    #[tokio::test]
    async fn a_form_is_bounded_and_so_are_the_long_ones_together() {
        let form = |len| vec![b'a'; len];
        let relay = ["backscroll-relay"];
        for (len, fields, is_taken) in [
            (limits::BODY_BYTES, &[][..], true),
            (limits::BODY_BYTES + 1, &[], false),
            (3 * (limits::BODY_BYTES + limits::URI_BYTES), &relay, true),
            (3 * (limits::BODY_BYTES + limits::URI_BYTES) + 1, &relay, false),
        ] {
            let got = asked("POST", "/logs", CONTENT_TYPE, &form(len), fields).await;
            assert_eq!(got.map(|text| text.len()), if is_taken { Ok(len) } else { Err(Code::BodyTooLarge) });
        }
        let all = LONG.acquire_many(u32::try_from(LONG_FORMS).unwrap()).await.unwrap();
        let long = form(limits::URI_BYTES + 1);
        assert_eq!(asked("POST", "/logs", CONTENT_TYPE, &long, &[]).await, Err(Code::Overloaded));
        assert!(asked("POST", "/logs", CONTENT_TYPE, &long[1..], &[]).await.is_ok());
        drop(all);
    }
}
