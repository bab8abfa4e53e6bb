//! Finds the file of a place, among those of the query.

use super::candidate::{Candidate, LINE_START_BYTES, Likeness};
use super::{Rest, Resumed};
use crate::catalog::{Catalog, LogFile};
use crate::read::admission::Admission;
use crate::read::block::Pool;
use crate::read::{Engine, InodeState, ReadFailure};
use crate::rotated::Rotated;
use crate::rotated::members::Member;
use backscroll_shared::query::FileName;
use backscroll_shared::wire::cursor::{Direction, HEAD_BYTES, Place};
use backscroll_shared::wire::problem::{Code, Problem};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long to wait before the second look: the file may be in the middle of a rotation.
const ROTATION_PAUSE: Duration = Duration::from_millis(100);

/// How long to wait for a permit to read a directory.
const DIRECTORY_WAIT: Duration = Duration::from_secs(10);

/// The most members that are opened because they may be a copy of the file.
const COPIES: usize = 16;

/// Where the file is looked for.
pub(crate) struct Files<'a, E> {
    pub(crate) engine: E,
    pub(crate) catalog: &'a Catalog,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) admission: &'a Arc<Admission>,
    /// The members of the file of the query.
    pub(crate) rotated: &'a Rotated,
    /// Its name.
    pub(crate) name: &'a FileName,
}

/// Finds the file of the place. `named` is the one that has the name now, if there is one.
pub(crate) async fn find<E: Engine>(
    files: &Files<'_, E>,
    named: Option<LogFile>,
    (direction, place): (Direction, &Place),
    reach: u64,
) -> Result<Resumed, Problem> {
    let problem = |failure: ReadFailure| {
        let code = failure.code().for_problem().unwrap_or(Code::IoError);
        Problem::new(code, format!("{}: {failure}: ask again", files.name))
    };
    let too_far = || {
        let mib = LINE_START_BYTES >> 20;
        let detail = format!(
            "the place of the cursor is in a line of {}, more than {mib} MiB after its beginning: ask without the cursor",
            files.name
        );
        Problem::new(Code::CursorGone, detail)
    };
    let mut named = match named {
        Some(log) => Some(files.candidate(log).await.map_err(problem)?),
        None => None,
    };
    for is_second in [false, true] {
        if is_second {
            sleep(ROTATION_PAUSE).await;
            named = match files.catalog.open_file(files.name, None) {
                Ok(log) => Some(files.candidate(log).await.map_err(problem)?),
                Err(_) => None,
            };
        }
        let likeness = match &mut named {
            Some(named) => likeness(named, direction, place).await.map_err(problem)?,
            None => Likeness::None,
        };
        if likeness == Likeness::Same
            && let Some(named) = named
        {
            return named.resume(direction, place, reach).await.map_err(problem)?.ok_or_else(too_far);
        }
        let members = files.members().await?;
        match files.among(&members, direction, place, likeness).await.map_err(problem)? {
            Some(Found::Named) => {
                if let Some(named) = named {
                    return named.resume(direction, place, reach).await.map_err(problem)?.ok_or_else(too_far);
                }
            }
            Some(Found::Member(at, mut member)) => {
                let next = match direction {
                    Direction::Older => None,
                    Direction::Newer => files.next(&members[..at], named).await.map_err(problem)?,
                };
                if next.is_some() {
                    // Once the next file has something, nothing more comes here. What came meanwhile
                    // is there now.
                    let opened = InodeState::of(&member.log.file);
                    member.log.opened =
                        opened.map_err(|source| problem(ReadFailure::Io { offset: 0, source }))?;
                }
                let resumed =
                    member.resume(direction, place, reach).await.map_err(problem)?.ok_or_else(too_far)?;
                return Ok(match next {
                    None => resumed,
                    Some(next) => {
                        let rest = Rest { newer: Some(next), leads_on: true, ..resumed.rest };
                        Resumed { rest, ..resumed }
                    }
                });
            }
            None => {}
        }
    }
    Err(Problem::new(
        Code::CursorGone,
        format!(
            "the place of the cursor is gone: {} has been truncated, replaced, compressed or removed since, and no rotated file beside it has the place: ask without the cursor",
            files.name
        ),
    ))
}

