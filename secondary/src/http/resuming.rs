//! From the cursor of a request to the place where its answer goes on.

use super::access::Viewer;
use super::opening::{Opened, open};
use super::state::RingThread;
use crate::answer::cursors::Cursors;
use crate::catalog::LogFile;
use crate::read::Engine;
use crate::read::head::Head;
use crate::resume::{Files, Rest, Resumed, find};
use crate::rotated::Rotated;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::range::Instants;
use backscroll_shared::query::{FileName, LogQuery};
use backscroll_shared::scan::{Limits, Search};
use backscroll_shared::wire::cursor::{Direction, FileId};
use backscroll_shared::wire::problem::{Code, Problem};
use std::sync::Arc;
use std::time::Instant;

/// The file that is read for a request.
pub(super) struct Begun {
    pub(super) log: LogFile,
    /// Its own name, where the request has an alias in place of it.
    pub(super) real: Option<FileName>,
    pub(super) at: Instant,
    /// Its first bytes, and what is read of it, where a cursor says that.
    pub(super) rest: Option<(Head, Rest)>,
}

/// Opens the file of a request, or finds the place of its cursor.
pub(super) async fn begin<E: Engine>(
    thread: &RingThread<E>,
    viewer: &Viewer,
    query: &LogQuery,
    is_relayed: bool,
    exchange: Option<&Arc<Exchange>>,
) -> Result<Begun, Problem> {
    let opened = open(thread, viewer, &query.filename, is_relayed, exchange).await;
    let Some(cursor) = &query.cursor else {
        return opened.map(|Opened { log, real, at }| Begun { log, real, at, rest: None });
    };
    let Some(place) = cursor.place("") else {
        return Err(Problem::new(
            Code::BadParameter,
            "cursor has no place on this host: send one from older or newer of a verdict of this host",
        ));
    };
    let (named, real) = match opened {
        Ok(Opened { log, real, .. }) => (Some(log), real),
        // It has been renamed, and there is no new one yet.
        Err(problem) if problem.code() == Code::NotFound && viewer.files.sees(query.filename.as_bytes()) => {
            (None, None)
        }
        Err(problem) => return Err(problem),
    };
    let name = real.as_ref().unwrap_or(&query.filename);
    let rotated = rotated(thread, viewer, name.clone());
    let files = Files {
        engine: thread.engine,
        catalog: &thread.shared.catalog,
        pool: &thread.pool,
        admission: &thread.admission,
        rotated: &rotated,
        name,
    };
    let reach = Search::<&[u8]>::reach(&query.filter, Limits::default());
    let Resumed { log, head, rest } = find(&files, named, (cursor.direction, place), reach).await?;
    Ok(Begun { log, real, at: Instant::now(), rest: Some((head, rest)) })
}

/// What the cursors of an answer are made of.
pub(super) fn cursors(query: &LogQuery, instants: Instants, file: Option<FileId>, rest: &Rest) -> Cursors {
    let Rest { window, settled, end, newer, leads_on, from } = *rest;
    let (query, floor) = (query.digest(), window.start);
    let Instants { since, until } = instants;
    Cursors { query, since, until, file, floor, settled, end, newer, leads_on, from }
}

/// Whether members of the file are older than all that is read, and do not belong to an earlier answer.
pub(super) fn may_have_older(query: &LogQuery, rest: &Rest) -> bool {
    let goes_back = query.cursor.as_ref().is_none_or(|cursor| cursor.direction == Direction::Older);
    goes_back && rest.window.start == 0
}

/// The rotated members of a file, as far as the caller may see them.
pub(super) fn rotated<E: Engine>(thread: &RingThread<E>, viewer: &Viewer, name: FileName) -> Rotated {
    Rotated::new(
        Arc::clone(&thread.shared.catalog),
        Arc::clone(&thread.admission),
        viewer.files.clone(),
        name,
    )
}
