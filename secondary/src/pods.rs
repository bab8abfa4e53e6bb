//! From the alias of a pod's log to the file: `pods/NAMESPACE/POD/CONTAINER` is the newest log of that
//! container (`shared/src/query/pods.rs` says how the names are made).
//!
//! - **Of several logs of a container** the one with the highest number is the newest: kubelet
//!   counts on from the highest number that it finds in the directory, also after a reboot
//!   (`calcRestartCountByLogDir` in its `kuberuntime_container.go`). As there, `N.log.…` counts as
//!   well: while kubelet rotates `N.log`, that file is not there for a moment, and the log of the run
//!   before must not take its place.
//! - **Of several pods of that name**, as a `StatefulSet` leaves them that has made its pod anew, the
//!   newest is the one whose newest log was written last. Kubernetes makes a pod of the same name only
//!   once the other one is gone, so nothing writes to the old logs. The time of a directory would not
//!   do: kubelet removes old logs, which changes the directory of the old pod.
//!
//! The answer is the one of a host on which files that the caller may not see do not exist.

use crate::catalog::{Catalog, ENTRIES, Meaning, entries, exhausted, meaning};
use crate::read::Engine;
use backscroll_shared::auth::FileGrants;
use backscroll_shared::query::FileName;
use backscroll_shared::query::pods::{Alias, BEGINNING, number};
use backscroll_shared::text::quoted;
use backscroll_shared::wire::problem::{Code, Problem};
use rustix::fs::{AtFlags, FileType, fstat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// The most directories of one pod's name that are looked at. Usually there is one.
const PODS: usize = 64;

/// The newest log of one container of one pod.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Newest {
    /// When it was written last, in nanoseconds since 1970.
    written: i128,
    /// The directory of the container: of two that were written at the same time, one is chosen.
    dir: Vec<u8>,
    /// The file that is asked for, if it is there.
    file: Option<Vec<u8>>,
}

/// Where an alias leads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// To nothing.
    Nothing,
    /// To a log that is not there, although files were made of it: it is being rotated.
    Rotated,
    /// To this file.
    File(FileName),
}

/// Finds the file to which an alias leads, among those that exist for the caller.
pub(crate) async fn resolve<E: Engine>(
    engine: E,
    catalog: &Catalog,
    alias: &Alias<'_>,
    files: &FileGrants,
) -> Result<Found, Problem> {
    let root = &BEGINNING[..BEGINNING.len() - 1];
    catalog.refresh(root)?;
    let Some(pods) = open(catalog, root)? else { return Ok(Found::Nothing) };
    let mut dirs: Vec<Vec<u8>> = Vec::new();
    let all = entries(engine, &pods, |name, kind| {
        let pod = [BEGINNING, name.to_bytes()].concat();
        if kind == FileType::Directory && alias.is_dir(&pod) && dirs.len() <= PODS {
            let dir = [&pod, &b"/"[..], alias.container].concat();
            // Others do not exist for the caller, and are not counted.
            if files.may_see_below(&dir) && !catalog.excludes_below(&dir) {
                dirs.push(dir);
            }
        }
        Ok(())
    });
    if !all.await.map_err(|errno| unlisted(root, errno))? || dirs.len() > PODS {
        return Err(too_many(root));
    }
    drop(pods);
    let mut newest: Option<Newest> = None;
    for dir in dirs {
        newest = newest.max(newest_in(engine, catalog, alias, files, dir).await?);
    }
    let Some(Newest { dir, file, .. }) = newest else { return Ok(Found::Nothing) };
    Ok(match file {
        // A path that is too long for a request is one that nobody can ask for.
        Some(file) => FileName::parse([&dir, &b"/"[..], &file].concat()).map_or(Found::Nothing, Found::File),
        // Kubelet rotates the log of a container that runs, and that is the newest one.
        None if alias.is_previous => Found::Nothing,
        None => Found::Rotated,
    })
}

