//! From a request to its endpoint.

use super::body::{AnswerBody, Reply};
use super::endpoints::{self, Endpoint};
use super::state::{Connection, RingThread, Stage};
use super::{files, health, logs};
use crate::read::Engine;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::head::check_head;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::instance::INSTANCE;
use backscroll_shared::wire::problem::{Code, Problem};
use http::{HeaderValue, Method, Request, Response, header};
use hyper::body::Incoming;
use std::rc::Rc;

/// Answers one request. Every error becomes a problem here.
pub(super) async fn answer<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let mut response = route(thread, connection, &request).await.unwrap_or_else(Problem::into_response);
    // What a primary takes for a secondary's answer carries it, whatever the answer is.
    response.headers_mut().insert(INSTANCE, thread.shared.instance.value());
    if connection.watch.ends_with_its_answer() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn route<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: &Request<Incoming>,
) -> Reply {
    check_head(request)?;
    let path = request.uri().path();
    if let Some(problem) = connection.watch.refused(path) {
        return Err(problem);
    }
    let Some(endpoint) = endpoints::at(path) else {
        return Err(Problem::new(Code::NoRoute, "no such endpoint: GET / lists them"));
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::new(Code::MethodNotAllowed, format!("{path} takes GET and HEAD")));
    }
    let is_draining = *thread.shared.stage.borrow() >= Stage::Draining;
    match endpoint {
        Endpoint::Index => Ok(health::index(thread, headers::called(request.headers()))),
        Endpoint::Healthz => Ok(health::alive()),
        Endpoint::Readyz => {
            no_parameters(request.uri().query())?;
            Ok(health::ready(thread).await)
        }
        Endpoint::Logs | Endpoint::Files if is_draining => {
            Err(Problem::new(Code::Draining, "this secondary is about to stop: ask again soon"))
        }
        Endpoint::Logs => logs::logs(thread, connection, request).await,
        Endpoint::Files => files::files(thread, connection, request).await,
    }
}
