//! `GET /logs`: the newest records of one file.

use super::access::Viewer;
use super::body::{AnswerBody, Reply};
use super::resuming::{Begun, begin, cursors, may_have_older, rotated};
use super::state::{Connection, InFlight, RingThread};
use crate::answer::cursors::Cursors;
use crate::answer::frame_writer::FrameWriter;
use crate::answer::log_source::LogSource;
use crate::answer::{Answer, Encoding, Ending, Ranged};
use crate::read::block::Block;
use crate::read::crew::Help;
use crate::read::head::{self, Compression, Head, Wanted};
use crate::read::{BlockSource as _, Engine, InodeState, ReadAt as _, ReadFailure, Readahead};
use crate::resume::Rest;
use backscroll_shared::limits::FIRST_RECORD_WAIT;
use backscroll_shared::query::range::Instants;
use backscroll_shared::query::{Audience, FileName, LogQuery, as_parameter};
use backscroll_shared::scan::{Limits, ReadPlan, Search};
use backscroll_shared::wire::form_body::{self, Query};
use backscroll_shared::wire::notice::{self, DETAIL_BYTES, Notice};
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::server_timing::Timing;
use backscroll_shared::wire::{Encoder, Format, accept, headers};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::stream;
use http::{Method, Request, Response, header};
use hyper::body::Incoming;
use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;
use tokio::time::error::Elapsed;
use tokio::time::{timeout, timeout_at};

pub(super) async fn logs<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: Request<Incoming>,
    viewer: &Viewer,
) -> Reply {
    let (request, body) = request.into_parts();
    let Query { text, held } = form_body::query(&request, body).await?;
    let query = LogQuery::parse(&text, Audience::Secondary)?;
    drop(text);
    let instants = query.range.on_host()?;
    accept::check_range(&request.headers)?;
    // A primary has its own names for its hosts, and sends the one to use.
    let relay = request.headers.get(headers::RELAY).map(|name| String::from_utf8_lossy(name.as_bytes()));
    let format = match relay {
        Some(_) => accept::relay_format(&request.headers)?,
        None => accept::log_format(&request.headers)?,
    };
    let deadline = headers::remaining(&request.headers).and_then(|time| Instant::now().checked_add(time));
    let end_at = query.timeout.and_then(|time| Instant::now().checked_add(time));
    let exchange = connection.exchange();
    if let Some(exchange) = &exchange {
        exchange.note_query(&query);
    }
    let begun = async {
        query.compile().await?;
        begin(thread, viewer, &query, relay.is_some(), exchange.as_ref()).await
    };
    let Begun { log, real, at: opened_at, rest } =
        within(deadline.into_iter().chain(end_at).min(), begun).await?;
    let since_head = || exchange.as_ref().map(|exchange| exchange.began.elapsed());
    let open = exchange.as_ref().map(|exchange| opened_at.saturating_duration_since(exchange.began));
    let mut timing = Timing { open, first_record: None };
    let trailers = headers::wants_trailers(request.version, &request.headers);
    // A text that has no trailers has no place for cursors.
    let is_continued = trailers || format != Format::Text;
    let wanted = if is_continued { Wanted::Identity } else { Wanted::Format };
    let file = thread.engine.adopt(log.file);
    let (head, rest) = match rest {
        None => (head::cached(&file, log.opened.size, wanted), Rest::whole(log.opened.size)),
        Some((head, rest)) => (Some(head), rest),
    };
    plain(&query.filename, head.as_ref())?;

    let host = relay.as_deref().unwrap_or(&thread.shared.config.hostname).to_owned();
    let mut response = empty(format, instants, trailers);
    let context = thread.context();
    let readahead =
        Readahead::new(file, ReadPlan::new(rest.window), thread.pool.clone(), context.admission.clone());
    // If the first bytes are not in the page cache, a second source reads them.
    let ahead = head.is_none().then(|| readahead.beside(None));
    let cold_head = ahead.map(|ahead| (query.filename.clone(), head::read(ahead, log.opened.size, wanted)));
    if request.method == Method::HEAD {
        if let Some((name, head)) = cold_head {
            plain(&name, head.await.unwrap_or_default().as_ref())?;
        }
        timing.write(response.headers_mut());
        // Only a search would tell how long the answer to GET is. So send a stream of unknown
        // length.
        *response.body_mut() = AnswerBody::Streamed(Box::pin(stream::empty()));
        return Ok(response);
    }

    let (search, range) = search(&query, instants, &rest, log.opened);
    let help = search
        .block_matcher()
        .zip(readahead.file().shared())
        .map(|(matcher, fd)| Help::new(Arc::clone(&thread.shared.crew), thread.index, fd, matcher));
    let source = readahead.with_help(help);
    let encoding = encoding(format, &host, &query.filename, log.opened);
    let browser = format == Format::Text && accept::is_browser(&request.headers);
    // A client that claims to be a primary but reads no trailers still gets the verdict, in the
    // body.
    let ending = Ending { format, trailers, browser, relay: relay.is_some() && trailers, deadline };
    let name = real.clone().unwrap_or_else(|| query.filename.clone());
    let rotated = may_have_older(&query, &rest).then(|| rotated(thread, viewer, name));
    let identity = move |head: &Head| head.identity(log.device, log.inode);
    let cursors = is_continued.then(|| cursors(&query, instants, head.as_ref().map(identity), &rest));
    let alias = real.map(|real| alias_notice(&query.filename, &real));
    let mut answer = Answer::new(context, query.filename, log.opened, search, source, encoding, ending);
    answer.with_notices(alias, rotated);
    set_up(&mut answer, range, cursors, end_at);
    answer.seen_by(exchange.clone(), thread.pool.meter().clone());
    let primed = match cold_head {
        None => timeout(FIRST_RECORD_WAIT, answer.prime()).await,
        Some((name, head)) => {
            let (primed, head) = Box::pin(prime_beside(&mut answer, &name, head, end_at)).await?;
            answer.identify(head.as_ref().map(identity));
            primed
        }
    };
    match primed {
        Ok(primed) => {
            primed?;
            timing.first_record = since_head();
        }
        // The head leaves now, so the search can no more be refused by a status.
        Err(_) => answer.keep_place(),
    }
    timing.write(response.headers_mut());
    if format == Format::Frames
        && let Some(opened) = answer.opened()
    {
        response.headers_mut().insert(headers::FILE, headers::value(&opened));
    }
    if !trailers {
        notice::write(answer.notices(), response.headers_mut());
    }
    if let Some(whole) = answer.take_whole() {
        *response.body_mut() = AnswerBody::from(whole);
        return Ok(response);
    }
    *response.body_mut() = streamed(connection, answer, held);
    Ok(response)
}