/// The newest log in the directory of a container.
async fn newest_in<E: Engine>(
    engine: E,
    catalog: &Catalog,
    alias: &Alias<'_>,
    files: &FileGrants,
    dir: Vec<u8>,
) -> Result<Option<Newest>, Problem> {
    let Some(fd) = open(catalog, &dir)? else { return Ok(None) };
    // The highest number and the next one, each with whether its file is there.
    let mut runs: [Option<(u64, bool)>; 2] = [None; 2];
    let all = entries(engine, &fd, |name, kind| {
        let name = name.to_bytes();
        let end = memchr::memmem::find(name, b".log").map_or(0, |at| at + b".log".len());
        let (log, rest) = name.split_at(end);
        let Some(number) = number(log).filter(|_| rest.is_empty() || rest.starts_with(b".")) else {
            return Ok(());
        };
        // As if the log were there that it was made of.
        let of = [&dir, &b"/"[..], log].concat();
        if kind != FileType::Directory && files.sees(&of) && !catalog.is_excluded(&of) {
            // Docker's are symlinks, which are not followed. That is said when one is opened.
            count(&mut runs, number, rest.is_empty());
        }
        Ok(())
    });
    if !all.await.map_err(|errno| unlisted(&dir, errno))? {
        return Err(too_many(&dir));
    }
    let log = |(number, is_there): (u64, bool)| is_there.then(|| format!("{number}.log").into_bytes());
    let Some(first) = runs[0] else { return Ok(None) };
    let written = written(&fd, log(first).as_deref()).map_err(|errno| unlisted(&dir, errno))?;
    let file = if alias.is_previous { runs[1].and_then(log) } else { log(first) };
    Ok(Some(Newest { written, dir, file }))
}

/// Counts a log of the run with this number.
fn count(runs: &mut [Option<(u64, bool)>; 2], number: u64, is_there: bool) {
    let [first, second] = runs;
    for run in [&mut *first, &mut *second] {
        if let Some((_, known)) = run.as_mut().filter(|(known, _)| *known == number) {
            *known |= is_there;
            return;
        }
    }
    let new = Some((number, is_there));
    if first.is_none_or(|(first, _)| first < number) {
        *second = first.replace((number, is_there));
    } else if second.is_none_or(|(second, _)| second < number) {
        *second = new;
    }
}

/// When a log was written last. While it is being rotated, when its directory was changed.
fn written(dir: &OwnedFd, log: Option<&[u8]>) -> Result<i128, Errno> {
    let of_log = match log.map(|log| statat(dir, log, AtFlags::SYMLINK_NOFOLLOW)) {
        Some(Err(errno)) if meaning(errno) == Meaning::NotHere => None,
        Some(stat) => Some(stat?),
        None => None,
    };
    let stat = of_log.map_or_else(|| fstat(dir), Ok)?;
    Ok(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec))
}

/// Opens a directory; None if there is none of that name.
fn open(catalog: &Catalog, dir: &[u8]) -> Result<Option<OwnedFd>, Problem> {
    match catalog.open_dir(dir) {
        Ok(fd) => Ok(Some(fd)),
        Err(errno) if meaning(errno) == Meaning::NotHere => Ok(None),
        Err(errno) => Err(unlisted(dir, errno)),
    }
}

fn unlisted(dir: &[u8], errno: Errno) -> Problem {
    let dir = quoted(dir);
    match meaning(errno) {
        Meaning::Exhausted => exhausted(),
        Meaning::Busy => {
            Problem::new(Code::Overloaded, format!("{dir} cannot be listed at this moment: try again"))
        }
        Meaning::Forbidden => Problem::new(
            Code::Forbidden,
            format!(
                "the secondary's own user may not list {dir}, in which the pod's log would be found: give it read and search permission on that directory"
            ),
        ),
        Meaning::NotHere | Meaning::Failed => Problem::new(
            Code::IoError,
            format!(
                "{dir} cannot be listed: {errno}: check that its disk works, and that the servers of mounts answer"
            ),
        ),
    }
}

fn too_many(dir: &[u8]) -> Problem {
    Problem::new(
        Code::IoError,
        format!(
            "{} holds more than {ENTRIES} entries, or {PODS} pods of that name: ask for the log by the name that GET /files lists",
            quoted(dir)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn the_two_highest_numbers_are_kept(counted in prop::collection::vec((0..6_u64, any::<bool>()), 0..12)) {
            let mut runs = [None; 2];
            let mut all: BTreeMap<u64, bool> = BTreeMap::new();
            for (number, is_there) in counted {
                count(&mut runs, number, is_there);
                *all.entry(number).or_default() |= is_there;
            }
            let mut expected = all.into_iter().rev();
            // Of a number below the two highest it is not kept whether its file was there, so the
            // oracle compares numbers of those that had to give way.
            prop_assert_eq!(runs[0].map(|run| run.0), expected.next().map(|run| run.0));
            prop_assert_eq!(runs[1].map(|run| run.0), expected.next().map(|run| run.0));
        }
    }
}
