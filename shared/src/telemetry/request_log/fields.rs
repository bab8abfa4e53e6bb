//! The fields of a message, in the form of the log. Whatever a text contains, it ends no line: in
//! JSON and in text, characters that are not shown are escaped.

use crate::milliseconds::push_milliseconds;
use crate::telemetry::format::LogFormat;
use std::io::Write as _;
use std::time::Duration;

/// Appends fields to a message.
pub(super) struct Fields<'o> {
    out: &'o mut Vec<u8>,
    format: LogFormat,
}

impl<'o> Fields<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, format: LogFormat) -> Fields<'o> {
        Fields { out, format }
    }

    fn name(&mut self, name: &str) {
        match self.format {
            LogFormat::Text => {
                self.out.push(b' ');
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b'=');
            }
            LogFormat::Json => {
                self.out.extend_from_slice(b",\"");
                self.out.extend_from_slice(name.as_bytes());
                self.out.extend_from_slice(b"\":");
            }
        }
    }

    /// Any text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        match self.format {
            // As `tracing` does. `Debug` escapes whatever is not shown.
            LogFormat::Text => write!(self.out, "{value:?}").expect("a Vec takes it"),
            LogFormat::Json => json(value, self.out),
        }
    }

    /// A text of printable characters without spaces and quotes.
    pub(super) fn plain(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        let quotes = if self.format == LogFormat::Json { &b"\""[..] } else { b"" };
        self.out.extend_from_slice(quotes);
        self.out.extend_from_slice(value);
        self.out.extend_from_slice(quotes);
    }

    pub(super) fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }

    pub(super) fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// Milliseconds with three digits after the point.
    pub(super) fn millis(&mut self, name: &str, value: Duration) {
        self.name(name);
        push_milliseconds(value, self.out);
    }
}

fn json(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            ' '..='~' => out.push(c as u8),
            // Not shown, or joined to what comes before.
            _ if c.is_ascii() || c.escape_debug().next() == Some('\\') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").expect("a Vec takes it");
                }
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
