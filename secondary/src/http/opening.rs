//! From the name in a request to an open file.

use super::access::Viewer;
use super::state::RingThread;
use crate::catalog::LogFile;
use crate::listing::WALK_WAIT;
use crate::pods::{self, Found};
use crate::read::Engine;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::FileName;
use backscroll_shared::query::pods::Alias;
use backscroll_shared::wire::problem::{Code, Problem};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// How long to wait before one looks again for a log that is being rotated. Kubelet renames it, and
/// then has the container runtime make it anew.
const ROTATION_PAUSE: Duration = Duration::from_millis(100);

/// A file that was asked for.
pub(super) struct Opened {
    pub(super) log: LogFile,
    /// Its own name, where the request has an alias in place of it.
    pub(super) real: Option<FileName>,
    pub(super) at: Instant,
}

/// Opens the file that a request asks for, if the caller may see it.
pub(super) async fn open<E: Engine>(
    thread: &RingThread<E>,
    viewer: &Viewer,
    name: &FileName,
    is_relayed: bool,
    exchange: Option<&Arc<Exchange>>,
) -> Result<Opened, Problem> {
    let catalog = &thread.shared.catalog;
    let began = Instant::now();
    let is_visible = viewer.files.sees(name.as_bytes());
    // A file that the caller may not see does not exist for it.
    let opened = if is_visible { catalog.open_file(name, exchange) } else { Err(name.not_found()) };
    let alias = Alias::parse(name.as_bytes()).filter(|alias| viewer.files.may_see_by(alias));
    let opened = match (opened, &alias) {
        (Err(problem), Some(alias)) if problem.code() == Code::NotFound => {
            follow(thread, viewer, alias, problem, exchange).await
        }
        (opened, _) => opened.map(|log| (log, None)),
    };
    let at = Instant::now();
    if let Some(exchange) = exchange {
        exchange.note(|noted| {
            if exchange.trace.is_recorded {
                noted.steps.open = Some((began, at));
            }
            if let Ok((_, Some(real))) = &opened {
                noted.real_filename = Some(real.as_bytes().to_vec());
            }
        });
    }
    let (log, real) = opened.map_err(|problem| {
        // To a primary, "not found" means that this host has no such file, and the fleet's answer
        // is complete without it. So if the log directory is empty or cannot be read, the primary
        // gets that error: a mount may be missing.
        let may_exist = is_visible || alias.is_some();
        let is_known = !may_exist || !is_relayed || problem.code() != Code::NotFound;
        (!is_known).then(|| catalog.unknown(name)).flatten().unwrap_or(problem)
    })?;
    Ok(Opened { log, real, at })
}

/// Opens the file to which an alias leads. `absent` is what is said where there is none.
async fn follow<E: Engine>(
    thread: &RingThread<E>,
    viewer: &Viewer,
    alias: &Alias<'_>,
    absent: Problem,
    exchange: Option<&Arc<Exchange>>,
) -> Result<(LogFile, Option<FileName>), Problem> {
    let catalog = &thread.shared.catalog;
    for is_second in [false, true] {
        if is_second {
            sleep(ROTATION_PAUSE).await;
        }
        let overloaded = |_| {
            Problem::new(Code::Overloaded, "too many directories are read at once: try again in a moment")
        };
        let permit = timeout(WALK_WAIT, thread.admission.walk_permit()).await.map_err(overloaded)?;
        let found = pods::resolve(thread.engine, catalog, alias, &viewer.files).await?;
        drop(permit);
        match found {
            Found::Nothing => return Err(absent),
            Found::Rotated => {}
            Found::File(real) => match catalog.open_file(&real, exchange) {
                // It was removed or rotated meanwhile. One that is there twice and cannot be opened is no
                // regular file.
                Err(problem) if problem.code() == Code::NotFound && !is_second => {}
                opened => return opened.map(|log| (log, Some(real))),
            },
        }
    }
    // To a primary, "not found" would mean that this host has no such log.
    Err(Problem::new(
        Code::Overloaded,
        "a log of this container is being rotated: ask again, or ask for a file that GET /files lists",
    ))
}
