//! `GET /logs`: one host's records passed through, or those of several merged.

use super::{alone, headless, told};
use crate::app::App;
use crate::connection::EndsBy;
use crate::fanout::{self, Fanout};
use crate::fleet::{self, Fleet, Host};
use crate::relay::{self, Relay};
use crate::upstream::{Answer, Places};
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

/// How long the answer waits for what a host sends after its head. A secondary sends that
/// with its first record, or a second after it was asked.
const BEGIN_TIME: Duration = Duration::from_millis(10);

/// Answers `/logs`.
pub async fn logs(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    let query = LogQuery::parse(request.uri.query().unwrap_or_default(), Audience::Primary)?;
    accept::check_range(&request.headers)?;
    let format = accept::log_format(&request.headers)?;
    let browser = format == Format::Text && accept::is_browser(&request.headers);
    let fleet = app.shared.fleet();
    let hosts = fleet.select(&query.hostnames).await?;
    let deadline = Instant::now() + app.upstream.times().request;
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let asked = Asked { query, format, trailers, browser, deadline };
    let mut response = match alone(&hosts, &asked.query.hostnames) {
        Some(host) => one(app, request, host, &asked).await?,
        None => several(app, request, &fleet, hosts, &asked).await?,
    };
    if trailers && response.status().is_success() {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    Ok(response)
}

struct Asked {
    query: LogQuery,
    format: Format,
    trailers: bool,
    browser: bool,
    deadline: Instant,
}

async fn one(app: &App, request: &Parts, host: &Arc<Host>, asked: &Asked) -> Result<Response, Problem> {
    let Asked { query, format, trailers, browser, deadline } = asked;
    let target = format!("/logs?{}", query.for_secondary());
    let places = Places::admit(app.upstream.room(), 1, app.upstream.times().head).await?;
    let content_type = format.content_type();
    let asked = app.upstream.ask(host, &request.method, &target, content_type, *deadline, &places).await?;
    let pieces = match asked {
        (_, Answer::Refused(refusal)) => return Ok(refusal.into_response()),
        (_, Answer::Streaming(pieces)) => pieces,
    };
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        let (host, file) = (host.name.clone(), query.filename.as_bytes().to_vec());
        let wish = relay::Wish { host, file, format: *format, trailers: *trailers, browser: *browser };
        let mut relay = Relay::new(wish, pieces, app.upstream.room().long.clone());
        // Where the host's head came before its first record, the client gets it now.
        if timeout(BEGIN_TIME, relay.begin()).await.is_ok() {
            relay.gather().await;
        }
        if let Some(problem) = relay.problem() {
            return Err(problem);
        }
        relay.take_whole().map(Body::from).ok_or_else(|| Body::new(relay))
    };
    Ok(streaming(*format, body, *deadline))
}

async fn several(
    app: &App,
    request: &Parts,
    fleet: &Fleet,
    hosts: Vec<Arc<Host>>,
    asked: &Asked,
) -> Result<Response, Problem> {
    let Asked { query, format, trailers, browser, deadline } = asked;
    let wish = fanout::Wish {
        format: *format,
        on_error: query.on_error,
        trailers: *trailers,
        browser: *browser,
        n: query.n,
        deadline: *deadline,
    };
    let places = Places::admit(app.upstream.room(), hosts.len(), app.upstream.times().head).await?;
    let mut fanout = Fanout::new(&app.upstream, hosts, places, request.method.clone(), query, wish);
    if fleet::is_open(&query.hostnames) {
        fanout.misses(fleet.missing());
    }
    fanout.prime().await?;
    let failed = fanout.failed_so_far();
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        fanout.take_whole().map(Body::from).ok_or_else(|| fanout.into_body())
    };
    let mut response = streaming(*format, body, *deadline);
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    Ok(response)
}

/// An answer whose body is there, or is to have ended by the deadline.
fn streaming(format: Format, body: Result<Body, Body>, deadline: Instant) -> Response {
    let is_there = body.is_ok();
    let mut response = Response::new(body.unwrap_or_else(|body| body));
    if !is_there {
        response.extensions_mut().insert(EndsBy(deadline));
    }
    headers::streaming(response.headers_mut(), format.content_type());
    response
}
