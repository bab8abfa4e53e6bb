//! `GET /files`: what `ls` would say of the log directory, the extra ones in it.
//!
//! A listing is made page by page, each by a walk of its own, and sent frame by frame. Its first
//! page is made before the answer begins, so that what is wrong is a status. What is left of a
//! page is kept for a client that keeps up, as far as there is room; for a slow one it is dropped
//! and made again. So a client that does not read holds a name, and keeps nobody from anything.
//!
//! A listing of several pages is no picture of one moment, as no walk through directories is:
//! each file that stays under its name is in it, once.

mod page;
mod walk;

use crate::catalog::Held;
use crate::read::Engine;
use crate::routes::Reply;
use crate::serve::{AnswerBody, Connection, RingThread, Streaming};
use crate::stream::{Incomplete, PATIENCE};
use backscroll_shared::query::glob::{self, Glob};
use backscroll_shared::query::{Pair, pairs, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, header};
use http_body::Frame;
use page::Page;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::timeout;

/// How long the first walk of a listing may have to wait for those of others. Later ones wait as
/// long as their client does: a listing that has begun is not to end before it is whole.
const WALK_WAIT: Duration = Duration::from_secs(10);

pub(crate) async fn files<E: Engine, B>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection<E>>,
    request: &Request<B>,
) -> Reply {
    let mut glob = None;
    for Pair { name, value } in pairs(request.uri().query().unwrap_or(""))? {
        if name != b"glob" {
            return Err(unknown_parameter(&name, &["glob"]));
        }
        matcher(&value)?;
        if glob.replace(value).is_some() {
            return Err(Problem::new(Code::BadParameter, "glob is given twice: give it once"));
        }
    }
    accept::check_range(request.headers())?;
    let format = accept::list_format(request.headers())?;
    let dirs = thread.host.catalog.current()?;
    // A primary takes an empty listing for knowledge.
    if request.headers().contains_key(headers::RELAY)
        && let Some(problem) = thread.host.catalog.unknown_listing()
    {
        return Err(problem);
    }
    let mut listing = Listing {
        thread: Rc::clone(thread),
        glob,
        format,
        dirs,
        last: Vec::new(),
        page: None,
        place: None,
        state: State::Start,
        handed_out: None,
        delivered: 0,
    };
    listing.turn_page().await?;
    let content_type = match format {
        ListFormat::Text => "text/plain; charset=utf-8",
        ListFormat::Json => "application/json",
    };
    let listing = Rc::new(Mutex::new(listing));
    *connection.stream.borrow_mut() = Streaming::Listing(Rc::downgrade(&listing));
    let frames = stream::unfold(listing, |listing| async move {
        let frame = listing.lock().await.next_frame().await;
        frame.map(|frame| (frame, listing))
    });
    let mut response = Response::new(AnswerBody::Frames(Box::pin(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::hardened(response.headers_mut());
    Ok(response)
}

fn matcher(pattern: &[u8]) -> Result<Glob, Problem> {
    Glob::parse(pattern).map_err(|error| {
        let why = glob::refusal("glob", pattern, &error);
        Problem::new(Code::BadParameter, format!("{why}; * matches within a part, ** across parts"))
    })
}

/// A listing on its way out, a frame at a time.
pub(crate) struct Listing<E: Engine> {
    thread: Rc<RingThread<E>>,
    /// As it was given: what it is made into has a size that matters where clients are many.
    glob: Option<Vec<u8>>,
    format: ListFormat,
    /// The directories as they were when it began.
    dirs: Vec<Arc<Held>>,
    /// The name that was written last.
    last: Vec<u8>,
    /// What is left of the last page, unless it was dropped.
    page: Option<Page>,
    /// A place among the pages that are kept while their clients read.
    place: Option<OwnedSemaphorePermit>,
    state: State,
    /// When the last frame was handed out.
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
    /// Makes the page of the names after the last one.
    async fn turn_page(&mut self) -> Result<(), Problem> {
        let thread = &self.thread;
        let overloaded =
            |_| Problem::new(Code::Overloaded, "too many listings at once: try again in a moment");
        let _place = match self.state {
            State::Start => timeout(WALK_WAIT, thread.admission.walk()).await.map_err(overloaded)?,
            State::Entries | State::Over => thread.admission.walk().await,
        };
        let glob = self.glob.as_deref().map(matcher).transpose()?;
        let mut page = Page::after(&self.last);
        walk::walk(thread.engine, &thread.host.catalog, glob.as_ref(), &mut page).await?;
        // If a directory was removed during the walk, the walk ended early and without an error. If
        // one was replaced, the names that were found may come from two directories.
        let now = thread.host.catalog.current()?;
        if !self.dirs.iter().zip(&now).all(|(before, now)| Arc::ptr_eq(before, now)) {
            return Err(Problem::new(
                Code::IoError,
                "a log directory was replaced while the files were listed: ask again",
            ));
        }
        self.page = Some(page);
        Ok(())
    }

    /// The next piece of the body. May be dropped and called again, though what it has written
    /// is lost then: so is the connection.
    async fn next_frame(&mut self) -> Option<Result<Frame<Bytes>, Incomplete>> {
        let keeps_up = self.handed_out.is_some_and(|at| at.elapsed() < PATIENCE);
        let full = self.thread.frames.target(self.delivered, keeps_up);
        let mut frame = Vec::new();
        while self.state != State::Over && frame.len() < full {
            let Some(page) = &mut self.page else {
                if !frame.is_empty() {
                    break;
                }
                if let Err(problem) = self.turn_page().await {
                    tracing::warn!(detail = problem.detail(), "a listing is incomplete");
                    self.state = State::Over;
                    return Some(Err(Incomplete(problem.detail().to_owned())));
                }
                continue;
            };
            self.thread.frames.make_room(&mut frame, full);
            let begun = frame.len();
            if self.format == ListFormat::Json {
                frame.extend_from_slice(if self.state == State::Start { b"[\n" } else { b",\n" });
            }
            if let Some(name) = page.write_next(self.format, &mut frame) {
                self.last.clear();
                self.last.extend_from_slice(name);
                self.state = State::Entries;
                continue;
            }
            frame.truncate(begun);
            if !page.is_last() {
                self.page = None;
                continue;
            }
            if self.format == ListFormat::Json {
                frame.extend_from_slice(if self.state == State::Start { b"[]\n" } else { b"\n]\n" });
            }
            self.state = State::Over;
        }
        if self.state == State::Over {
            self.park();
        } else if self.page.is_some() {
            // Before the client has shown how it reads, a page is kept as well: most take all at once.
            if self.place.is_none() {
                self.place = self.thread.admission.try_page();
            }
            if self.place.is_none() || !(keeps_up || self.handed_out.is_none()) {
                self.park();
            }
        }
        self.handed_out = Some(Instant::now());
        self.delivered += frame.len() as u64;
        Some(frame)
            .filter(|frame| !frame.is_empty())
            .map(|frame| Ok(Frame::data(self.thread.frames.seal(frame))))
    }

    /// Drops what is left of the page, because the client does not read. It is made again once it
    /// does.
    pub(crate) fn park(&mut self) {
        self.page = None;
        self.place = None;
    }
}
