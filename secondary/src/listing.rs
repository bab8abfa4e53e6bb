//! The answer of `GET /files`: what `ls` would say of the log directory, the extra ones in it.
//!
//! A listing is made page by page, each by a walk of its own, and sent chunk by chunk. Its first
//! page is made before the answer begins, so that what is wrong is a status. What is left of a
//! page is kept for a client that keeps up, as far as there is room; for a slow one it is dropped
//! and made again. So a client that does not read holds a name, and keeps nobody from anything.
//!
//! A listing of several pages is no picture of one moment, as no walk through directories is:
//! each file that stays under its name is in it, once.

mod page;
mod walk;

use crate::answer::chunks::Chunks;
use crate::answer::{Context, Cut, PATIENCE};
use crate::catalog::{Catalog, Held};
use crate::read::Engine;
use crate::read::admission::Admission;
use backscroll_shared::query::glob::{self, Glob};
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use http_body::Frame;
use page::Page;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long the first walk of a listing may have to wait for those of others. Later ones wait as
/// long as their client does: a listing that has begun is not to end before it is whole.
const WALK_WAIT: Duration = Duration::from_secs(10);

/// A glob that files are listed by.
pub(crate) fn parse_glob(pattern: &[u8]) -> Result<Glob, Problem> {
    Glob::parse(pattern).map_err(|error| {
        let why = glob::refusal("glob", pattern, &error);
        Problem::new(Code::BadParameter, format!("{why}; * matches within a part, ** across parts"))
    })
}

/// A listing on its way out, a chunk at a time.
pub(crate) struct Listing<E> {
    engine: E,
    admission: Arc<Admission>,
    chunks: Chunks,
    catalog: Arc<Catalog>,
    /// As it was given: what it is made into has a size that matters where clients are many.
    glob: Option<Vec<u8>>,
    format: ListFormat,
    /// The directories as they were when it began.
    dirs: Vec<Arc<Held>>,
    /// The name that was written last.
    last: Vec<u8>,
    /// What is left of the last page, unless it was dropped.
    page: Option<Page>,
    /// A permit to keep the page while its client reads.
    permit: Option<OwnedSemaphorePermit>,
    state: State,
    /// When the last chunk was handed out.
    handed_out: Option<Instant>,
    delivered: u64,
}

#[derive(PartialEq)]
enum State {
    Start,
    Entries,
    Over,
}

impl<E: Engine> Listing<E> {
    /// A listing of all files, or of those that `glob` matches.
    pub(crate) fn new(
        context: Context<E>,
        catalog: Arc<Catalog>,
        glob: Option<Vec<u8>>,
        format: ListFormat,
    ) -> Result<Listing<E>, Problem> {
        let Context { engine, admission, chunks, .. } = context;
        let dirs = catalog.current()?;
        Ok(Listing {
            engine,
            admission,
            chunks,
            catalog,
            glob,
            format,
            dirs,
            last: Vec::new(),
            page: None,
            permit: None,
            state: State::Start,
            handed_out: None,
            delivered: 0,
        })
    }

    /// Makes its first page, so that what is wrong is told by a status.
    pub(crate) async fn begin(&mut self) -> Result<(), Problem> {
        self.turn_page().await
    }

    /// Makes the page of the names after the last one.
    async fn turn_page(&mut self) -> Result<(), Problem> {
        let overloaded =
            |_| Problem::new(Code::Overloaded, "too many listings at once: try again in a moment");
        let _permit = match self.state {
            State::Start => timeout(WALK_WAIT, self.admission.walk()).await.map_err(overloaded)?,
            State::Entries | State::Over => self.admission.walk().await,
        };
        let glob = self.glob.as_deref().map(parse_glob).transpose()?;
        let mut page = Page::after(&self.last);
        walk::walk(self.engine, &self.catalog, glob.as_ref(), &mut page).await?;
        // If a directory was removed during the walk, the walk ended early and without an error. If
        // one was replaced, the names that were found may come from two directories.
        let now = self.catalog.current()?;
        if !self.dirs.iter().zip(&now).all(|(before, now)| Arc::ptr_eq(before, now)) {
            return Err(Problem::new(
                Code::IoError,
                "a log directory was replaced while the files were listed: ask again",
            ));
        }
        self.page = Some(page);
        Ok(())
    }

    /// The next frame of the body. May be dropped and called again, though what it has written
    /// is lost then: so is the connection.
    pub(crate) async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Cut>> {
        let keeps_up = self.handed_out.is_some_and(|at| at.elapsed() < PATIENCE);
        let full = self.chunks.target(self.delivered, keeps_up);
        let mut chunk = Vec::new();
        while self.state != State::Over && chunk.len() < full {
            let Some(page) = &mut self.page else {
                if !chunk.is_empty() {
                    break;
                }
                if let Err(problem) = self.turn_page().await {
                    tracing::warn!(detail = problem.detail(), "a listing is incomplete");
                    self.state = State::Over;
                    return Some(Err(Cut(problem.detail().to_owned())));
                }
                continue;
            };
            self.chunks.make_room(&mut chunk, full);
            let begun = chunk.len();
            if self.format == ListFormat::Json {
                chunk.extend_from_slice(if self.state == State::Start { b"[\n" } else { b",\n" });
            }
            if let Some(name) = page.write_next(self.format, &mut chunk) {
                self.last.clear();
                self.last.extend_from_slice(name);
                self.state = State::Entries;
                continue;
            }
            chunk.truncate(begun);
            if !page.is_last() {
                self.page = None;
                continue;
            }
            if self.format == ListFormat::Json {
                chunk.extend_from_slice(if self.state == State::Start { b"[]\n" } else { b"\n]\n" });
            }
            self.state = State::Over;
        }
        if self.state == State::Over {
            self.park();
        } else if self.page.is_some() {
            // Before the client has shown how it reads, a page is kept as well: most take all at once.
            if self.permit.is_none() {
                self.permit = self.admission.try_page();
            }
            if self.permit.is_none() || !(keeps_up || self.handed_out.is_none()) {
                self.park();
            }
        }
        self.handed_out = Some(Instant::now());
        self.delivered += chunk.len() as u64;
        Some(chunk).filter(|chunk| !chunk.is_empty()).map(|chunk| Ok(Frame::data(self.chunks.seal(chunk))))
    }

    /// Drops what is left of the page, because the client does not read. It is made again once it
    /// does.
    pub(crate) fn park(&mut self) {
        self.page = None;
        self.permit = None;
    }
}
