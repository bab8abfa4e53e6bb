//! One message: what became of a request.

use super::TARGET;
use super::fields::Fields;
use crate::conn::exchange::Ended;
use crate::telemetry::format::LogFormat;
use crate::telemetry::trace_context::hex;
use crate::wire::code::Code;
use jiff::Timestamp;
use std::io::Write as _;
use std::time::Instant;

/// The most names of hosts in a message.
const HOSTS: usize = 8;

/// Tells the time of day of an instant.
pub(super) struct Clock {
    instant: Instant,
    time: Timestamp,
}

impl Clock {
    pub(super) fn now() -> Clock {
        Clock { instant: Instant::now(), time: Timestamp::now() }
    }

    fn at(&self, instant: Instant) -> Timestamp {
        let ago = self.instant.saturating_duration_since(instant);
        self.time.checked_sub(ago).unwrap_or(self.time)
    }
}

/// Appends the message of this request, in the form of the log's other lines.
pub(super) fn write(ended: &Ended, format: LogFormat, clock: &Clock, out: &mut Vec<u8>) {
    let time = clock.at(ended.exchange.began + ended.took);
    let level = if super::is_for_debug(ended) { "DEBUG" } else { "INFO" };
    // No error: a Vec takes it.
    let _ = match format {
        LogFormat::Text => write!(out, "{time:.6} {level:>5} {TARGET}: request"),
        LogFormat::Json => {
            write!(
                out,
                "{{\"timestamp\":\"{time:.6}\",\"level\":\"{level}\",\"fields\":{{\"message\":\"request\""
            )
        }
    };
    fields(ended, &mut Fields::new(out, format));
    if format == LogFormat::Json {
        let _ = write!(out, "}},\"target\":\"{TARGET}\"}}");
    }
    out.push(b'\n');
}

fn fields(ended: &Ended, fields: &mut Fields<'_>) {
    let (exchange, noted) = (&ended.exchange, &ended.noted);
    fields.text("method", exchange.method);
    fields.text("endpoint", exchange.endpoint);
    if let Some(status) = noted.status {
        fields.number("status", u64::from(status.as_u16()));
    }
    if let Some(code) = noted.code.as_ref().map(Code::as_str) {
        fields.text("code", code);
    }
    if let Some(verdict) = noted.verdict {
        fields.text("verdict", verdict.as_str());
    }
    fields.flag("whole", ended.is_whole);
    if noted.hosts_asked > 0 {
        let shown = &noted.hosts[..noted.hosts.len().min(HOSTS)];
        fields.text("hosts", &shown.join(","));
        fields.number("hosts_asked", noted.hosts_asked as u64);
    } else if !noted.hostnames.is_empty() {
        let shown = &noted.hostnames[..noted.hostnames.len().min(HOSTS)];
        fields.text("hosts_named", &shown.join(","));
    }
    if let Some(filename) = &noted.filename {
        fields.text("file", &String::from_utf8_lossy(filename));
        if let Some(real) = &noted.real_filename {
            fields.text("real_file", &String::from_utf8_lossy(real));
        }
        if let Some(n) = noted.n {
            fields.number("n", n);
        }
        let filters = &noted.filters;
        for (name, number) in [
            ("keywords", filters.keywords),
            ("regexes", filters.regexes),
            ("excludes", filters.excludes),
            ("exclude_regexes", filters.exclude_regexes),
        ] {
            if number > 0 {
                fields.number(name, number as u64);
            }
        }
        for (name, is_so) in [
            ("ignore_case", filters.ignore_case),
            ("time_range", noted.has_range),
            ("cursor", noted.has_cursor),
        ] {
            if is_so {
                fields.flag(name, true);
            }
        }
        if let Some(stopped) = noted.stopped {
            fields.text("stopped", stopped.as_str());
        }
        if let Some(range) = noted.range {
            fields.text("range", range.as_str());
        }
        fields.number("lines", noted.lines);
        fields.number("bytes_scanned", noted.bytes_scanned);
    }
    fields.number("bytes_sent", ended.bytes_sent);
    if let Some(first) = noted.first_record {
        fields.millis("first_record_ms", first);
    }
    fields.millis("duration_ms", ended.took);
    if let Some(client) = exchange.client {
        fields.plain("client", client.to_string().as_bytes());
    }
    if let Some(caller) = &noted.caller {
        fields.text("caller", caller);
    }
    if let Some(via) = &noted.via {
        fields.text("via", via);
    }
    fields.plain("request_id", exchange.id.as_str().as_bytes());
    let mut trace_id = [0; 32];
    hex(exchange.trace.trace_id, &mut trace_id);
    fields.plain("trace_id", &trace_id);
}