/// An answer that has only its head.
fn empty(format: Format, instants: Instants, trailers: bool) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(Bytes::new()));
    headers::streaming(response.headers_mut(), format.content_type());
    instants.write(response.headers_mut());
    if trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    response
}

/// Sets what only some queries have.
fn set_up<E: Engine, S: LogSource>(
    answer: &mut Answer<E, S>,
    range: Option<Ranged>,
    cursors: Option<Cursors>,
    end_at: Option<Instant>,
) {
    if let Some(range) = range {
        answer.set_range(range);
    }
    if let Some(cursors) = cursors {
        answer.with_cursors(cursors);
    }
    if let Some(at) = end_at {
        answer.end_at(at);
    }
}

/// What is done before the search, until `end_at` at most.
async fn within<T>(
    end_at: Option<Instant>,
    work: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let Some(at) = end_at else { return work.await };
    timeout_at(at.into(), work).await.unwrap_or_else(|_| {
        let detail = "the time for this request was over before the search began: ask again, with more time";
        Err(Problem::new(Code::Overloaded, detail))
    })
}

/// The search for a query, and its time range if it has one.
fn search(
    query: &LogQuery,
    instants: Instants,
    rest: &Rest,
    opened: InodeState,
) -> (Search<Block>, Option<Ranged>) {
    let search = Search::new(&query.filter, query.n, rest.window, Limits::default()).resumed(rest.settled);
    let range = (!query.range.is_open()).then(|| {
        let filter = (query.filter.clone(), search.has_older_lines());
        Ranged::new(instants, query.scan, filter, rest.window, opened.modified_seconds)
            .paged(rest.settled, opened.size)
    });
    (search, range)
}

fn encoding(format: Format, host: &str, file: &FileName, opened: InodeState) -> Encoding {
    if format == Format::Frames {
        Encoding::Framed(Box::new(FrameWriter::new(opened.modified_seconds)))
    } else {
        Encoding::Plain(Encoder::new(format, host, file.as_bytes(), opened.modified_seconds))
    }
}

/// The body that the client pulls. `held`: what is held until it is over.
fn streamed<E: Engine, S: LogSource + 'static, H: 'static>(
    connection: &Connection,
    answer: Answer<E, S>,
    held: H,
) -> AnswerBody {
    let answer = Rc::new(Mutex::new(answer));
    connection.set_in_flight(&answer);
    AnswerBody::Streamed(Box::pin(stream::unfold((answer, held), |(answer, held)| async move {
        let frame = answer.lock().await.next_frame().await;
        frame.map(|frame| (frame, (answer, held)))
    })))
}

/// Primes the answer while the file's first bytes are read from the disk, until `end_at` at most.
async fn prime_beside<E: Engine, S: LogSource>(
    answer: &mut Answer<E, S>,
    name: &FileName,
    head: impl Future<Output = Result<Option<Head>, ReadFailure>>,
    end_at: Option<Instant>,
) -> Result<(Result<Result<(), Problem>, Elapsed>, Option<Head>), Problem> {
    let is_late = Cell::new(false);
    let prime = async {
        let primed = timeout(FIRST_RECORD_WAIT, answer.prime()).await;
        // Give the answer's blocks back, so that it holds none while the other read waits for one.
        answer.park();
        primed
    };
    let head = async {
        match end_at {
            None => head.await,
            Some(at) => timeout_at(at.into(), head).await.unwrap_or_else(|_| {
                is_late.set(true);
                Ok(None)
            }),
        }
    };
    let (primed, head) = join(prime, head).await;
    if is_late.get() {
        answer.end_unidentified();
    }
    let starved = |failure: ReadFailure| Problem::new(Code::Overloaded, format!("{failure}: ask again"));
    let head = head.map_err(starved)?;
    plain(name, head.as_ref())?;
    Ok((primed, head))
}

/// Says to which file an alias has led.
fn alias_notice(alias: &FileName, real: &FileName) -> Notice {
    let real = as_parameter(real.as_bytes()).to_string();
    let detail = format!("{} is the alias of {real}", as_parameter(alias.as_bytes()));
    let detail = if detail.len() <= DETAIL_BYTES { detail } else { format!("this is the log {real}") };
    let detail =
        if detail.len() <= DETAIL_BYTES { detail } else { "the name is the alias of a log".to_owned() };
    Notice { code: Notice::ALIAS, count: 0, detail }
}

/// Refuses a compressed file: a search through it would look complete and find nothing.
fn plain(name: &FileName, head: Option<&Head>) -> Result<(), Problem> {
    let Some(Compression { name: format, unpack }) = head.and_then(Head::compression) else { return Ok(()) };
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
