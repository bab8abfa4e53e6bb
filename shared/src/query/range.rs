//! Which times a record may have: `since`, `until`, `tz`, and `scan`.

mod duration;
mod parse;
mod relative;
mod zone;

use super::bad;
use crate::text::quoted;
use crate::time::{LineTime, system_zone};
use crate::wire::headers;
use crate::wire::problem::Problem;
use crate::wire::verdict::Verdict;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
pub use relative::Relative;
use zone::Zone;

/// One edge of a time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// An instant, in nanoseconds since 1970.
    At(i64),
    /// A time in the zone of the host that has the file (`tz=host`).
    OnHost(DateTime),
}

/// The times that a record may have. Without edges, any record is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The first one.
    pub since: Option<Edge>,
    /// The first one after it.
    pub until: Option<Edge>,
}

/// The same, as instants in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Instants {
    /// The first one.
    pub since: Option<i64>,
    /// The first one after it.
    pub until: Option<i64>,
}

/// How the edges of a time range are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanMode {
    /// By the order of times, as long as the file has one.
    #[default]
    Auto,
    /// Every byte is read.
    All,
}

impl ScanMode {
    /// Reads the value of `scan`.
    pub(super) fn parse(value: &[u8]) -> Result<ScanMode, Problem> {
        match value {
            b"auto" => Ok(ScanMode::Auto),
            b"all" => Ok(ScanMode::All),
            other => Err(bad(format!("scan is {}: it must be auto or all", quoted(other)))),
        }
    }
}

/// The values of a query that say which times are asked for, as they were sent.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) since: Option<Vec<u8>>,
    pub(super) until: Option<Vec<u8>>,
    pub(super) tz: Option<Vec<u8>>,
}

impl Asked {
    /// Reads the values. `now` is asked once at most, and only where it is needed.
    pub(super) fn range(&self, now: impl Fn() -> Timestamp) -> Result<TimeRange, Problem> {
        if self.since.is_none() && self.until.is_none() && self.tz.is_none() {
            return Ok(TimeRange::default());
        }
        let zone = self.tz.as_deref().map(zone::parse).transpose()?;
        let now = now();
        let edge = |name, value: &Option<Vec<u8>>| {
            value.as_deref().map(|value| parse::edge(name, value, zone.as_ref(), now)).transpose()
        };
        let range = TimeRange { since: edge("since", &self.since)?, until: edge("until", &self.until)? };
        let is_empty = match (range.since, range.until) {
            (Some(Edge::At(since)), Some(Edge::At(until))) => since >= until,
            (Some(Edge::OnHost(since)), Some(Edge::OnHost(until))) => since >= until,
            // Only the host can tell.
            _ => false,
        };
        if is_empty { Err(empty()) } else { Ok(range) }
    }
}

fn empty() -> Problem {
    bad("since is not before until, so no time is between them: since is the first instant of the range, until the first one after it".to_owned())
}

impl TimeRange {
    /// Whether it has no edges.
    pub fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Appends the parameters that ask one secondary for the same range. Instants go on as such, so
    /// that all hosts have the same.
    pub(super) fn push_parameters(&self, out: &mut String) {
        let mut is_on_host = false;
        for (name, edge) in [("&since=", self.since), ("&until=", self.until)] {
            let Some(edge) = edge else { continue };
            out.push_str(name);
            match edge {
                Edge::At(nanos) => out.push_str(&rfc3339(nanos)),
                Edge::OnHost(time) => {
                    out.push_str(&time.to_string());
                    is_on_host = true;
                }
            }
        }
        if is_on_host {
            out.push_str("&tz=host");
        }
    }

    /// The edges that are instants. Those that each host has to work out are left out.
    pub fn instants(&self) -> Instants {
        let at = |edge| match edge {
            Some(Edge::At(nanos)) => Some(nanos),
            _ => None,
        };
        Instants { since: at(self.since), until: at(self.until) }
    }

    /// The range as instants, on a host in the system's zone.
    ///
    /// # Errors
    /// If a time is out of range there, or no time lies between the two.
    pub fn on_host(&self) -> Result<Instants, Problem> {
        self.in_zone(&system_zone())
    }

    /// The same, in this zone.
    fn in_zone(&self, zone: &TimeZone) -> Result<Instants, Problem> {
        let at = |name, edge| match edge {
            None => Ok(None),
            Some(Edge::At(nanos)) => Ok(Some(nanos)),
            Some(Edge::OnHost(time)) => Zone::Of(zone.clone())
                .instant(time)
                .map(Some)
                .ok_or_else(|| parse::out_of_range(name, time.to_string().as_bytes())),
        };
        let instants = Instants { since: at("since", self.since)?, until: at("until", self.until)? };
        match instants {
            Instants { since: Some(since), until: Some(until) } if since >= until => Err(empty()),
            instants => Ok(instants),
        }
    }
}

impl Instants {
    /// Whether the range has this time, in nanoseconds since 1970.
    pub fn contains(&self, nanos: i64) -> bool {
        self.since.is_none_or(|since| since <= nanos) && self.until.is_none_or(|until| nanos < until)
    }

    /// Says in the head of an answer which range it has.
    pub fn write(&self, map: &mut HeaderMap) {
        let mut insert = |name: HeaderName, nanos: Option<i64>| {
            if let Some(nanos) = nanos {
                let value = HeaderValue::try_from(rfc3339(nanos)).expect("a time is ASCII");
                map.insert(name, value);
            }
        };
        insert(headers::LOG_SINCE, self.since);
        insert(headers::LOG_UNTIL, self.until);
    }

    /// Says in a verdict which range the answer has.
    pub fn fill(&self, verdict: &mut Verdict) {
        verdict.since = self.since.map(rfc3339);
        verdict.until = self.until.map(rfc3339);
    }
}

/// RFC 3339 in UTC, with nine digits after the second.
fn rfc3339(nanos: i64) -> String {
    let mut text = Vec::with_capacity(30);
    LineTime { nanos, offset_minutes: 0 }.push_rfc3339(&mut text);
    String::from_utf8(text).expect("a time is ASCII")
}

#[cfg(test)]
mod tests;
