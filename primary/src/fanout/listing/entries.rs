//! The entries of one host's list of files.

use backscroll_shared::auth::FileGrant;
use backscroll_shared::query::pods;
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::problem::Code;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, BytesMut};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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

/// An entry, as a client gets it: with the alias that may lead to the file, which its name tells.
#[derive(Debug, Serialize)]
struct Shown<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<Cow<'e, str>>,
    #[serde(flatten)]
    entry: &'e Entry,
}

impl Entry {
    /// Whether the client may see it. One whose name cannot be read is seen by those alone who may
    /// see all.
    fn is_seen(&self, files: &FileGrant) -> bool {
        match (&self.name, &self.name_base64) {
            (Some(name), None) => files.sees(name.as_bytes()),
            (None, Some(name)) => STANDARD.decode(name).is_ok_and(|name| files.sees(&name)),
            _ => files.field().is_none(),
        }
    }
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
    /// one, and of those `files` alone that the client may see. `is_empty` says whether no entry of any host has been written.
    pub(super) fn write(
        &mut self,
        format: ListFormat,
        host: Option<&str>,
        files: &FileGrant,
        is_empty: &mut bool,
        out: &mut Vec<u8>,
    ) -> Result<(), Missing> {
        while let Some(feed) = memchr::memchr(b'\n', &self.held) {
            let line = self.held.split_to(feed);
            self.held.advance(1);
            if format == ListFormat::Text {
                let name = file(&line).ok_or(Missing::NoList)?;
                if !files.sees(name) {
                    continue;
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
                    if !entry.is_seen(files) {
                        continue;
                    }
                    out.extend_from_slice(if std::mem::take(is_empty) { b"[\n" } else { b",\n" });
                    let entry = Entry { host: host.map(str::to_owned), ..entry };
                    let alias = entry.name.as_ref().and_then(|name| pods::alias(name.as_bytes()));
                    let alias = alias.as_deref().map(String::from_utf8_lossy);
                    let shown = Shown { alias, entry: &entry };
                    serde_json::to_writer(&mut *out, &shown).expect("a Vec takes plain data");
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

/// The name in a line of text, if it is an entry: a size, a time and a name, none of them empty. A
/// secondary leaves out names with control bytes.
fn file(line: &[u8]) -> Option<&[u8]> {
    let mut columns = 0;
    let is_entry = line.split(|b| *b == b'\t').all(|column| {
        columns += 1;
        !column.is_empty() && !column.iter().any(u8::is_ascii_control)
    });
    line.rsplit(|b| *b == b'\t').next().filter(|_| is_entry && columns == 3)
}
