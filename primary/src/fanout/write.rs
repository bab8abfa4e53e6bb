//! Merged records as the client wants them.

use crate::fleet::Host;
use backscroll_shared::wire::frames::Framed;
use backscroll_shared::wire::{Format, ndjson};
use std::sync::Arc;

/// Writes records of several hosts.
#[derive(Debug)]
pub enum Writer {
    /// `hostname<TAB>line`, for each host its beginning.
    Text(Vec<Vec<u8>>),
    /// An object a record.
    Ndjson(Vec<ndjson::Encoder>),
}

impl Writer {
    /// For the records of `file` on these hosts.
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
