//! Finds the endpoint of a request.

use super::body::{AnswerBody, Reply};
use super::endpoints::{self, Endpoint};
use super::state::{Connection, RingThread, Stage};
use super::{access, files, health, logs};
use crate::read::Engine;
use backscroll_shared::conn::Peer;
use backscroll_shared::metrics::endpoint;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::head::check_head;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::instance::INSTANCE;
use backscroll_shared::wire::problem::{Code, Problem};
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use std::rc::Rc;

/// Answers one request. Turns every error into a problem.
pub(super) async fn answer<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    request: Request<Incoming>,
) -> Response<AnswerBody> {
    let mut response = route(thread, connection, request).await.unwrap_or_else(Problem::into_response);
    // A primary trusts an answer only if this header shows that it comes from a secondary. So every
    // answer has it.
    response.headers_mut().insert(INSTANCE, thread.shared.instance.value());
    if connection.watch.ends_with_its_answer() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn route<E: Engine>(
    thread: &Rc<RingThread<E>>,
    connection: &Rc<Connection>,
    mut request: Request<Incoming>,
) -> Reply {
    let known = access::who(thread, connection, &mut request);
    check_head(&request)?;
    let path = request.uri().path();
    if let Some(problem) = connection.watch.refused(path) {
        return Err(problem);
    }
    if let Some(hosts) = &thread.shared.config.allowed_hosts
        && path != "/healthz"
        // No web page reaches a Unix socket, at which the health port may be.
        && *connection.watch.peer() != Peer::Unix
    {
        hosts.check(request.uri(), request.headers())?;
    }
    let viewer = known.admit(thread, connection, &request).await?;
    let Some(endpoint) = endpoints::at(path) else {
        return Err(endpoints::no_route());
    };
    if !endpoint.takes(request.method()) {
        return Err(Problem::other_method(path, endpoint.methods()));
    }
    let is_draining = *thread.shared.stage.borrow() >= Stage::Draining;
    match endpoint {
        Endpoint::Index => Ok(health::index(thread, headers::called(request.headers()))),
        Endpoint::Healthz => Ok(health::alive()),
        Endpoint::Readyz => {
            no_parameters(request.uri().query())?;
            Ok(health::ready(thread, &viewer).await)
        }
        Endpoint::Metrics => {
            health::look(thread).await;
            endpoint::answer(&thread.shared.metrics, request.uri(), request.headers()).await
        }
        Endpoint::Logs | Endpoint::Files if is_draining => {
            Err(Problem::new(Code::Draining, "this secondary is about to stop: ask again soon"))
        }
        Endpoint::Logs => logs::logs(thread, connection, request, &viewer).await,
        Endpoint::Files => files::files(thread, connection, &request, viewer).await,
    }
}
