//! From the cursor of a request to the place where its answer goes on.

use super::access::Viewer;
use super::opening::{Opened, open};
use super::state::RingThread;
use crate::read::Engine;
use crate::resume::{Files, Resumed, find};
use crate::rotated::Rotated;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::{FileName, LogQuery};
use backscroll_shared::scan::{Limits, Search};
use backscroll_shared::wire::problem::{Code, Problem};
use std::sync::Arc;
use std::time::Instant;

/// What is read for a request.
pub(super) enum Reading {
    /// The file of its name.
    Whole(Opened),
    /// What its cursor says.
    Rest {
        resumed: Resumed,
        /// The file's own name, where the request has an alias in place of it.
        real: Option<FileName>,
        at: Instant,
    },
}

/// Opens the file of a request, or finds the place of its cursor.
pub(super) async fn begin<E: Engine>(
    thread: &RingThread<E>,
    viewer: &Viewer,
    query: &LogQuery,
    is_relayed: bool,
    exchange: Option<&Arc<Exchange>>,
) -> Result<Reading, Problem> {
    let opened = open(thread, viewer, &query.filename, is_relayed, exchange).await;
    let Some(cursor) = &query.cursor else { return opened.map(Reading::Whole) };
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
    let resumed = find(&files, named, (cursor.direction, place), reach).await?;
    Ok(Reading::Rest { resumed, real, at: Instant::now() })
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
