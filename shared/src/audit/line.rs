//! One line of the audit.

use crate::conn::exchange::{Ended, Filters, Noted};
use crate::wire::code::Code;
use crate::wire::verdict::Status;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Serialize;
use std::borrow::Cow;

#[derive(Serialize)]
struct Line<'e> {
    /// When the request ended.
    time: String,
    method: &'e str,
    endpoint: &'e str,
    caller: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    via: Option<&'e str>,
    client: Option<String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hostnames: &'e [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    filename: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filename_base64: Option<String>,
    /// The file to which `filename` leads, if that is an alias. The names of pods' logs are ASCII.
    #[serde(skip_serializing_if = "Option::is_none")]
    real_filename: Option<Cow<'e, str>>,
    /// How many filters of each kind. Never their text.
    #[serde(flatten)]
    filters: Kinds,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hosts: &'e [String],
    hosts_asked: usize,
    status: Option<u16>,
    code: Option<&'e str>,
    verdict: Option<&'e str>,
    lines: u64,
    /// Whether the answer was sent to its proper end.
    whole: bool,
    duration_ms: u64,
}

/// What the request asks for besides, without a word of it. What it does not have is left out.
#[derive(Serialize)]
struct Kinds {
    #[serde(skip_serializing_if = "is_zero")]
    keywords: usize,
    #[serde(skip_serializing_if = "is_zero")]
    regexes: usize,
    #[serde(skip_serializing_if = "is_zero")]
    excludes: usize,
    #[serde(skip_serializing_if = "is_zero")]
    exclude_regexes: usize,
    #[serde(skip_serializing_if = "is_false")]
    ignore_case: bool,
    #[serde(skip_serializing_if = "is_false")]
    time_range: bool,
    #[serde(skip_serializing_if = "is_false")]
    cursor: bool,
}

impl Kinds {
    fn of(noted: &Noted) -> Kinds {
        let Filters { keywords, regexes, excludes, exclude_regexes, ignore_case } = noted.filters;
        let (time_range, cursor) = (noted.has_range, noted.has_cursor);
        Kinds { keywords, regexes, excludes, exclude_regexes, ignore_case, time_range, cursor }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(is: &bool) -> bool {
    !is
}

/// The record of a request that is over, with its line feed.
pub(super) fn of(ended: &Ended) -> String {
    let noted = &ended.noted;
    let filename = noted.filename.as_deref();
    let text = filename.and_then(|name| std::str::from_utf8(name).ok());
    written(&Line {
        time: now(),
        method: ended.exchange.method,
        endpoint: ended.exchange.endpoint,
        caller: noted.caller.as_deref(),
        via: noted.via.as_deref(),
        client: ended.exchange.client.map(|client| client.to_string()),
        hostnames: &noted.hostnames,
        filename: text,
        filename_base64: filename.filter(|_| text.is_none()).map(|name| STANDARD.encode(name)),
        real_filename: noted.real_filename.as_deref().map(String::from_utf8_lossy),
        filters: Kinds::of(noted),
        hosts: &noted.hosts,
        hosts_asked: noted.hosts_asked,
        status: noted.status.map(|status| status.as_u16()),
        code: noted.code.as_ref().map(Code::as_str),
        verdict: noted.verdict.map(Status::as_str),
        lines: noted.lines,
        whole: ended.is_whole,
        duration_ms: u64::try_from(ended.took.as_millis()).unwrap_or(u64::MAX),
    })
}

/// The line that says how many are missing before it.
pub(super) fn lost(lines: u64) -> String {
    #[derive(Serialize)]
    struct Lost {
        time: String,
        lost: u64,
    }
    written(&Lost { time: now(), lost: lines })
}

fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

fn written(line: &impl Serialize) -> String {
    let mut text = serde_json::to_string(line).expect("a line is plain data");
    text.push('\n');
    text
}
