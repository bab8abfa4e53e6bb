//! The answer of `GET /files`: lists the files of the log directory, and of the extra ones as if
//! they were below it.
//!
//! A listing is made page by page. Each page takes a walk through all directories, and is sent
//! chunk by chunk. The first page is made before the answer begins, so that an error still has an
//! HTTP status. The rest of a page is kept for a client that keeps up, as long as there are
//! permits. For a slow client it is dropped and made again. So an idle client holds only one name,
//! and no permit that others need.
//!
//! A listing of several pages does not show the files of one single moment. Nor does any other walk
//! through directories. But each file that keeps its name is in it, exactly once.

mod page;
mod walk;

use crate::answer::chunks::Chunks;
use crate::answer::{Context, Cut, PATIENCE};
use crate::catalog::{Catalog, Held};
use crate::read::Engine;
use crate::read::admission::Admission;
use backscroll_shared::auth::FileGrants;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::glob::{self, Glob};
use backscroll_shared::query::pods;
use backscroll_shared::wire::accept::ListFormat;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::{Status, Verdict};
use bytes::Bytes;
use http_body::Frame;
use page::Page;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

/// How long the first walk of a listing waits for the walks of others. Later walks wait as long as
/// their client does: a listing that has begun must not end before it is complete.
pub(crate) const WALK_WAIT: Duration = Duration::from_secs(10);

/// Parses the glob that selects the files of a listing.
pub(crate) fn parse_glob(pattern: &[u8]) -> Result<Glob, Problem> {
    Glob::parse(pattern).map_err(|error| {
        let why = glob::refusal("glob", pattern, &error);
        Problem::new(Code::BadParameter, format!("{why}; * matches within a part, ** across parts"))
    })
}

/// The files that a client wants listed. A glob that begins with `pods/` is also held against the
/// names that pods give their logs.
struct Selection {
    glob: Glob,
    is_of_pods: bool,
}

impl Selection {
    fn parse(pattern: &[u8]) -> Result<Selection, Problem> {
        let is_of_pods = pattern.starts_with(pods::BEGINNING);
        Ok(Selection { glob: parse_glob(pattern)?, is_of_pods })
    }

    fn is_match(&self, name: &[u8]) -> bool {
        let by_pod = || pods::selects(name, |name| self.glob.is_match(name));
        self.glob.is_match(name) || self.is_of_pods && by_pod()
    }

    fn may_match_below(&self, dir: &[u8]) -> bool {
        let by_pod = || {
            pods::may_select_below(dir, |name| self.glob.is_match(name), |dir| self.glob.may_match_below(dir))
        };
        self.glob.may_match_below(dir) || self.is_of_pods && by_pod()
    }
}

/// A listing that is sent chunk by chunk.
pub(crate) struct Listing<E> {
    engine: E,
    admission: Arc<Admission>,
    chunks: Chunks,
    catalog: Arc<Catalog>,
    /// The glob as the client gave it. The parsed form is larger, which matters with many clients.
    glob: Option<Vec<u8>>,
    /// The files that the client may see.
    files: FileGrants,
    format: ListFormat,
    /// Whether aliases are told. A primary finds them itself, and an older one refuses fields that it
    /// does not know.
    with_aliases: bool,
    /// The log directories as they were when the listing began.
    dirs: Vec<Arc<Held>>,
    /// The name that was written last.
    last: Vec<u8>,
    /// The rest of the last page, unless it was dropped.
    page: Option<Page>,
    /// The permit to keep that page while the client reads.
    permit: Option<OwnedSemaphorePermit>,
    state: State,
    /// When the last chunk was handed out; `None` before the first.
    handed_out: Option<Instant>,
    delivered: u64,
    /// Who keeps a record of the request.
    exchange: Option<Arc<Exchange>>,
}

#[derive(PartialEq)]
enum State {
    Start,
    Entries,
    Over,
}

impl<E: Engine> Listing<E> {
    /// A listing of all files that the client may see, or of those of them that `glob` matches.
    pub(crate) fn new(
        context: Context<E>,
        catalog: Arc<Catalog>,
        glob: Option<Vec<u8>>,
        files: FileGrants,
        format: ListFormat,
        with_aliases: bool,
    ) -> Result<Listing<E>, Problem> {
        let Context { engine, admission, chunks, .. } = context;
        let dirs = catalog.current(&files)?;
        Ok(Listing {
            engine,
            admission,
            chunks,
            catalog,
            glob,
            files,
            format,
            with_aliases,
            dirs,
            last: Vec::new(),
            page: None,
            permit: None,
            state: State::Start,
            handed_out: None,
            delivered: 0,
            exchange: None,
        })
    }

    /// Sets who keeps a record of the request.
    pub(crate) fn seen_by(&mut self, exchange: Option<Arc<Exchange>>) {
        self.exchange = exchange;
    }

    /// Makes the first page, so that an error still has an HTTP status.
    pub(crate) async fn begin(&mut self) -> Result<(), Problem> {
        self.turn_page().await
    }

    /// Makes the page of the names after the last one that was written.
    async fn turn_page(&mut self) -> Result<(), Problem> {
        let overloaded =
            |_| Problem::new(Code::Overloaded, "too many listings at once: try again in a moment");
        let _permit = match self.state {
            State::Start => timeout(WALK_WAIT, self.admission.walk_permit()).await.map_err(overloaded)?,
            State::Entries | State::Over => self.admission.walk_permit().await,
        };
        let glob = self.glob.as_deref().map(Selection::parse).transpose()?;
        let mut page = Page::after(&self.last);
        let exchange = self.exchange.as_ref();
        walk::walk(self.engine, &self.catalog, glob.as_ref(), &self.files, &mut page, exchange).await?;
        // If a directory was removed during the walk, the walk ended early and without an error. If
        // one was replaced, the names that were found may come from two directories.
        let now = self.catalog.current(&self.files)?;
        if !self.dirs.iter().zip(&now).all(|(before, now)| Arc::ptr_eq(before, now)) {
            return Err(Problem::new(
                Code::IoError,
                "a log directory was replaced while the files were listed: ask again",
            ));
        }
        self.page = Some(page);
        Ok(())
    }

    /// The next frame of the body. May be dropped and called again only when the connection ends
    /// too: the chunk that it has begun is then lost.
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
                    let request_id = Exchange::logged(self.exchange.as_ref());
                    tracing::warn!(detail = problem.detail(), request_id, "a listing is incomplete");
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
            if let Some(name) = page.write_next(self.format, self.with_aliases, &mut chunk) {
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
            if let Some(exchange) = &self.exchange {
                exchange.note_verdict(&Verdict::new(Status::Complete));
            }
            self.park();
        } else if self.page.is_some() {
            // After one chunk nothing is known of the client yet. The page is kept, because most
            // clients take all of a listing at once.
            if self.permit.is_none() {
                self.permit = self.admission.try_page_permit();
            }
            if self.permit.is_none() || !(keeps_up || self.handed_out.is_none()) {
                self.park();
            }
        }
        self.handed_out = Some(Instant::now());
        self.delivered += chunk.len() as u64;
        Some(chunk).filter(|chunk| !chunk.is_empty()).map(|chunk| Ok(Frame::data(self.chunks.seal(chunk))))
    }

    /// Drops the rest of the page, because the client does not read. It is made again when the
    /// client does.
    pub(crate) fn park(&mut self) {
        self.page = None;
        self.permit = None;
    }
}
