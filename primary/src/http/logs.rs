//! `GET /logs`: the records of one host passed on, or those of several merged.

use super::app::App;
use crate::answer::{EndsBy, Options, headless, or_problem};
use crate::fanout::state::Fanout;
use crate::fleet::Fleet;
use crate::fleet::select::Selection;
use crate::host::Host;
use crate::host::ask::HostAnswer;
use crate::host::permits::Permits;
use crate::relay::Relay;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::{Format, accept, headers};
use http::request::Parts;
use http::{Method, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long the answer's head waits for the first bytes after the head of a host. A secondary sends
/// its head with its first record, or a second after it was asked.
const BEGIN_TIME: Duration = Duration::from_millis(10);

/// Answers `/logs`.
pub async fn logs(State(app): State<Arc<App>>, request: Parts) -> Response {
    or_problem(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    let query = LogQuery::parse(request.uri.query().unwrap_or_default(), Audience::Primary)?;
    accept::check_range(&request.headers)?;
    let format = accept::log_format(&request.headers)?;
    let browser = format == Format::Text && accept::is_browser(&request.headers);
    let fleet = app.shared.fleet();
    let selection = fleet.select(&query.hostnames).await?;
    let deadline = Instant::now() + app.upstream.times().request;
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let asked = LogRequest { query, options: Options { format, trailers, browser }, deadline };
    let mut response = match &selection.hosts[..] {
        [host] if selection.exact => one(app, request, host, &asked).await?,
        _ => several(app, request, &fleet, selection, &asked).await?,
    };
    if trailers && response.status().is_success() {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    Ok(response)
}

struct LogRequest {
    query: LogQuery,
    options: Options,
    deadline: Instant,
}

async fn one(app: &App, request: &Parts, host: &Arc<Host>, asked: &LogRequest) -> Result<Response, Problem> {
    let LogRequest { query, options, deadline } = asked;
    let target = format!("/logs?{}", query.for_secondary());
    let (capacity, times) = (app.upstream.capacity(), app.upstream.times());
    let permits = Permits::admit(capacity, 1, times.head).await?;
    let content_type = options.format.content_type();
    let asked = app.upstream.ask(host, &request.method, &target, content_type, *deadline, &permits).await?;
    let body = match asked {
        (_, HostAnswer::Refused(refusal)) => return Ok(refusal.into_response()),
        (_, HostAnswer::Streaming(body)) => body,
    };
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        let file = query.filename.as_bytes();
        let mut relay = Relay::new(*options, host.name.clone(), file, body, capacity);
        // If the head of the host came before its first record, the client gets a head now.
        if timeout(BEGIN_TIME, relay.begin()).await.is_ok() {
            relay.gather().await;
        }
        if let Some(problem) = relay.problem() {
            return Err(problem);
        }
        relay.take_whole().map(Body::from).ok_or_else(|| Body::new(relay))
    };
    Ok(streaming(options.format, body, *deadline))
}

async fn several(
    app: &App,
    request: &Parts,
    fleet: &Fleet,
    selection: Selection,
    asked: &LogRequest,
) -> Result<Response, Problem> {
    let LogRequest { query, options, deadline } = asked;
    let Selection { hosts, open, .. } = selection;
    let permits = Permits::admit(app.upstream.capacity(), hosts.len(), app.upstream.times().head).await?;
    let method = request.method.clone();
    let mut fanout = Fanout::new(&app.upstream, hosts, permits, method, query, *options, *deadline);
    if open {
        fanout.add_missing(fleet.missing());
    }
    fanout.prime().await?;
    let failed = fanout.failed_so_far();
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        fanout.take_whole().map(Body::from).ok_or_else(|| fanout.into_body())
    };
    let mut response = streaming(options.format, body, *deadline);
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    Ok(response)
}

/// An answer whose body is there already, or has to end before the deadline.
fn streaming(format: Format, body: Result<Body, Body>, deadline: Instant) -> Response {
    let is_there = body.is_ok();
    let mut response = Response::new(body.unwrap_or_else(|body| body));
    if !is_there {
        response.extensions_mut().insert(EndsBy(deadline));
    }
    headers::streaming(response.headers_mut(), format.content_type());
    response
}