/// A file that is the one of the place.
enum Found<E: Engine> {
    /// The one that has the name now.
    Named,
    /// This one of the members.
    Member(usize, Box<Candidate<E>>),
}

impl<E: Engine> Files<'_, E> {
    async fn candidate(&self, log: LogFile) -> Result<Candidate<E>, ReadFailure> {
        Candidate::open(self.engine, log, self.pool, self.admission).await
    }

    async fn members(&self) -> Result<Vec<Member>, Problem> {
        let overloaded = |_| {
            Problem::new(Code::Overloaded, "too many directories are read at once: try again in a moment")
        };
        let _permit = timeout(DIRECTORY_WAIT, self.admission.walk_permit()).await.map_err(overloaded)?;
        Ok(self.rotated.members(self.engine).await)
    }

    /// Opens a member. None where it is gone, or something else has its name now.
    async fn open(&self, member: &Member) -> Result<Option<Candidate<E>>, ReadFailure> {
        match self.catalog.open_file(&member.name, None) {
            Ok(log) if (log.device, log.inode) == (member.device, member.inode) => {
                self.candidate(log).await.map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The file of the place: the same inode, or else the only one with the same bytes. `named` is what
    /// the file is to the place that has the name now.
    async fn among(
        &self,
        members: &[Member],
        direction: Direction,
        place: &Place,
        named: Likeness,
    ) -> Result<Option<Found<E>>, ReadFailure> {
        let is_same =
            |member: &Member| (member.device, member.inode) == (place.file.device, place.file.inode);
        let may_be = |member: &Member| !member.is_packed && member.size >= place.end;
        for (at, member) in members.iter().enumerate().filter(|(_, member)| is_same(member) && may_be(member))
        {
            let Some(mut candidate) = self.open(member).await? else { continue };
            if likeness(&mut candidate, direction, place).await? == Likeness::Same {
                return Ok(Some(Found::Member(at, Box::new(candidate))));
            }
        }
        let mut copies = Vec::new();
        // The beginning of a short file is the same in the next one of its name.
        if named == Likeness::Content && usize::from(place.file.head_len) == HEAD_BYTES {
            copies.push(Found::Named);
        }
        let others = members.iter().enumerate().filter(|(_, member)| !is_same(member) && may_be(member));
        for (at, member) in others.take(COPIES) {
            self.engine.pause().await;
            let Some(mut candidate) = self.open(member).await? else { continue };
            if likeness(&mut candidate, direction, place).await? == Likeness::Content {
                copies.push(Found::Member(at, Box::new(candidate)));
            }
        }
        // If there are several, it is not known which one it is.
        Ok(if copies.len() == 1 { copies.pop() } else { None })
    }

    /// The beginning of the file that has been written after a member: the oldest of these, which are
    /// newer, or else the one that has the name now. None where nothing has been written to it.
    async fn next(
        &self,
        newer: &[Member],
        named: Option<Candidate<E>>,
    ) -> Result<Option<Place>, ReadFailure> {
        let mut next = None;
        for member in newer.iter().rev().filter(|member| member.size > 0) {
            next = self.open(member).await?;
            if next.is_some() {
                break;
            }
        }
        let next = next.or_else(|| named.filter(|named| named.log.opened.size > 0));
        Ok(next.map(|next| Place::newer(next.head.identity(next.log.device, next.log.inode), 0, None)))
    }
}

/// Whether a file is the one of the place. A file that shrinks meanwhile is another one.
async fn likeness<E: Engine>(
    candidate: &mut Candidate<E>,
    direction: Direction,
    place: &Place,
) -> Result<Likeness, ReadFailure> {
    match candidate.likeness(direction, place).await {
        Err(ReadFailure::Shrunk { .. }) => Ok(Likeness::None),
        found => found,
    }
}
