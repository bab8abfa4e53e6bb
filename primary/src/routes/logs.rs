//! `GET /logs`: one host's records passed through, or those of several merged.

use super::{headless, told};
use crate::app::App;
use crate::fanout::{self, Fanout};
use crate::fleet::{self, Fleet, Host};
use crate::relay::{self, Relay};
use crate::upstream::Answer;
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
    // Bare lines are for who asks one host by its whole name.
    let mut response = match (hosts.first(), &asked.query.hostnames[..]) {
        (Some(host), [name]) if *name == host.name => one(app, request, host, &asked).await?,
        _ => several(app, request, &fleet, hosts, &asked).await?,
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

async fn one(app: &App, request: &Parts, host: &Host, asked: &Asked) -> Result<Response, Problem> {
    let Asked { query, format, trailers, browser, deadline } = asked;
    let target = format!("/logs?{}", query.for_secondary());
    let asked = app.upstream.ask(host, &request.method, &target, format.content_type(), *deadline).await?;
    let pieces = match asked {
        (_, Answer::Refused(refusal)) => return Ok(refusal.into_response()),
        (_, Answer::Streaming(pieces)) => pieces,
    };
    let body = if request.method == Method::HEAD {
        headless()
    } else {
        let (host, file) = (host.name.clone(), query.filename.as_bytes().to_vec());
        let wish = relay::Wish { host, file, format: *format, trailers: *trailers, browser: *browser };
        let mut relay = Relay::new(wish, pieces);
        // Where the host's head came before its first record, the client gets it now.
        if timeout(BEGIN_TIME, relay.begin()).await.is_ok() {
            relay.gather().await;
        }
        if let Some(problem) = relay.problem() {
            return Err(problem);
        }
        relay.take_whole().map_or_else(|| Body::new(relay), Body::from)
    };
    Ok(streaming(*format, body))
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
    let mut fanout = Fanout::new(&app.upstream, hosts, request.method.clone(), query, wish);
    if fleet::is_open(&query.hostnames) {
        fanout.misses(fleet.missing());
    }
    fanout.prime().await?;
    let failed = fanout.failed_so_far();
    let body = if request.method == Method::HEAD {
        headless()
    } else {
        fanout.take_whole().map_or_else(|| fanout.into_body(), Body::from)
    };
    let mut response = streaming(*format, body);
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    Ok(response)
}

fn streaming(format: Format, body: Body) -> Response {
    let mut response = Response::new(body);
    headers::streaming(response.headers_mut(), format.content_type());
    response
}
