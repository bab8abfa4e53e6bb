//! The entries of one host's list of files.

use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::problem::Code;
use bytes::{Buf as _, BytesMut};
use serde::{Deserialize, Serialize};

/// Bytes of one file's entry: the longest name, each byte escaped, and some more.
const ENTRY_BYTES: usize = 64 << 10;

/// Why files of a host are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Missing {
    #[error("gave a verdict that is not complete")]
    Incomplete,
    #[error("broke off")]
    BrokeOff,
    #[error("did not end in time")]
    Late,
    #[error("ended in the middle of an entry")]
    InEntry,
    #[error("did not end its array")]
    OpenArray,
    #[error("sent what is no list of files")]
    NoList,
    #[error("sent more than its array")]
    AfterArray,
    #[error("sent an entry that is too long")]
    TooLong,
}

impl Missing {
    /// The code of this failure.
    pub(super) fn code(self) -> Code {
        if self == Missing::Late { Code::UpstreamTimeout } else { Code::UpstreamUnreachable }
    }
}

/// A file, as a secondary sends it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name_base64: Option<String>,
    size: u64,
}

/// What has come of one host's list, and has not been written.
#[derive(Debug, Default)]
pub(super) struct Entries {
    /// An entry whose end has not come.
    held: BytesMut,
    /// Whether its array has ended.
    is_closed: bool,
}

impl Entries {
    /// Adds a chunk that came.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.held.extend_from_slice(chunk);
    }

    /// Bytes that are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    /// Writes the entries that have come whole, each with the name of the `host`, if it is to have
    /// one. `is_empty` says whether no entry of any host has been written.
    pub(super) fn write(
        &mut self,
        format: ListFormat,
        host: Option<&str>,
        is_empty: &mut bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Missing> {
        while let Some(feed) = memchr::memchr(b'\n', &self.held) {
            let line = self.held.split_to(feed);
            self.held.advance(1);
            if format == ListFormat::Text {
                if !is_file(&line) {
                    return Err(Missing::NoList);
                }
                if let Some(host) = host {
                    out.extend_from_slice(host.as_bytes());
                    out.push(b'\t');
                }
                out.extend_from_slice(&line);
                out.push(b'\n');
                continue;
            }
            match &line[..] {
                _ if self.is_closed => return Err(Missing::AfterArray),
                b"[" => {}
                b"]" | b"[]" => self.is_closed = true,
                entry => {
                    let entry = entry.strip_suffix(b",").unwrap_or(entry);
                    // Its fields and no others: a second `host` would be believed.
                    let entry: Entry = serde_json::from_slice(entry).map_err(|_| Missing::NoList)?;
                    out.extend_from_slice(if std::mem::take(is_empty) { b"[\n" } else { b",\n" });
                    let entry = Entry { host: host.map(str::to_owned), ..entry };
                    serde_json::to_writer(&mut *out, &entry).expect("a Vec takes plain data");
                }
            }
        }
        if self.held.len() > ENTRY_BYTES { Err(Missing::TooLong) } else { Ok(()) }
    }

    /// Checks that the list may end here.
    pub(super) fn end(&self, format: ListFormat) -> Result<(), Missing> {
        if !self.held.is_empty() {
            return Err(Missing::InEntry);
        }
        if format == ListFormat::Json && !self.is_closed { Err(Missing::OpenArray) } else { Ok(()) }
    }
}

/// Whether a line of text is an entry: a size, a time and a name, none of them empty. A secondary
/// leaves out names with control bytes.
fn is_file(line: &[u8]) -> bool {
    let mut columns = 0;
    line.split(|b| *b == b'\t').all(|column| {
        columns += 1;
        !column.is_empty() && !column.iter().any(u8::is_ascii_control)
    }) && columns == 3
}
