//! Writes merged records in the format that the client wants.

use crate::host::Host;
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::{Format, ndjson};
use std::sync::Arc;

/// Writes records of several hosts.
#[derive(Debug)]
pub enum Writer {
    /// `hostname<TAB>line`: for each host, what each of its lines begins with.
    Text(Vec<Vec<u8>>),
    /// One object for each record.
    Ndjson(Vec<ndjson::Encoder>),
}

/// How much of a record has been written, if it is written in parts.
#[derive(Debug)]
pub enum Cursor {
    /// How many of its bytes have been written, and whether the next one begins a line.
    Text(usize, bool),
    /// The same for JSON.
    Ndjson(ndjson::Parts),
}

impl Writer {
    /// Makes a writer for the records of `file` on these hosts.
    pub fn new(format: Format, hosts: &[Arc<Host>], file: &[u8]) -> Writer {
        match format {
            Format::Ndjson => {
                Writer::Ndjson(hosts.iter().map(|host| ndjson::Encoder::new(&host.name, file)).collect())
            }
            Format::Text | Format::Frames => {
                Writer::Text(hosts.iter().map(|host| format!("{}\t", host.name).into_bytes()).collect())
            }
        }
    }

    /// Begins a record of the `host`th host that is written in parts: appends what comes before
    /// its bytes.
    pub fn begin(&self, host: usize, framed: &Framed, out: &mut Vec<u8>) -> Cursor {
        match self {
            Writer::Text(_) => Cursor::Text(0, true),
            Writer::Ndjson(encoders) => {
                let time = framed.stamp.and_then(|stamp| stamp.own);
                Cursor::Ndjson(encoders[host].begin_parts(&framed.record(), time, out))
            }
        }
    }

    /// Writes more of the record, until `out` has about `most` bytes. Returns whether all of the
    /// record has been written.
    pub fn go_on(
        &self,
        host: usize,
        framed: &Framed,
        cursor: &mut Cursor,
        most: usize,
        out: &mut Vec<u8>,
    ) -> bool {
        while out.len() < most {
            let is_last = match (self, &mut *cursor) {
                (Writer::Text(names), Cursor::Text(at, begins)) => {
                    if std::mem::take(begins) {
                        out.extend_from_slice(&names[host]);
                    }
                    let rest = &framed.bytes[*at..];
                    let room = most.saturating_sub(out.len()).max(1);
                    let part = &rest[..rest.len().min(room)];
                    let feed = memchr::memchr(b'\n', part);
                    *begins = feed.is_some();
                    let part = &part[..feed.map_or(part.len(), |feed| feed + 1)];
                    out.extend_from_slice(part);
                    *at += part.len();
                    let is_last = !*begins && part.len() == rest.len();
                    if is_last {
                        out.push(b'\n');
                    }
                    is_last
                }
                (Writer::Ndjson(_), Cursor::Ndjson(parts)) => parts.next(&framed.bytes, out),
                // `begin` gives a cursor of the same format.
                _ => true,
            };
            if is_last {
                return true;
            }
        }
        false
    }

    /// Appends a record of the `host`th host.
    pub fn write(&self, host: usize, framed: &Framed, out: &mut Vec<u8>) {
        match self {
            Writer::Text(names) => {
                for line in framed.bytes.split(|b| *b == b'\n') {
                    out.extend_from_slice(&names[host]);
                    out.extend_from_slice(line);
                    out.push(b'\n');
                }
            }
            Writer::Ndjson(encoders) => {
                let time = framed.stamp.and_then(|stamp| stamp.own);
                encoders[host].encode(&framed.record(), time, out);
            }
        }
    }
}
