//! `GET /logs`: the newest records of one file.

use crate::framing::Framing;
use crate::read::crew::Help;
use crate::read::{Engine, ReadAt as _, Readahead};
use crate::routes::Reply;
use crate::serve::{AnswerBody, Connection, RingThread};
use crate::stream::{Encoding, Ending, LogStream};
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::scan::{Limits, ReadPlan, Search};
use backscroll_shared::wire::problem::Code;
use backscroll_shared::wire::{Encoder, Format, accept, headers};
use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, header};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long the status line waits for the first record. An error that comes up before is
/// told by a status of its own; a search that takes longer has its headers sent, so that
/// the one who asked knows that it is being worked on.
const FIRST_RECORD_WAIT: Duration = Duration::from_secs(1);

pub(crate) async fn logs<E: Engine, B>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection<E>>,
    request: &Request<B>,
) -> Reply {
    let query = LogQuery::parse(request.uri().query().unwrap_or(""), Audience::Secondary)?;
    // A primary calls its hosts by names of its own.
    let relay = request.headers().get(headers::RELAY).map(|name| String::from_utf8_lossy(name.as_bytes()));
    let format = match relay {
        Some(_) => accept::relay_format(request.headers())?,
        None => accept::log_format(request.headers())?,
    };
    let deadline = headers::remaining(request.headers()).and_then(|time| Instant::now().checked_add(time));
    let catalog = &thread.host.catalog;
    let log = catalog.open_file(&query.filename).map_err(|problem| {
        // A primary takes "not here" for knowledge, by which an answer of the fleet is complete.
        let is_known = relay.is_none() || problem.code() != Code::NotFound;
        (!is_known).then(|| catalog.unknown(&query.filename)).flatten().unwrap_or(problem)
    })?;

    let host = relay.as_deref().unwrap_or(&thread.host.config.hostname).to_owned();
    let trailers = headers::wants_trailers(request.version(), request.headers());
    let mut response = Response::new(AnswerBody::from(Bytes::new()));
    headers::streaming(response.headers_mut(), format.content_type());
    if trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    if request.method() == Method::HEAD {
        // What a GET would send is not known without the search: a stream of unknown length.
        *response.body_mut() = AnswerBody::Frames(Box::pin(stream::empty()));
        return Ok(response);
    }

    let file = thread.engine.adopt(log.file);
    let search = Search::new(query.keywords, query.n, log.size, Limits::default());
    let help = search
        .examiner()
        .zip(file.shared())
        .map(|(examiner, fd)| Help::new(Arc::clone(&thread.host.crew), thread.index, fd, examiner));
    let plan = ReadPlan::new(log.size);
    let context = thread.context();
    let readahead =
        Readahead::new(file, plan, thread.pool.clone(), context.admission.clone()).with_help(help);
    let encoding = if format == Format::Frames {
        Encoding::Framed(Box::new(Framing::new(log.modified_seconds)))
    } else {
        Encoding::Plain(Encoder::new(format, &host, query.filename.as_bytes(), log.modified_seconds))
    };
    let ending = Ending { format, trailers, relay: relay.is_some(), deadline };
    let mut answer = LogStream::new(context, query.filename, log.size, search, readahead, encoding, ending);
    if let Ok(primed) = tokio::time::timeout(FIRST_RECORD_WAIT, answer.prime()).await {
        primed?;
    }
    if let Some(whole) = answer.take_whole() {
        *response.body_mut() = AnswerBody::from(whole);
        return Ok(response);
    }
    let answer = Rc::new(Mutex::new(answer));
    *connection.stream.borrow_mut() = Rc::downgrade(&answer);
    *response.body_mut() = AnswerBody::Frames(Box::pin(stream::unfold(answer, |answer| async move {
        let frame = answer.lock().await.next_frame().await;
        frame.map(|frame| (frame, answer))
    })));
    Ok(response)
}
