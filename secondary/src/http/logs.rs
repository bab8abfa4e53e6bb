//! `GET /logs`: the newest records of one file.

use super::body::{AnswerBody, Reply};
use super::state::{Connection, InFlight, RingThread};
use crate::answer::frame_writer::FrameWriter;
use crate::answer::log_source::LogSource;
use crate::answer::{Answer, Encoding, Ending};
use crate::read::crew::Help;
use crate::read::head::{self, Compression};
use crate::read::{BlockSource as _, Engine, ReadAt as _, ReadFailure, Readahead};
use backscroll_shared::limits::FIRST_RECORD_WAIT;
use backscroll_shared::query::{Audience, FileName, LogQuery};
use backscroll_shared::scan::{Limits, ReadPlan, Search, Window};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::{Encoder, Format, accept, headers};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::stream;
use http::{Method, Request, Response, header};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

pub(super) async fn logs<E: Engine, B>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: &Request<B>,
) -> Reply {
    let query = LogQuery::parse(request.uri().query().unwrap_or(""), Audience::Secondary)?;
    accept::check_range(request.headers())?;
    // A primary has its own names for its hosts, and sends the one to use.
    let relay = request.headers().get(headers::RELAY).map(|name| String::from_utf8_lossy(name.as_bytes()));
    let format = match relay {
        Some(_) => accept::relay_format(request.headers())?,
        None => accept::log_format(request.headers())?,
    };
    let deadline = headers::remaining(request.headers()).and_then(|time| Instant::now().checked_add(time));
    let catalog = &thread.shared.catalog;
    let log = catalog.open_file(&query.filename).map_err(|problem| {
        // To a primary, "not found" means that this host has no such file, and the fleet's answer
        // is complete without it. So if the log directory is empty or cannot be read, the primary
        // gets that error: a mount may be missing.
        let is_known = relay.is_none() || problem.code() != Code::NotFound;
        (!is_known).then(|| catalog.unknown(&query.filename)).flatten().unwrap_or(problem)
    })?;
    let file = thread.engine.adopt(log.file);
    let head = head::cached(&file, log.opened.size);
    plain(&query.filename, head.flatten())?;

    let host = relay.as_deref().unwrap_or(&thread.shared.config.hostname).to_owned();
    let trailers = headers::wants_trailers(request.version(), request.headers());
    let mut response = Response::new(AnswerBody::from(Bytes::new()));
    headers::streaming(response.headers_mut(), format.content_type());
    if trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    let window = Window::whole(log.opened.size);
    let context = thread.context();
    let readahead =
        Readahead::new(file, ReadPlan::new(window), thread.pool.clone(), context.admission.clone());
    // If the first bytes are not in the page cache, a second source reads them.
    let ahead = head.is_none().then(|| readahead.beside(None));
    let cold_head = ahead.map(|ahead| (query.filename.clone(), head::read(ahead, log.opened.size)));
    if request.method() == Method::HEAD {
        if let Some((name, head)) = cold_head {
            plain(&name, head.await.unwrap_or_default())?;
        }
        // Only a search would tell how long the answer to GET is. So send a stream of unknown
        // length.
        *response.body_mut() = AnswerBody::Streamed(Box::pin(stream::empty()));
        return Ok(response);
    }

    let search = Search::new(&query.filter, query.n, readahead.window(), Limits::default());
    let help = search
        .block_matcher()
        .zip(readahead.file().shared())
        .map(|(matcher, fd)| Help::new(Arc::clone(&thread.shared.crew), thread.index, fd, matcher));
    let source = readahead.with_help(help);
    let encoding = if format == Format::Frames {
        Encoding::Framed(Box::new(FrameWriter::new(log.opened.modified_seconds)))
    } else {
        Encoding::Plain(Encoder::new(format, &host, query.filename.as_bytes(), log.opened.modified_seconds))
    };
    let browser = format == Format::Text && accept::is_browser(request.headers());
    // A client that claims to be a primary but reads no trailers still gets the verdict, in the
    // body.
    let ending = Ending { format, trailers, browser, relay: relay.is_some() && trailers, deadline };
    let mut answer = Answer::new(context, query.filename, log.opened, search, source, encoding, ending);
    let primed = match cold_head {
        None => timeout(FIRST_RECORD_WAIT, answer.prime()).await,
        Some((name, head)) => Box::pin(prime_beside(&mut answer, &name, head)).await?,
    };
    if let Ok(primed) = primed {
        primed?;
    }
    if let Some(whole) = answer.take_whole() {
        *response.body_mut() = AnswerBody::from(whole);
        return Ok(response);
    }
    let answer = Rc::new(Mutex::new(answer));
    connection.set_in_flight(&answer);
    *response.body_mut() = AnswerBody::Streamed(Box::pin(stream::unfold(answer, |answer| async move {
        let frame = answer.lock().await.next_frame().await;
        frame.map(|frame| (frame, answer))
    })));
    Ok(response)
}

/// Primes the answer while the file's first bytes are read from the disk.
async fn prime_beside<E: Engine, S: LogSource>(
    answer: &mut Answer<E, S>,
    name: &FileName,
    head: impl Future<Output = Result<Option<Compression>, ReadFailure>>,
) -> Result<Result<Result<(), Problem>, Elapsed>, Problem> {
    let prime = async {
        let primed = timeout(FIRST_RECORD_WAIT, answer.prime()).await;
        // Give the answer's blocks back, so that it holds none while the other read waits for one.
        answer.park();
        primed
    };
    let (primed, head) = join(prime, head).await;
    let starved = |failure: ReadFailure| Problem::new(Code::Overloaded, format!("{failure}: ask again"));
    plain(name, head.map_err(starved)?)?;
    Ok(primed)
}

/// Refuses a compressed file: a search through it would look complete and find nothing.
fn plain(name: &FileName, compression: Option<Compression>) -> Result<(), Problem> {
    let Some(Compression { name: format, unpack }) = compression else { return Ok(()) };
    Err(Problem::new(
        Code::UnsupportedCompression,
        format!(
            "{name} is compressed with {format}, which cannot be searched yet: unpack it beside the others, as with {unpack}, and ask for that"
        ),
    ))
}

impl<E: Engine, S: LogSource> InFlight for Answer<E, S> {
    fn file(&self) -> Option<String> {
        Some(self.name().to_string())
    }

    fn park(&mut self) {
        Answer::park(self);
    }
}
