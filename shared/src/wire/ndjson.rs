//! Records as JSON, an object a line.

use crate::scan::Record;
use crate::time::LineTime;
use crate::wire::verdict::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize as _;
use std::io::{self, Write};

/// Writes the records of one file of one host.
#[derive(Debug)]
pub struct Encoder {
    /// `{"host":…,"file":…,"offset":`, the same for each record.
    prefix: Vec<u8>,
}

impl Encoder {
    /// An encoder for the records of `file` on `host`.
    pub fn new(host: &str, file: &[u8]) -> Encoder {
        Encoder { prefix: beginning(host, file) }
    }

    /// Appends one record, and the time that it carries, as one line.
    pub fn encode(&self, record: &Record<'_>, time: Option<LineTime>, out: &mut Vec<u8>) {
        self.begin(record.offset, time, out);
        push_bytes("line", record.bytes, out);
        out.extend_from_slice(b"}\n");
    }

    /// Appends the beginning of one record. Its bytes follow in parts.
    pub fn begin_parts(&self, record: &Record<'_>, time: Option<LineTime>, out: &mut Vec<u8>) -> Parts {
        let is_text = std::str::from_utf8(record.bytes).is_ok();
        self.begin_pieces(record.offset, time, is_text, out);
        Parts { at: 0, is_text }
    }

    /// Appends the beginning of a record whose bytes the caller appends in parts: with [`escaped`] if
    /// all of it is UTF-8, with [`base64()`] if it is not. [`END`] ends it.
    pub fn begin_pieces(&self, offset: u64, time: Option<LineTime>, is_text: bool, out: &mut Vec<u8>) {
        self.begin(offset, time, out);
        out.extend_from_slice(if is_text { b",\"line\":\"" } else { b",\"line_base64\":\"" });
    }

    fn begin(&self, offset: u64, time: Option<LineTime>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix);
        out.extend_from_slice(itoa::Buffer::new().format(offset).as_bytes());
        if let Some(time) = time {
            out.extend_from_slice(b",\"time\":\"");
            time.push_rfc3339(out);
            out.push(b'"');
        }
    }
}

/// Bytes of a record in one part. Three of them are four digits of base64, and one of them may be
/// six characters of text. Many answers hold one part each.
const PART_BYTES: usize = 3 << 10;

/// How far a record is written that is written in parts.
#[derive(Debug, Clone, Copy)]
pub struct Parts {
    at: usize,
    is_text: bool,
}

impl Parts {
    /// Appends the next part of the bytes of the record. After the last part it appends the end of
    /// the line, and returns true.
    pub fn next(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> bool {
        let mut end = bytes.len().min(self.at + PART_BYTES);
        if self.is_text {
            while end < bytes.len() && bytes[end] & 0xC0 == 0x80 {
                end -= 1;
            }
            let text = std::str::from_utf8(&bytes[self.at..end]).expect("a part of text between characters");
            escaped(text, out);
        } else {
            base64(&bytes[self.at..end], out);
        }
        self.at = end;
        let is_last = end == bytes.len();
        if is_last {
            out.extend_from_slice(END);
        }
        is_last
    }
}

/// What ends a record that is written in parts.
pub const END: &[u8] = b"\"}\n";

/// What ends it if the rest of it does not come. It is a valid object that says so.
pub const CUT: &[u8] = b"\",\"incomplete\":true}\n";

/// Appends a part of a record's text.
pub fn escaped(part: &str, out: &mut Vec<u8>) {
    let mut writer = serde_json::Serializer::with_formatter(out, Unquoted);
    part.serialize(&mut writer).expect("a Vec takes every string");
}

/// Appends a part of a record's bytes. The length of each part but the last is a multiple of three.
pub fn base64(part: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(STANDARD.encode(part).as_bytes());
}

/// Writes strings without quotes, which the caller writes.
struct Unquoted;

impl serde_json::ser::Formatter for Unquoted {
    fn begin_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn end_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }
}

/// What each record of `file` on `host` begins with. Nothing else in an answer begins like this.
pub fn beginning(host: &str, file: &[u8]) -> Vec<u8> {
    let mut out = b"{\"host\":".to_vec();
    push_string(host, &mut out);
    push_bytes("file", file, &mut out);
    out.extend_from_slice(b",\"offset\":");
    out
}

/// Digits of an offset at most.
const OFFSET_DIGITS: usize = 20;

/// What may follow the offset of a record.
const AFTER_OFFSET: [&[u8]; 3] = [b",\"time\":\"", b",\"line\":\"", b",\"line_base64\":\""];

/// Bytes after a [`beginning`] that [`goes_on`] looks at, at most.
pub const GOES_ON_BYTES: usize = OFFSET_DIGITS + 16;

/// Whether the bytes after a [`beginning`] go on like a record: with an offset, and then with a time
/// or a line.
pub fn goes_on(rest: &[u8]) -> bool {
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).take(OFFSET_DIGITS + 1).count();
    let after = &rest[digits..];
    (1..=OFFSET_DIGITS).contains(&digits) && AFTER_OFFSET.iter().any(|field| after.starts_with(field))
}

/// The last line of every NDJSON answer.
pub fn end(verdict: &Verdict) -> Vec<u8> {
    let mut out = b"{\"end\":".to_vec();
    serde_json::to_writer(&mut out, verdict).expect("a verdict is plain data, and a Vec takes it");
    out.extend_from_slice(b"}\n");
    out
}

