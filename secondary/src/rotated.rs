//! Looks whether rotated members of a log lie next to it, whose lines an answer does not have. Until
//! they are read as one log, the verdict says so.
//!
//! It is done once, at the end of an answer that has read its file to the beginning and wanted more:
//! one that has found its `n` records has asked for nothing that the members have. A look that fails
//! says nothing: it is no part of the answer.

pub(crate) mod members;
mod names;

use crate::catalog::{Catalog, entries};
use crate::read::Engine;
use crate::read::admission::Admission;
use backscroll_shared::auth::FileGrants;
use backscroll_shared::query::{FileName, as_parameter};
use backscroll_shared::wire::notice::{DETAIL_BYTES, Notice};
use names::Names;
use rustix::fs::{AtFlags, FileType, statat};
use std::cmp::Reverse;
use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// The most members that are counted. Programs that keep more are rare, and the count then says at
/// least so many.
const MEMBERS: usize = 1_000;

/// The most members of which it is looked when they were written.
const STATS: usize = 64;

/// Members that the notice names.
const NAMED: usize = 2;

/// Where the rotated members of a file would lie, and who wants to know.
#[derive(Debug)]
pub struct Rotated {
    catalog: Arc<Catalog>,
    admission: Arc<Admission>,
    /// The files that the client may see.
    files: FileGrants,
    /// The file that is read.
    name: FileName,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    count: usize,
    /// Whether there may be more.
    is_open: bool,
    /// The names of the newest ones in their directory, as far as they are known.
    newest: Vec<Vec<u8>>,
}

impl Rotated {
    /// The members of this file, as far as the client may see them.
    pub fn new(
        catalog: Arc<Catalog>,
        admission: Arc<Admission>,
        files: FileGrants,
        name: FileName,
    ) -> Rotated {
        Rotated { catalog, admission, files, name }
    }

    /// The directory of the file, and its name there.
    fn place(&self) -> (&[u8], &[u8]) {
        let name = self.name.as_bytes();
        let slash = memchr::memrchr(b'/', name);
        slash.map_or((&b""[..], name), |at| (&name[..at], &name[at + 1..]))
    }

    /// Looks for members. None also where too many other directories are read.
    pub(crate) async fn look<E: Engine>(&self, engine: E) -> Option<Notice> {
        let _permit = self.admission.try_walk_permit()?;
        let (dir, _) = self.place();
        let Listed { fd, names, members, is_open } = self.list(engine).await?;
        let written = |name: &[u8]| {
            let stat = statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
            Some(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec))
        };
        notice(dir, &found(&names, &members, is_open, written))
    }

    /// The members that exist for the client. None where the directory cannot be read.
    async fn list<E: Engine>(&self, engine: E) -> Option<Listed<'_>> {
        let (dir, file) = self.place();
        let names = Names::of(file);
        let fd = self.catalog.open_dir(dir).ok()?;
        let mut members: HashSet<Vec<u8>> = HashSet::new();
        let mut is_full = false;
        let all = entries(engine, &fd, |name, kind| {
            let name = name.to_bytes();
            if is_full || kind != FileType::RegularFile || !names.has(name) {
                return Ok(());
            }
            let full = full(dir, name);
            let exists = self.files.sees(&full)
                && !self.catalog.is_excluded(&full)
                && self.catalog.log_dir(&full).is_none();
            is_full = exists && members.len() == MEMBERS;
            if exists && !is_full {
                members.insert(name.to_vec());
            }
            Ok(())
        });
        let is_open = !all.await.ok()? || is_full;
        Some(Listed { fd, names, members, is_open })
    }
}

/// The names of a file's members.
struct Listed<'f> {
    /// Their directory.
    fd: OwnedFd,
    names: Names<'f>,
    members: HashSet<Vec<u8>>,
    /// Whether there may be more.
    is_open: bool,
}

/// Which members there are. `written` says when one was written last.
fn found(
    names: &Names<'_>,
    all: &HashSet<Vec<u8>>,
    is_open: bool,
    written: impl Fn(&[u8]) -> Option<i128>,
) -> Found {
    let mut members: Vec<&Vec<u8>> = all.iter().filter(|name| is_kept(name, all)).collect();
    let count = members.len();
    let mut newest = Vec::new();
    // Of a part of them it is not known which are the newest.
    if !is_open {
        if count > STATS {
            members.sort_by_cached_key(|name| names.age(name));
            members.truncate(STATS);
        }
        let dated = members.into_iter().filter_map(|name| Some((Reverse(written(name)?), name)));
        let mut dated: Vec<_> = dated.collect();
        dated.sort_unstable();
        newest.extend(dated.into_iter().take(NAMED).map(|(_, name)| name.clone()));
    }
    Found { count, is_open, newest }
}

