//! A walk through all log directories, which lets the other tasks of its thread take turns.

use super::Selection;
use super::page::Page;
use crate::catalog::{Catalog, Meaning, exhausted, meaning};
use crate::read::{Engine, TURN};
use backscroll_shared::auth::FileGrants;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::limits;
use backscroll_shared::wire::problem::{Code, Problem};
use rustix::fs::{AtFlags, FileType, RawDir, statat};
use rustix::io::Errno;
use std::sync::Arc;
use std::time::Instant;

/// The most files in one listing.
const FILES: usize = 50_000;
/// The most directory entries in one walk.
const ENTRIES: usize = 1_000_000;
/// The most bytes of names of directories that the walk has yet to visit.
const PENDING_BYTES: usize = 8 << 20;
/// Bytes of directory entries that are read at once: about as many as one turn has time for.
const READ_BYTES: usize = 8 << 10;

/// Directories that the walk has yet to visit.
#[derive(Default)]
struct Pending {
    dirs: Vec<Vec<u8>>,
    bytes: usize,
}

impl Pending {
    fn push(&mut self, dir: Vec<u8>) -> Result<(), Problem> {
        self.bytes += dir.len();
        self.dirs.push(dir);
        if self.bytes <= PENDING_BYTES {
            return Ok(());
        }
        Err(too_many("more directories than their names may take"))
    }

    fn pop(&mut self) -> Option<Vec<u8>> {
        let dir = self.dirs.pop()?;
        self.bytes -= dir.len();
        Some(dir)
    }
}

/// Collects the regular files that a client can ask for and that belong on the page. The walk for
/// the first page also checks that the listing does not have too many files.
pub(super) async fn walk<E: Engine>(
    engine: E,
    catalog: &Catalog,
    glob: Option<&Selection>,
    grants: &FileGrants,
    page: &mut Page,
    exchange: Option<&Arc<Exchange>>,
) -> Result<(), Problem> {
    let unlisted = |errno| unlisted(errno, exchange);
    let is_first = page.is_first();
    let is_worth_it = |page: &Page, dir: &[u8]| {
        (is_first || page.wants_below(dir))
            && glob.is_none_or(|glob| glob.may_match_below(dir))
            && grants.may_see_below(dir)
            && !catalog.excludes_below(dir)
    };
    let mut pending = Pending::default();
    pending.push(Vec::new())?;
    for name in catalog.extra_names() {
        pending.push(name.to_vec())?;
    }
    let mut buffer = Vec::with_capacity(READ_BYTES);
    let (mut entries, mut files) = (0, 0);
    let mut since = Instant::now();
    while let Some(path) = pending.pop() {
        // The page may have become full since the directory was noted.
        if !path.is_empty() && !is_worth_it(page, &path) {
            continue;
        }
        let dir = match catalog.open_dir(&path) {
            Ok(dir) => dir,
            Err(errno) => match catalog.log_dir(&path) {
                // A log directory itself must be readable. A directory below one may be skipped.
                Some(dir) => return Err(dir.unlisted(errno)),
                None if is_no_business_of_ours(errno) => continue,
                None => return Err(unlisted(errno)),
            },
        };
        let mut read = RawDir::new(&dir, buffer.spare_capacity_mut());
        loop {
            // One entry, with its glob, takes some microseconds at most.
            if since.elapsed() >= TURN {
                engine.pause().await;
                since = Instant::now();
            }
            let Some(entry) = read.next() else { break };
            let entry = match entry {
                // The directory was removed while it was read.
                Err(Errno::NOENT) => break,
                entry => entry.map_err(unlisted)?,
            };
            entries += 1;
            if entries > ENTRIES {
                return Err(too_many(&format!("more than {ENTRIES} entries")));
            }
            let name = entry.file_name().to_bytes();
            // The name is hidden, or a client cannot ask for it: see `FileName`.
            if name.starts_with(b".") || name.iter().any(|b| *b < 0x20 || *b == 0x7f) {
                continue;
            }
            let full = if path.is_empty() { name.to_vec() } else { [&path, &b"/"[..], name].concat() };
            // The kernel does not look up a longer path. An extra log directory hides a file or
            // directory of the same name.
            if full.len() >= limits::FILENAME_BYTES || catalog.log_dir(&full).is_some() {
                continue;
            }
            let (mut kind, mut stat) = (entry.file_type(), None);
            if kind == FileType::Unknown || (kind == FileType::RegularFile && page.wants(&full)) {
                let found = match statat(&dir, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => found,
                    Err(errno) if is_no_business_of_ours(errno) => continue,
                    Err(errno) => return Err(unlisted(errno)),
                };
                kind = FileType::from_raw_mode(found.st_mode);
                stat = Some(found);
            }
            match kind {
                FileType::Directory if is_worth_it(page, &full) => pending.push(full)?,
                FileType::RegularFile
                    if glob.is_none_or(|glob| glob.is_match(&full))
                        && grants.sees(&full)
                        && !catalog.is_excluded(&full) =>
                {
                    files += 1;
                    if is_first && files > FILES {
                        return Err(Problem::new(
                            Code::BadParameter,
                            format!(
                                "more than {FILES} files: narrow the listing with glob=, as in glob=nginx/*.log"
                            ),
                        ));
                    }
                    if let Some(stat) = stat.filter(|_| page.wants(&full)) {
                        page.add(&full, &stat);
                    }
                }
                _ => {}
            }
        }
    }
    page.finish();
    Ok(())
}

/// Whether the entry is gone, replaced, or not readable for us: `ls` would leave it out too. After
/// any other error, such as too many open files, the listing must fail and not be shorter.
fn is_no_business_of_ours(errno: Errno) -> bool {
    matches!(meaning(errno), Meaning::NotHere | Meaning::Forbidden)
}

fn too_many(what: &str) -> Problem {
    Problem::new(
        Code::IoError,
        format!(
            "the log directories hold {what}: too many to be listed; /logs still serves each file by its name"
        ),
    )
}

fn unlisted(errno: Errno, exchange: Option<&Arc<Exchange>>) -> Problem {
    tracing::warn!(%errno, request_id = Exchange::logged(exchange), "listing the files failed");
    match meaning(errno) {
        Meaning::Exhausted => exhausted(),
        Meaning::Busy => {
            Problem::new(Code::Overloaded, "the files cannot be listed at this moment: try again")
        }
        _ => Problem::new(
            Code::IoError,
            format!(
                "the files cannot be listed: {errno}: check that the disk works, and that the servers of mounts answer"
            ),
        ),
    }
}