fn push_string(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a Vec takes every string");
}

/// Appends `,"name":"…"`, or `,"name_base64":"…"` where the bytes are not UTF-8.
fn push_bytes(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    if let Ok(text) = std::str::from_utf8(bytes) {
        out.extend_from_slice(b"\":");
        push_string(text, out);
    } else {
        out.extend_from_slice(b"_base64\":\"");
        out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8], time: Option<LineTime>) -> serde_json::Value {
        let mut out = Vec::new();
        let record = Record { offset: 7, bytes, lines: 1, truncated_lines: 0, older: &[] };
        Encoder::new("h", b"a.log").encode(&record, time, &mut out);
        assert_eq!(memchr::memchr(b'\n', &out), Some(out.len() - 1), "one object, one line");
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_record_is_one_object() {
        let object = encoded("tab\t \"quoted\" \u{1b}[31m é\nnext".as_bytes(), None);
        assert_eq!(object["host"], "h");
        assert_eq!(object["file"], "a.log");
        assert_eq!(object["offset"], 7);
        assert_eq!(object["line"], "tab\t \"quoted\" \u{1b}[31m é\nnext");
        assert!(object.get("time").is_none() && object.get("line_base64").is_none());
    }

    #[test]
    fn each_record_begins_and_goes_on_like_one_and_nothing_else_does() {
        let time = LineTime { nanos: 0, offset_minutes: 0 };
        for (host, file) in [("h", &b"a.log"[..]), ("ü\"", b"\xff/\"")] {
            for (offset, bytes, time) in
                [(0, &b""[..], None), (u64::MAX, b"\xff", None), (7, b"x", Some(time))]
            {
                let mut out = Vec::new();
                let record = Record { offset, bytes, lines: 1, truncated_lines: 0, older: &[] };
                Encoder::new(host, file).encode(&record, time, &mut out);
                let rest = out.strip_prefix(&beginning(host, file)[..]).unwrap();
                assert!(goes_on(rest) && goes_on(&rest[..rest.len().min(GOES_ON_BYTES)]));
                assert!(!out.starts_with(&beginning("h2", file)) && !out.starts_with(&beginning(host, b"b")));
            }
        }
        let long = format!("{},\"line\":\"", "1".repeat(21));
        for rest in
            ["", "7", ",\"line\":\"", "7,\"end\":{", "7,\"host\":\"", "-7,\"line\":\"", "7,\"line\":{", &long]
        {
            assert!(!goes_on(rest.as_bytes()), "{rest}");
        }
    }

    #[test]
    fn a_line_that_is_not_utf8_is_base64() {
        let object = encoded(b"\xff\xfe", None);
        assert_eq!(object["line_base64"], "//4=");
        assert!(object.get("line").is_none());
    }

    #[test]
    fn a_record_in_parts_is_the_same_as_one_at_once() {
        let odd = "\u{1}\"é中🦀\n".repeat(3000);
        for more in 0..4 {
            let text = [&b"x".repeat(more)[..], odd.as_bytes()].concat();
            for bytes in
                [&text[..], &[&text[..], b"\xff"].concat(), &[&b"\xff".repeat(more)[..], &text].concat(), b""]
            {
                let time = Some(LineTime { nanos: 0, offset_minutes: 0 });
                let record = Record { offset: 7, bytes, lines: 1, truncated_lines: 0, older: &[] };
                let (encoder, mut whole, mut out) = (Encoder::new("h", b"a.log"), Vec::new(), Vec::new());
                encoder.encode(&record, time, &mut whole);
                let mut parts = encoder.begin_parts(&record, time, &mut out);
                let before = out.len();
                let mut count = 1;
                while !parts.next(bytes, &mut out) {
                    assert!(out.len() <= before + count * 6 * PART_BYTES);
                    count += 1;
                }
                assert!(out == whole && count == bytes.len().div_ceil(PART_BYTES).max(1));
            }
        }
    }

    #[test]
    fn a_record_in_pieces_is_the_one_in_one_go() {
        let encoder = Encoder::new("h", b"a.log");
        let record = |bytes| Record { offset: 7, bytes, lines: 1, truncated_lines: 0, older: &[] };
        let (mut whole, mut pieces) = (Vec::new(), Vec::new());
        let text = "a \"quote\", \u{e9}, \u{1} and \\";
        encoder.encode(&record(text.as_bytes()), None, &mut whole);
        encoder.begin_pieces(7, None, true, &mut pieces);
        text.chars().for_each(|c| escaped(c.encode_utf8(&mut [0; 4]), &mut pieces));
        pieces.extend_from_slice(END);
        assert_eq!(pieces.escape_ascii().to_string(), whole.escape_ascii().to_string());
        whole.clear();
        pieces.clear();
        let bytes = b"\xff\xfe of some length";
        encoder.encode(&record(bytes), None, &mut whole);
        encoder.begin_pieces(7, None, false, &mut pieces);
        bytes.chunks(3).for_each(|piece| base64(piece, &mut pieces));
        pieces.extend_from_slice(END);
        assert_eq!(pieces.escape_ascii().to_string(), whole.escape_ascii().to_string());
    }

    #[test]
    fn the_time_that_a_line_carries_is_told() {
        let time = LineTime { nanos: 1_730_801_472_500_000_000, offset_minutes: 120 };
        assert_eq!(encoded(b"up", Some(time))["time"], "2024-11-05T10:11:12.500000000Z");
    }
}
