//! A request for `/logs`: parsed from a query string, and written as one for a secondary. File
//! names and keywords stay bytes; only host names are decoded as text.

mod digest;
mod filename;
mod form;
pub mod glob;
pub mod parameters;
pub mod pattern;
mod patterns;
pub mod pods;
pub mod range;
mod timeout;

pub use filename::FileName;
pub use form::{Pair, pairs};

use crate::filter::Filter;
use crate::limits;
use crate::text::quoted;
use crate::wire::cursor::Cursor;
use crate::wire::problem::{Code, Problem};
use jiff::Timestamp;
use patterns::Wanted;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use range::{Asked, Relative, ScanMode, TimeRange};
use std::time::Duration;

/// Who is asked. This decides which parameters a query may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One host: no `hostname`, no `on_error`.
    Secondary,
    /// The fleet.
    Primary,
}

impl Audience {
    /// The parameters that `/logs` takes.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Audience::Secondary => &[
                "filename",
                "keyword",
                "regex",
                "exclude",
                "exclude_regex",
                "ignore_case",
                "n",
                "since",
                "until",
                "tz",
                "scan",
                "timeout",
                "cursor",
            ],
            Audience::Primary => &[
                "hostname",
                "filename",
                "keyword",
                "regex",
                "exclude",
                "exclude_regex",
                "ignore_case",
                "n",
                "since",
                "until",
                "tz",
                "scan",
                "timeout",
                "cursor",
                "on_error",
            ],
        }
    }
}

/// What the primary does about a host that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// Deliver the records of the others, and end as an incomplete answer.
    #[default]
    Report,
    /// Deliver the records of the others, end normally, and name the failed hosts.
    Ignore,
    /// Fail the request at the first failure.
    Fail,
}

/// A request for `/logs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    /// The hosts that are asked, as the client wrote them. Empty means the whole fleet.
    pub hostnames: Vec<String>,
    /// What to do about a host that fails.
    pub on_error: OnError,
    /// The file, below the log directory.
    pub filename: FileName,
    /// What a record must contain, and what it must not contain.
    pub filter: Filter,
    /// The most records to deliver; `None` means all.
    pub n: Option<u64>,
    /// Which times a record may have.
    pub range: TimeRange,
    /// Which edges of it were given relative to now.
    pub relative: Relative,
    /// How the edges of that range are found.
    pub scan: ScanMode,
    /// The time after which the answer ends as a partial one.
    pub timeout: Option<Duration>,
    /// Where an earlier answer to this query ended.
    pub cursor: Option<Cursor>,
}

/// Bytes that are not escaped in a query string: those that RFC 3986, section 3.4, allows, except
/// `&`, `+` and `=`, which have a meaning in forms. So a query that is within the length limit does
/// not become longer on the way to a secondary.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b':')
    .remove(b'@')
    .remove(b'/')
    .remove(b'?');

impl LogQuery {
    /// Parses the query string of a request (without `?`).
    pub fn parse(query: &str, audience: Audience) -> Result<LogQuery, Problem> {
        LogQuery::parse_at(query, audience, Timestamp::now)
    }

    /// The same, at a time of which `now` says when it is. It is asked only where the query needs it.
    pub fn parse_at(
        query: &str,
        audience: Audience,
        now: impl Fn() -> Timestamp,
    ) -> Result<LogQuery, Problem> {
        let mut hostnames = Vec::new();
        let mut on_error = None;
        let mut filename = None;
        let mut wanted = Wanted::default();
        let mut n = None;
        let mut timeout = None;
        let mut cursor = None;
        let mut times = Asked::default();
        let mut scan = None;
        for Pair { name, value } in pairs(query)? {
            let Some(value) = wanted.take(&name, value)? else { continue };
            match (name.as_slice(), audience) {
                (b"filename", _) => once(&mut filename, "filename", FileName::parse(value)?)?,
                (b"n", _) => once(&mut n, "n", count(&value)?)?,
                (b"timeout", _) => once(&mut timeout, "timeout", timeout::parse(&value)?)?,
                (b"cursor", _) => once(&mut cursor, "cursor", resumed(&value)?)?,
                (b"since", _) => once(&mut times.since, "since", value)?,
                (b"until", _) => once(&mut times.until, "until", value)?,
                (b"tz", _) => once(&mut times.tz, "tz", value)?,
                (b"scan", _) => once(&mut scan, "scan", ScanMode::parse(&value)?)?,
                (b"hostname", Audience::Primary) => hostnames.push(host(value)?),
                (b"on_error", Audience::Primary) => once(&mut on_error, "on_error", policy(&value)?)?,
                _ => return Err(unknown_parameter(&name, audience.parameters())),
            }
        }
        let filename = filename.ok_or_else(|| {
            bad("filename is missing: name a file below the log directory, as in filename=app.log; GET /files lists them".to_owned())
        })?;
        let relative = times.relative();
        // The next page is one of the same range.
        let then = cursor.as_ref().and_then(|cursor| relative.now_of(cursor));
        let query = LogQuery {
            hostnames,
            on_error: on_error.unwrap_or_default(),
            filename,
            filter: wanted.filter()?,
            n,
            range: times.range(|| then.unwrap_or_else(&now))?,
            relative,
            scan: scan.unwrap_or_default(),
            timeout,
            cursor,
        };
        query.check_cursor()?;
        Ok(query)
    }

