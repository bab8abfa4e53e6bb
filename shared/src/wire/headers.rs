//! The header and trailer fields of the contract.

use http::{HeaderMap, HeaderName, HeaderValue, Version, header};
use std::time::Duration;

/// How the answer ended.
pub const LOG_STATUS: HeaderName = HeaderName::from_static("log-status");
/// Lines delivered.
pub const LOG_LINES: HeaderName = HeaderName::from_static("log-lines");
/// Bytes of log files looked at.
pub const LOG_BYTES_SCANNED: HeaderName = HeaderName::from_static("log-bytes-scanned");
/// Lines cut at the line limit.
pub const LOG_TRUNCATED_LINES: HeaderName = HeaderName::from_static("log-truncated-lines");
/// Bytes of NUL runs that were passed over.
pub const LOG_SKIPPED_BYTES: HeaderName = HeaderName::from_static("log-skipped-bytes");
/// Code and detail of a failure.
pub const LOG_ERROR: HeaderName = HeaderName::from_static("log-error");
/// The hosts whose records are missing, comma-separated.
pub const LOG_HOSTS_FAILED: HeaderName = HeaderName::from_static("log-hosts-failed");

/// `part`: the answer asks hosts that the request does not name, and the token sees only some of
/// them.
pub const LOG_HOSTS_VISIBLE: HeaderName = HeaderName::from_static("log-hosts-visible");

/// A notice beside the verdict: `code (count): detail`. There may be several.
pub const LOG_NOTICES: HeaderName = HeaderName::from_static("log-notices");

/// Why the search stopped.
pub const LOG_STOPPED: HeaderName = HeaderName::from_static("log-stopped");
/// Whether there are more records: `true` or `false`. Absent where that is not known.
pub const LOG_MORE: HeaderName = HeaderName::from_static("log-more");
/// The cursor that continues further back.
pub const LOG_CURSOR_OLDER: HeaderName = HeaderName::from_static("log-cursor-older");
/// The cursor for what has come since.
pub const LOG_CURSOR_NEWER: HeaderName = HeaderName::from_static("log-cursor-newer");
/// How the edges of the time range were found.
pub const LOG_RANGE: HeaderName = HeaderName::from_static("log-range");
/// The largest step back in time that was seen, in milliseconds.
pub const LOG_DISORDER_MS: HeaderName = HeaderName::from_static("log-disorder-ms");
/// Records for which no time was found, though a time range was asked for.
pub const LOG_UNTIMED: HeaderName = HeaderName::from_static("log-untimed");
/// The first time of the range, in UTC. A field of the head, like the next.
pub const LOG_SINCE: HeaderName = HeaderName::from_static("log-since");
/// The first time after the range.
pub const LOG_UNTIL: HeaderName = HeaderName::from_static("log-until");

/// The value of `Trailer`: every field that a verdict may send.
pub const TRAILER_NAMES: HeaderValue = HeaderValue::from_static(
    "log-status, log-lines, log-bytes-scanned, log-truncated-lines, log-skipped-bytes, log-error, log-hosts-failed, log-hosts-visible, log-notices, log-stopped, log-more, log-cursor-older, log-cursor-newer, log-range, log-disorder-ms, log-untimed",
);

/// Private between primary and secondary: the name of the host in the primary's fleet, which the
/// records then carry. The primary reads the verdict from the trailers and writes the last NDJSON
/// object itself, so the secondary leaves it out.
pub const RELAY: HeaderName = HeaderName::from_static("backscroll-relay");

/// Private between primary and secondary: the milliseconds that are left for the request.
pub const REMAINING: HeaderName = HeaderName::from_static("backscroll-remaining-ms");

/// Private between primary and secondary: who asks the primary. For the secondary's audit.
pub const CALLER: HeaderName = HeaderName::from_static("backscroll-caller");

/// Private between primary and secondary: the files that the caller may see, as percent-encoded
/// globs with commas between them. Absent where all may be seen.
pub const FILES: HeaderName = HeaderName::from_static("backscroll-files");

/// Private between secondary and primary, in the head of an answer that is merged: the cursor for what
/// comes after the opening of the file. Its place names the file.
pub const FILE: HeaderName = HeaderName::from_static("backscroll-file");

/// The fields that only a primary may send.
pub const OF_PRIMARIES: [HeaderName; 4] = [RELAY, REMAINING, CALLER, FILES];

/// How much time is left for the request; None where the field is absent or malformed.
pub fn remaining(map: &HeaderMap) -> Option<Duration> {
    let text = map.get(REMAINING)?.to_str().ok()?;
    text.parse().ok().map(Duration::from_millis)
}

/// The fields of every answer of `/logs`.
pub fn streaming(map: &mut HeaderMap, content_type: &'static str) {
    map.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    hardened(map);
    map.insert("x-accel-buffering", HeaderValue::from_static("no"));
}

/// The fields of every answer. They keep browsers from storing it, and from taking it for a page.
pub fn hardened(map: &mut HeaderMap) {
    map.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    map.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Whether the client reads trailers: it speaks HTTP/1.1, and `TE` names them (RFC 9110, section
/// 10.1.4). The rule has to be hyper's own. Otherwise hyper would drop the trailers without an error,
/// and a failed answer would end like a complete one.
pub fn wants_trailers(version: Version, map: &HeaderMap) -> bool {
    version == Version::HTTP_11
        && map
            .get_all(header::TE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("trailers")))
}

/// The address that the client called, safe to be shown in a `curl` line between quotes. It is
/// `HOST:PORT` if the field `Host` holds no such address.
pub fn called(map: &HeaderMap) -> &str {
    map.get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| {
            !host.is_empty()
                && host.bytes().all(|b| {
                    b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
                })
        })
        .unwrap_or("HOST:PORT")
}

/// The text as the value of a field. Control characters are escaped.
pub fn value(text: &str) -> HeaderValue {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    HeaderValue::from_bytes(safe.as_bytes()).expect("control bytes have been escaped")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_is_repeated() {
        for (host, expected) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("[::1]:8000", "[::1]:8000"),
            ("logs.example", "logs.example"),
            ("a'; reboot; '", "HOST:PORT"),
            ("", "HOST:PORT"),
        ] {
            let mut map = HeaderMap::new();
            map.insert(header::HOST, HeaderValue::from_str(host).unwrap());
            assert_eq!(called(&map), expected);
        }
        assert_eq!(called(&HeaderMap::new()), "HOST:PORT");
    }
}
