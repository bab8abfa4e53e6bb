//! Whether an answer is complete, and what it took. An incomplete answer never looks complete.

mod search;

pub use search::{RangeFound, Stopped};

use super::code::Code;
use super::headers;
use super::notice::{self, NOTICES, Notice};
use http::{HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Every record that was asked for was delivered.
    Complete,
    /// Some hosts' records are missing.
    Partial,
    /// Records are missing.
    Failed,
    /// Only of a host: it did not answer in time, or did not end in time.
    Timeout,
    /// Only of a host: it has no such file.
    NotFound,
}

impl Status {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Complete => "complete",
            Status::Partial => "partial",
            Status::Failed => "failed",
            Status::Timeout => "timeout",
            Status::NotFound => "not_found",
        }
    }

    fn parse(text: &str) -> Option<Status> {
        // Those of a whole answer. The others are verdicts on a host among several.
        [Status::Complete, Status::Partial, Status::Failed].into_iter().find(|s| s.as_str() == text)
    }
}

/// That only a part of the hosts was visible to the one who asked. So nobody takes an answer for one
/// of the whole fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostsVisible {
    /// Only a part.
    Part,
}

impl HostsVisible {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            HostsVisible::Part => "part",
        }
    }

    /// Says so in the fields of an answer, where that is so.
    pub fn write(hosts: Option<HostsVisible>, map: &mut HeaderMap) {
        if let Some(hosts) = hosts {
            map.insert(headers::LOG_HOSTS_VISIBLE, HeaderValue::from_static(hosts.as_str()));
        }
    }
}

/// Why records are missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its stable word, such as `io_error`.
    pub code: Code,
    /// What happened and what to do, for a person.
    pub detail: String,
}

