//! `GET /files`: what `ls` would say of the log directory, the extra ones in it.

use crate::catalog::{Catalog, Meaning, exhausted, meaning};
use crate::read::Engine;
use crate::routes::Reply;
use crate::serve::{AnswerBody, RingThread};
use backscroll_shared::limits;
use backscroll_shared::query::{Pair, pairs, quoted, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use base64::Engine as _;
use bytes::Bytes;
use futures_util::stream;
use globset::{GlobBuilder, GlobMatcher};
use http::{HeaderValue, Request, Response, header};
use http_body::Frame;
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;

/// Files in one listing.
const FILES: usize = 50_000;
/// Bytes of all names in one listing: they are held until the client has them.
const NAME_BYTES: usize = 8 << 20;
/// Entries looked at for one listing.
const ENTRIES: usize = 1_000_000;
/// Directories below directories.
const DEPTH: usize = 32;
/// Entries between two pauses: about 100 µs where the names are cached.
const TURN: usize = 64;

struct Entry {
    name: Vec<u8>,
    size: u64,
    modified: Timestamp,
}

pub(crate) async fn files<E: Engine, B>(thread: &Rc<RingThread<E>>, request: &Request<B>) -> Reply {
    let mut glob = None;
    for Pair { name, value } in pairs(request.uri().query().unwrap_or(""))? {
        if name != b"glob" {
            return Err(unknown_parameter(&name, &["glob"]));
        }
        if glob.replace(matcher(&value)?).is_some() {
            return Err(Problem::new(Code::BadParameter, "glob is given twice: give it once"));
        }
    }
    accept::check_range(request.headers())?;
    let format = accept::list_format(request.headers())?;
    let place = thread
        .admission
        .try_listing()
        .ok_or_else(|| Problem::new(Code::Overloaded, "too many listings at once: try again in a moment"))?;
    let catalog = &thread.host.catalog;
    let before = catalog.current()?;
    // A primary takes an empty listing for knowledge.
    if request.headers().contains_key(headers::RELAY)
        && let Some(problem) = catalog.unknown_listing()
    {
        return Err(problem);
    }
    let mut found = walk(thread.engine, catalog, glob.as_ref()).await?;
    // If a directory was removed during the walk, the walk ended early and without an error. If
    // one was replaced, the names that were found may come from two directories.
    let after = catalog.current()?;
    if !before.iter().zip(&after).all(|(before, after)| Arc::ptr_eq(before, after)) {
        return Err(Problem::new(
            Code::IoError,
            "a log directory was replaced while the files were listed: ask again",
        ));
    }
    found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let content_type = match format {
        ListFormat::Text => "text/plain; charset=utf-8",
        ListFormat::Json => "application/json",
    };
    let frames = stream::unfold(
        Listing { found: found.into_iter(), format, state: State::Start, _place: place },
        |mut listing| async move { listing.next_frame().map(|bytes| (Ok(Frame::data(bytes)), listing)) },
    );
    let mut response = Response::new(AnswerBody::Frames(Box::pin(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::hardened(response.headers_mut());
    Ok(response)
}

fn matcher(pattern: &[u8]) -> Result<GlobMatcher, Problem> {
    let refuse =
        |why: String| Problem::new(Code::BadParameter, format!("glob is {}: {why}", quoted(pattern)));
    let text = std::str::from_utf8(pattern).map_err(|_| refuse("it is not UTF-8".to_owned()))?;
    GlobBuilder::new(text)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| refuse(format!("{}; * matches within a part, ** across parts", error.kind())))
}

/// Every regular file that can be asked for, unsorted.
async fn walk<E: Engine>(
    engine: E,
    catalog: &Catalog,
    glob: Option<&GlobMatcher>,
) -> Result<Vec<Entry>, Problem> {
    let mut found = Vec::new();
    let mut seen = 0;
    let mut name_bytes = 0;
    let extra = catalog.extra_names().map(|name| (name.to_vec(), 1));
    let mut pending: Vec<(Vec<u8>, usize)> = std::iter::once((Vec::new(), 0)).chain(extra).collect();
    while let Some((path, depth)) = pending.pop() {
        let dir = match catalog.open_dir(&path).and_then(|fd| Ok((Dir::read_from(&fd)?, fd))) {
            Ok(dir) => dir,
            Err(errno) => match catalog.log_dir(&path) {
                // It is another matter than one below it.
                Some(dir) => return Err(dir.unlisted(errno)),
                None if is_no_business_of_ours(errno) => continue,
                None => return Err(unlisted(errno)),
            },
        };
        let (entries, fd) = dir;
        for entry in entries {
            let entry = entry.map_err(unlisted)?;
            seen += 1;
            if seen % TURN == 0 {
                engine.pause().await;
            }
            if seen > ENTRIES {
                return Err(Problem::new(
                    Code::IoError,
                    format!(
                        "the log directories hold more than {ENTRIES} entries: too many to be listed; /logs still serves each by its name"
                    ),
                ));
            }
            if found.len() >= FILES || name_bytes >= NAME_BYTES {
                return Err(Problem::new(
                    Code::BadParameter,
                    format!(
                        "more than {FILES} files, or their names are too long: narrow the listing with glob=, as in glob=nginx/*.log"
                    ),
                ));
            }
            let name = entry.file_name().to_bytes();
            // Hidden, or not to be asked for: see `FileName`.
            if name.starts_with(b".") || name.iter().any(|b| *b < 0x20 || *b == 0x7f) {
                continue;
            }
            let full = if path.is_empty() { name.to_vec() } else { [&path, &b"/"[..], name].concat() };
            // An extra directory stands in its place.
            if catalog.log_dir(&full).is_some() {
                continue;
            }
            let stat = match statat(&fd, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(errno) if is_no_business_of_ours(errno) => continue,
                Err(errno) => return Err(unlisted(errno)),
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if depth < DEPTH => pending.push((full, depth + 1)),
                FileType::RegularFile if glob.is_none_or(|glob| glob.is_match(OsStr::from_bytes(&full))) => {
                    name_bytes += full.len();
                    found.push(Entry {
                        name: full,
                        size: u64::try_from(stat.st_size).unwrap_or(0),
                        modified: Timestamp::from_second(stat.st_mtime).unwrap_or(Timestamp::UNIX_EPOCH),
                    });
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Gone, replaced, or not ours to read: `ls` would leave it out too. Anything else, such as
/// too many open files, must not make a listing shorter than it is.
fn is_no_business_of_ours(errno: Errno) -> bool {
    matches!(meaning(errno), Meaning::NotHere | Meaning::Forbidden)
}

fn unlisted(errno: Errno) -> Problem {
    tracing::warn!(%errno, "listing the files failed");
    match meaning(errno) {
        Meaning::Exhausted => exhausted(),
        Meaning::Busy => {
            Problem::new(Code::Overloaded, "the files cannot be listed at this moment: try again")
        }
        _ => Problem::new(
            Code::IoError,
            format!(
                "the files cannot be listed: {errno}: look whether the disk works, and whether the servers of mounts are there"
            ),
        ),
    }
}

/// A listing on its way out, a frame at a time.
struct Listing {
    found: std::vec::IntoIter<Entry>,
    format: ListFormat,
    state: State,
    _place: OwnedSemaphorePermit,
}

#[derive(PartialEq)]
enum State {
    Start,
    Entries,
    Over,
}

impl Listing {
    fn next_frame(&mut self) -> Option<Bytes> {
        if self.state == State::Over {
            return None;
        }
        let mut out = Vec::new();
        while out.len() < limits::FRAME_BYTES {
            let Some(entry) = self.found.next() else {
                if self.format == ListFormat::Json {
                    out.extend_from_slice(if self.state == State::Start { b"[]\n" } else { b"\n]\n" });
                }
                self.state = State::Over;
                break;
            };
            match self.format {
                ListFormat::Text => entry.write_text(&mut out),
                ListFormat::Json => {
                    out.extend_from_slice(if self.state == State::Start { b"[\n" } else { b",\n" });
                    entry.write_json(&mut out);
                }
            }
            self.state = State::Entries;
        }
        Some(Bytes::from(out)).filter(|bytes| !bytes.is_empty())
    }
}

impl Entry {
    fn write_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}\t{}\t", self.size, self.modified).as_bytes());
        out.extend_from_slice(&self.name);
        out.push(b'\n');
    }

    fn write_json(&self, out: &mut Vec<u8>) {
        let (key, name) = match std::str::from_utf8(&self.name) {
            Ok(name) => ("name", name.to_owned()),
            Err(_) => ("name_base64", base64::engine::general_purpose::STANDARD.encode(&self.name)),
        };
        let object =
            serde_json::json!({ key: name, "size": self.size, "modified": self.modified.to_string() });
        out.extend_from_slice(object.to_string().as_bytes());
    }
}
