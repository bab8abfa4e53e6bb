//! Which endpoint: one table of paths.

use crate::read::Engine;
use crate::serve::{AnswerBody, Connection, RingThread, Stage};
use crate::{files, health, logs};
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::head::check_head;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::instance::INSTANCE;
use backscroll_shared::wire::problem::{Code, Problem};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use std::rc::Rc;

pub(crate) type Reply = Result<Response<AnswerBody>, Problem>;

/// Answers one request. Every error becomes a problem here.
pub(crate) async fn answer<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection<E>>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let mut response = route(thread, connection, &request).await.unwrap_or_else(Problem::into_response);
    // What a primary takes for a secondary's answer carries it, whatever the answer is.
    response.headers_mut().insert(INSTANCE, thread.host.instance.value());
    if connection.watch.ends_with_its_answer() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn route<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection<E>>,
    request: &Request<Incoming>,
) -> Reply {
    check_head(request)?;
    let path = request.uri().path();
    if let Some(problem) = connection.watch.refused(path) {
        return Err(problem);
    }
    if !matches!(path, "/" | "/logs" | "/files" | "/healthz" | "/readyz") {
        return Err(Problem::new(Code::NoRoute, "no such endpoint: GET / lists them"));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::new(Code::MethodNotAllowed, format!("{path} takes GET and HEAD")));
    }
    match path {
        "/healthz" => return Ok(health::alive()),
        "/readyz" => {
            no_parameters(request.uri().query())?;
            return Ok(health::ready(thread).await);
        }
        "/" => return Ok(health::index(thread, headers::called(request.headers()))),
        _ => {}
    }
    if *thread.host.stage.borrow() >= Stage::Draining {
        return Err(Problem::new(Code::Draining, "this secondary is about to stop: ask again soon"));
    }
    match path {
        "/logs" => logs::logs(thread, connection, request).await,
        _ => files::files(thread, connection, request).await,
    }
}

/// A whole answer.
pub(crate) fn whole(content_type: &'static str, body: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut response = Response::new(AnswerBody::from(body.into()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers::hardened(response.headers_mut());
    response
}