    /// The query string that asks one secondary for the same records.
    pub fn for_secondary(&self) -> String {
        let mut out = format!("filename={}", percent_encode(self.filename.as_bytes(), KEPT));
        patterns::push_parameters(&self.filter, &mut out);
        if let Some(n) = self.n {
            out.push_str("&n=");
            out.push_str(itoa::Buffer::new().format(n));
        }
        self.range.push_parameters(&mut out);
        if self.scan == ScanMode::All {
            out.push_str("&scan=all");
        }
        if let Some(timeout) = self.timeout {
            out.push_str("&timeout=");
            timeout::push(timeout, &mut out);
        }
        if let Some(cursor) = &self.cursor {
            out.push_str("&cursor=");
            out.push_str(&cursor.encode());
        }
        out
    }
}

/// The bytes as the value of a parameter in a URL.
pub fn as_parameter(bytes: &[u8]) -> impl std::fmt::Display {
    percent_encode(bytes, KEPT)
}

/// The problem for a parameter that this endpoint does not have. `known`: the ones that it has.
pub fn unknown_parameter(name: &[u8], known: &[&str]) -> Problem {
    let meant = std::str::from_utf8(name).ok().and_then(|name| parameters::meant(name, known));
    let meant = meant.map_or_else(String::new, |meant| format!("did you mean {meant}? "));
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Problem::new(
        Code::UnknownParameter,
        format!("unknown parameter {}: {meant}known here are {known}", quoted(name)),
    )
}

/// Refuses every parameter. For endpoints that have none.
pub fn no_parameters(query: Option<&str>) -> Result<(), Problem> {
    match pairs(query.unwrap_or_default())?.first() {
        Some(pair) => Err(unknown_parameter(&pair.name, &[])),
        None => Ok(()),
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(Code::BadParameter, detail)
}

fn once<T>(slot: &mut Option<T>, name: &str, value: T) -> Result<(), Problem> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(bad(format!("{name} is given twice: give it once"))),
    }
}

fn resumed(value: &[u8]) -> Result<Cursor, Problem> {
    Cursor::decode(value).map_err(|_| {
        bad(format!(
            "cursor is {}, which is not one: send one from older or newer of a verdict as it came",
            quoted(value)
        ))
    })
}

fn count(value: &[u8]) -> Result<u64, Problem> {
    std::str::from_utf8(value)
        .ok()
        .filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| {
            bad(format!(
                "n is {}: it must be a whole number from 0 to {}, as in n=20",
                quoted(value),
                u64::MAX
            ))
        })
}

/// Checks the value of a `hostname` parameter: it must be UTF-8, not empty, and not too long. A
/// pattern takes memory for each character.
pub fn host(value: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(value)
        .ok()
        .filter(|name| (1..=limits::HOSTNAME_BYTES).contains(&name.len()))
        .ok_or_else(|| {
            bad(format!(
                "hostname is empty, not UTF-8, or longer than {} bytes: GET /hosts lists the names",
                limits::HOSTNAME_BYTES
            ))
        })
}

fn policy(value: &[u8]) -> Result<OnError, Problem> {
    match value {
        b"report" => Ok(OnError::Report),
        b"ignore" => Ok(OnError::Ignore),
        b"fail" => Ok(OnError::Fail),
        other => Err(bad(format!("on_error is {}: it must be report, ignore or fail", quoted(other)))),
    }
}

#[cfg(test)]
mod tests;
