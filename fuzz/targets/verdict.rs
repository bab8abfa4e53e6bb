//! Verdicts and problems of a host: whatever it says, what the client gets is well-formed.

#![no_main]

use backscroll_primary::host::refusal::Refusal;
use backscroll_primary::host::verdict::checked;
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(given) = serde_json::from_slice::<Verdict>(input) {
        check(given);
    }
    if let Some(given) = trailers(input).as_ref().and_then(Verdict::from_trailers) {
        assert!(given.is_consistent());
        check(given);
    }
    if let Some((status, body)) = input.split_first_chunk::<2>() {
        refusal(u16::from_be_bytes(*status), body);
    }
});

fn check(given: Verdict) {
    let is_failure = given.is_failure() || given.error.is_some();
    let Ok(verdict) = checked(given) else { return };
    assert!(verdict.is_consistent() && verdict.hosts.is_empty());
    assert_eq!(verdict.is_failure(), is_failure);
    assert!(!verdict.last_line().strip_suffix(b"\n").expect("it ends").contains(&b'\n'));
    // The status of one host among several is no status of an answer.
    let of_answer = matches!(verdict.status, Status::Complete | Status::Failed);
    assert_eq!(Verdict::from_trailers(&verdict.to_trailers()).is_some(), of_answer);
    let json = serde_json::to_vec(&verdict).expect("it is plain data");
    assert_eq!(serde_json::from_slice::<Verdict>(&json).expect("it is JSON"), verdict);
}

/// `name: value` in lines.
fn trailers(input: &[u8]) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        map.append(name, HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(map)
}

fn refusal(status: u16, body: &[u8]) {
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let mut fields = HeaderMap::new();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    let refused = || Refusal::new(&Method::GET, status, &fields, &Bytes::copy_from_slice(body));
    let Ok(refusal) = refused() else { return };
    let failure = refusal.into_failure("h").error.expect("it says why");
    assert!(!failure.detail.contains(char::is_control), "{failure:?}");
    let response = refused().expect("it was taken before").into_response();
    assert_eq!(response.status(), status);
    assert!(status.is_client_error() || status.is_server_error());
}