/// What is said of an answer once it has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How it ended.
    pub status: Status,
    /// Lines delivered.
    pub lines: u64,
    /// Bytes of log files that were read.
    pub bytes_scanned: u64,
    /// Lines delivered that were cut at the line limit.
    pub truncated_lines: u64,
    /// Bytes that were skipped: runs of NUL at the beginning of lines, and holes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_bytes: u64,
    /// The largest step back in time from a line to the next one that was seen, in a merge or for a
    /// time range, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub disorder_ms: u64,
    /// Records for which no time was found, though a time range was asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub untimed: u64,
    /// Why the search stopped. None of what was not searched.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "search::stopped")]
    pub stopped: Option<Stopped>,
    /// Whether there are more records further back. None where that is not known.
    #[serde(default)]
    pub more: Option<bool>,
    /// The cursor that continues further back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older: Option<String>,
    /// The cursor for what has come since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newer: Option<String>,
    /// The first time of the range that was asked for, as RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The first time after that range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How the edges of the range were found. None where no range was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "search::range")]
    pub range: Option<RangeFound>,
    /// From the primary: whether the one who asked sees only a part of the hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosts_visible: Option<HostsVisible>,
    /// Why it is incomplete, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Failure>,
    /// What else is worth knowing of an answer that is complete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// From the primary: the verdict on each host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Verdict>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Verdict {
    /// A verdict with nothing delivered yet.
    pub fn new(status: Status) -> Verdict {
        Verdict {
            status,
            lines: 0,
            bytes_scanned: 0,
            truncated_lines: 0,
            skipped_bytes: 0,
            disorder_ms: 0,
            untimed: 0,
            stopped: None,
            more: None,
            older: None,
            newer: None,
            since: None,
            until: None,
            range: None,
            hosts_visible: None,
            error: None,
            notices: Vec::new(),
            hosts: BTreeMap::new(),
        }
    }

    /// A failure with nothing delivered yet.
    pub fn failed(code: Code, detail: String) -> Verdict {
        Verdict { error: Some(Failure { code, detail }), ..Verdict::new(Status::Failed) }
    }

    /// Whether records of this host are missing.
    pub fn is_failure(&self) -> bool {
        !matches!(self.status, Status::Complete | Status::NotFound)
    }

    /// The trailer fields. [`headers::TRAILER_NAMES`] announces all of them.
    pub fn to_trailers(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        map.insert(headers::LOG_STATUS, HeaderValue::from_static(self.status.as_str()));
        map.insert(headers::LOG_LINES, HeaderValue::from(self.lines));
        map.insert(headers::LOG_BYTES_SCANNED, HeaderValue::from(self.bytes_scanned));
        map.insert(headers::LOG_TRUNCATED_LINES, HeaderValue::from(self.truncated_lines));
        if self.skipped_bytes > 0 {
            map.insert(headers::LOG_SKIPPED_BYTES, HeaderValue::from(self.skipped_bytes));
        }
        if let Some(error) = &self.error {
            map.insert(headers::LOG_ERROR, headers::value(&format!("{}: {}", error.code, error.detail)));
        }
        let failed = hosts_failed(&self.hosts);
        if !failed.is_empty() {
            map.insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
        }
        if let Some(visible) = self.hosts_visible {
            map.insert(headers::LOG_HOSTS_VISIBLE, HeaderValue::from_static(visible.as_str()));
        }
        notice::write(&self.notices, &mut map);
        self.write_search(&mut map);
        map
    }

    /// What is said of where the search stopped, and how to continue.
    fn write_search(&self, map: &mut HeaderMap) {
        let words = [
            (headers::LOG_STOPPED, self.stopped.map(Stopped::as_str)),
            (headers::LOG_MORE, self.more.map(|more| if more { "true" } else { "false" })),
            (headers::LOG_RANGE, self.range.map(RangeFound::as_str)),
        ];
        map.extend(
            words.into_iter().filter_map(|(name, word)| Some((name, HeaderValue::from_static(word?)))),
        );
        let counts = [(headers::LOG_DISORDER_MS, self.disorder_ms), (headers::LOG_UNTIMED, self.untimed)];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        map.extend(counts.map(|(name, count)| (name, HeaderValue::from(count))));
        // A client may refuse all trailers because of one that is too long.
        let cursors = [(headers::LOG_CURSOR_OLDER, &self.older), (headers::LOG_CURSOR_NEWER, &self.newer)];
        for (name, cursor) in cursors {
            if let Some(cursor) = cursor.as_ref().filter(|cursor| cursor.len() <= CURSOR_FIELD_BYTES) {
                map.insert(name, headers::value(cursor));
            }
        }
    }

    /// The last line of an incomplete text that ends properly. It is for browsers, which show neither
    /// trailers nor anything of an answer that is cut.
    pub fn last_line(&self) -> Vec<u8> {
        let mut line = "-- incomplete: ".to_owned();
        match &self.error {
            Some(Failure { code, detail }) => line.extend([code.as_str(), ": ", detail]),
            None => line.push_str(self.status.as_str()),
        }
        let failed = hosts_failed(&self.hosts);
        if !failed.is_empty() {
            line.extend([" (hosts: ", &failed, ")"]);
        }
        one_line(&line)
    }

    /// The last lines of a complete text for a browser: the notices. Empty if there are none.
    pub fn notes(&self) -> Vec<u8> {
        self.notices.iter().flat_map(|notice| one_line(&format!("-- note: {}", notice.detail))).collect()
    }

    /// Reads a secondary's trailer fields. None where they hold no verdict, or one that contradicts
    /// itself.
    pub fn from_trailers(map: &HeaderMap) -> Option<Verdict> {
        let once = |name| {
            let mut values = map.get_all(name).iter();
            values.next().filter(|_| values.next().is_none())
        };
        let text = |name| once(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let number = |name| text(name).filter(|t| t.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
        let mut error = None;
        if map.contains_key(headers::LOG_ERROR) {
            let value = String::from_utf8_lossy(once(headers::LOG_ERROR)?.as_bytes()).into_owned();
            let (code, detail) = value.split_once(": ").unwrap_or(("io_error", &value));
            error = Some(Failure { code: code.into(), detail: detail.to_owned() });
        }
        // These are sent only where there is something to say.
        let word = |name| if map.contains_key(&name) { text(name).map(Some) } else { Some(None) };
        let cursor = |name| word(name).map(|text| text.map(str::to_owned));
        let count = |name: http::HeaderName| if map.contains_key(&name) { number(name) } else { Some(0) };
        let more = match word(headers::LOG_MORE)? {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return None,
        };
        let verdict = Verdict {
            status: Status::parse(text(headers::LOG_STATUS)?)?,
            lines: number(headers::LOG_LINES)?,
            bytes_scanned: number(headers::LOG_BYTES_SCANNED)?,
            truncated_lines: number(headers::LOG_TRUNCATED_LINES)?,
            skipped_bytes: count(headers::LOG_SKIPPED_BYTES)?,
            disorder_ms: count(headers::LOG_DISORDER_MS)?,
            untimed: count(headers::LOG_UNTIMED)?,
            // A newer secondary may stop for a reason that is not known here.
            stopped: word(headers::LOG_STOPPED)?.and_then(Stopped::parse),
            more,
            older: cursor(headers::LOG_CURSOR_OLDER)?,
            newer: cursor(headers::LOG_CURSOR_NEWER)?,
            // The primary knows the range.
            since: None,
            until: None,
            range: word(headers::LOG_RANGE)?.and_then(RangeFound::parse),
            hosts_visible: None,
            error,
            notices: map
                .get_all(headers::LOG_NOTICES)
                .iter()
                .filter_map(Notice::parse)
                .take(NOTICES)
                .collect(),
            hosts: BTreeMap::new(),
        };
        // A secondary knows no other hosts.
        let is_alone = ![headers::LOG_HOSTS_FAILED, headers::LOG_HOSTS_VISIBLE]
            .iter()
            .any(|of_primaries| map.contains_key(of_primaries));
        let is_sound = verdict.is_consistent() && is_alone;
        is_sound.then_some(verdict)
    }

    /// Whether it does not contradict itself: a complete one has no failure in it.
    pub fn is_consistent(&self) -> bool {
        let has_failed = self.error.is_some() || self.hosts.values().any(Verdict::is_failure);
        self.status != Status::Complete || !has_failed
    }
}

fn one_line(text: &str) -> Vec<u8> {
    let mut line = text.replace(char::is_control, " ");
    line.push('\n');
    line.into_bytes()
}

/// Bytes of a cursor that is sent as a field. That of a large fleet is only in NDJSON.
const CURSOR_FIELD_BYTES: usize = 8 << 10;

/// Bytes of the names in `Log-Hosts-Failed`: clients limit the headers that they take.
const NAMES_BYTES: usize = 8 << 10;

/// The value of `Log-Hosts-Failed`: the names of the hosts whose records are missing,
/// comma-separated, as far as there is room, and then `+N` for the N others. Empty if there are
/// none.
pub fn hosts_failed(hosts: &BTreeMap<String, Verdict>) -> String {
    let mut names = String::new();
    let mut left = 0_u64;
    for (name, _) in hosts.iter().filter(|(_, host)| host.is_failure()) {
        if left > 0 || names.len() + name.len() > NAMES_BYTES {
            left += 1;
            continue;
        }
        names.push_str(if names.is_empty() { "" } else { "," });
        names.push_str(name);
    }
    if left > 0 {
        names.push_str(",+");
        names.push_str(itoa::Buffer::new().format(left));
    }
    names
}

#[cfg(test)]
mod tests;