/// Whether a member is not the same as another one. While a program compresses one, it has two names
/// for a moment: the plain one can be asked for.
fn is_kept(name: &[u8], all: &HashSet<Vec<u8>>) -> bool {
    let unpacked = names::unpacked(name);
    unpacked == name || !all.contains(unpacked)
}

fn full(dir: &[u8], name: &[u8]) -> Vec<u8> {
    if dir.is_empty() { name.to_vec() } else { [dir, b"/", name].concat() }
}

/// What is said of these members.
fn notice(dir: &[u8], Found { count, is_open, newest }: &Found) -> Option<Notice> {
    let asked: Vec<String> =
        newest.iter().map(|name| format!("filename={}", as_parameter(&full(dir, name)))).collect();
    let lie = "of this log lie next to it and were not read";
    let (rest, are) = match (count, is_open) {
        (0, _) => return None,
        (_, true) => ("", format!("at least {count} rotated files {lie}")),
        (1, false) => ("", "a rotated file of this log lies next to it and was not read".to_owned()),
        (2, false) => ("", format!("2 rotated files {lie}")),
        _ => (" for the newest", format!("{count} rotated files {lie}")),
    };
    let is_packed = newest.iter().any(|name| names::unpacked(name) != &name[..]);
    let unpack = if is_packed { "; a compressed one has to be unpacked first" } else { "" };
    let detail = format!("{are}: ask{rest} with {}{unpack}", asked.join(" and "));
    let named = !asked.is_empty() && detail.len() <= DETAIL_BYTES;
    let detail = if named { detail } else { format!("{are}: GET /files lists them") };
    Some(Notice { code: Notice::ROTATED_MEMBERS, count: *count as u64, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str], is_open: bool) -> Option<(u64, String)> {
        let all: HashSet<Vec<u8>> = names.iter().map(|name| name.as_bytes().to_vec()).collect();
        let age = |name: &[u8]| names.iter().position(|known| known.as_bytes() == name);
        let found = found(&Names::of(b"x.log"), &all, is_open, |name| Some(-(age(name)? as i128)));
        notice(b"a b", &found).map(|notice| (notice.count, notice.detail))
    }

    #[test]
    fn the_notice_names_the_two_newest_members() {
        assert_eq!(said(&[], false), None);
        let (count, text) = said(&["x.log.1"], false).unwrap();
        assert_eq!(
            (count, &*text),
            (
                1,
                "a rotated file of this log lies next to it and was not read: ask with filename=a%20b/x.log.1"
            )
        );
        let (count, text) = said(&["x.log.1", "x.log.2.gz", "x.log.1.gz", "x.log.3.gz"], false).unwrap();
        assert_eq!(count, 3, "one of them has two names");
        let end = "ask for the newest with filename=a%20b/x.log.1 and filename=a%20b/x.log.2.gz; a compressed one has to be unpacked first";
        assert!(text.starts_with("3 rotated files") && text.ends_with(end), "{text}");
    }

    #[test]
    fn a_listing_that_is_not_whole_says_at_least_and_names_none() {
        assert_eq!(said(&[], true), None);
        let (count, text) = said(&["x.log.1", "x.log.2"], true).unwrap();
        assert_eq!(count, 2);
        assert_eq!(
            text,
            "at least 2 rotated files of this log lie next to it and were not read: GET /files lists them"
        );
    }

    #[test]
    fn names_that_are_too_long_for_a_notice_are_left_out() {
        let dir = vec![b' '; DETAIL_BYTES];
        let found = Found { count: 1, is_open: false, newest: vec![b"x.log.1".to_vec()] };
        let detail = notice(&dir, &found).unwrap().detail;
        assert!(detail.len() <= DETAIL_BYTES && detail.ends_with(": GET /files lists them"), "{detail}");
    }

    #[test]
    fn of_many_members_few_are_looked_at_and_the_newest_are_among_them() {
        for dated in [false, true] {
            let name = |age: usize| {
                if dated {
                    let day = 300 - age;
                    format!("x.log-2026{:02}{:02}.gz", 1 + day / 28, 1 + day % 28)
                } else {
                    format!("x.log.{}", age + 1)
                }
            };
            let names: Vec<String> = (0..300).map(name).collect();
            let looked = std::cell::Cell::new(0);
            let all: HashSet<Vec<u8>> = names.iter().map(|name| name.clone().into_bytes()).collect();
            let found = found(&Names::of(b"x.log"), &all, false, |name| {
                looked.set(looked.get() + 1);
                Some(-(names.iter().position(|known| known.as_bytes() == name)? as i128))
            });
            assert_eq!(found.newest[0], names[0].as_bytes());
            assert!(looked.get() <= STATS, "{}", looked.get());
        }
    }
}
