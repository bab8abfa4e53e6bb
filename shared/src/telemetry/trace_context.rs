//! W3C Trace Context: which trace a request belongs to, in `traceparent` and `tracestate`.
//!
//! Read by hand. The SDK's propagator takes several `traceparent` fields for their first one, any
//! number of hexadecimal digits, and what does not begin like the known version.

use super::sampling::Sampling;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The header field that names the trace and the caller's span.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The header field with what tracing systems add. It is passed on as it is.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a `traceparent` of version 0. Later versions may be longer.
const LEN: usize = 55;

/// The flag of a trace whose caller records it.
const SAMPLED: u8 = 1;

/// The most members of a `tracestate`.
const MEMBERS: usize = 32;

/// The most bytes of a `tracestate` that is passed on. W3C asks for 512 at least.
const STATE_BYTES: usize = 1024;

/// Which trace a request belongs to.
#[derive(Debug, Clone)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: u128,
    /// The caller's span; None where the trace begins here.
    pub parent: Option<u64>,
    /// The span of this request.
    pub span_id: u64,
    /// Whether this program records it.
    pub is_recorded: bool,
    /// Whether others are told that it is recorded.
    is_sampled: bool,
    /// Whether the caller's span is named in place of this one: nobody would find this one. Who
    /// changes the flag has to name a span of its own.
    keeps_parent: bool,
    state: Option<HeaderValue>,
}

impl TraceContext {
    /// That of a request with these fields. A trace begins here if they name none, or not a valid
    /// one. Without `sampling` nothing is recorded.
    pub fn of(headers: &HeaderMap, sampling: Option<&Sampling>) -> TraceContext {
        let caller = caller(headers);
        let trace_id = caller.map_or_else(|| fastrand::u128(1..), |caller| caller.trace_id);
        let parent = caller.map(|caller| caller.is_sampled);
        let is_recorded = sampling.is_some_and(|sampling| sampling.samples(trace_id, parent));
        // A program that records nothing passes on what its caller says.
        let is_sampled = if sampling.is_some() { is_recorded } else { parent == Some(true) };
        TraceContext {
            trace_id,
            parent: caller.map(|caller| caller.span_id),
            span_id: new_span_id(),
            is_recorded,
            is_sampled,
            keeps_parent: !is_recorded && parent == Some(is_sampled),
            state: caller.and_then(|_| state(headers)),
        }
    }

    /// Adds the fields of a request that is made for this one, under the span `own`.
    pub fn pass_on(&self, own: u64, headers: &mut HeaderMap) {
        let span_id = match self.parent {
            Some(parent) if self.keeps_parent => parent,
            _ => own,
        };
        headers.insert(TRACEPARENT, written(self.trace_id, span_id, self.is_sampled));
        if let Some(state) = &self.state {
            headers.insert(TRACESTATE, state.clone());
        }
    }

    /// The `tracestate` that came with it.
    pub fn state(&self) -> Option<&str> {
        self.state.as_ref().and_then(|state| state.to_str().ok())
    }
}

/// An id for a new span.
pub fn new_span_id() -> u64 {
    fastrand::u64(1..)
}

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Caller {
    trace_id: u128,
    span_id: u64,
    is_sampled: bool,
}

fn caller(headers: &HeaderMap) -> Option<Caller> {
    let mut given = headers.get_all(TRACEPARENT).iter();
    match (given.next(), given.next()) {
        (Some(value), None) => parsed(value.as_bytes()),
        _ => None,
    }
}

fn parsed(text: &[u8]) -> Option<Caller> {
    let (known, rest) = text.split_at_checked(LEN)?;
    let (version, flags) = (number(&known[..2])?, number(&known[53..])?);
    let is_long = match version {
        0 => rest.is_empty(),
        0xff => false,
        // What a later version adds begins with a dash.
        _ => rest.first().is_none_or(|byte| *byte == b'-'),
    };
    let has_dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    let (trace_id, span_id) = (number(&known[3..35])?, number(&known[36..52])?);
    (is_long && has_dashes && trace_id != 0 && span_id != 0).then(|| Caller {
        trace_id,
        span_id: u64::try_from(span_id).unwrap_or(0),
        is_sampled: flags & u128::from(SAMPLED) != 0,
    })
}

/// A number in lower-case hexadecimal digits, at most 32.
fn number(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

fn written(trace_id: u128, span_id: u64, is_sampled: bool) -> HeaderValue {
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    hex(trace_id, &mut text[3..35]);
    hex(u128::from(span_id), &mut text[36..52]);
    text[LEN - 1] += u8::from(is_sampled);
    HeaderValue::from_bytes(&text).expect("digits and dashes are a value")
}

/// Writes a number in hexadecimal digits.
pub(crate) fn hex(number: u128, digits: &mut [u8]) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[usize::try_from(rest & 0xf).unwrap_or(0)];
        rest >>= 4;
    }
}

/// The `tracestate` of all its fields. None where there is none, or where it is not valid.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut joined: Vec<u8> = Vec::new();
    let mut keys: Vec<&[u8]> = Vec::new();
    for field in headers.get_all(TRACESTATE) {
        for member in field.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_at(member.iter().position(|byte| *byte == b'=')?);
            if !is_key(key) || !is_value(&value[1..]) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
            if !joined.is_empty() {
                joined.push(b',');
            }
            joined.extend_from_slice(member);
            if keys.len() > MEMBERS || joined.len() > STATE_BYTES {
                return None;
            }
        }
    }
    (!joined.is_empty()).then(|| HeaderValue::from_bytes(&joined).ok()).flatten()
}

fn is_key(key: &[u8]) -> bool {
    let may_be = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-*/@".contains(byte);
    let begins = key.first().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    begins && key.len() <= 256 && key.iter().all(may_be)
}

fn is_value(value: &[u8]) -> bool {
    let may_be = |byte: &u8| matches!(byte, b' '..=b'~') && !b",=".contains(byte);
    (1..=256).contains(&value.len()) && value.iter().all(may_be) && !value.ends_with(b" ")
}

#[cfg(test)]
mod tests;
