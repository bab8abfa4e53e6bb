//! `GET /logs`: the records of one host passed on, or those of several merged.

use super::access::Viewer;
use super::app::App;
use crate::answer::{EndsBy, Options, headless, or_problem};
use crate::fanout::state::Fanout;
use crate::fanout::verdict;
use crate::fleet::select::Selection;
use crate::host::Host;
use crate::host::ask::{Asking, HostAnswer};
use crate::host::permits::Permits;
use crate::host::target::Target;
use crate::relay::Relay;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::pods::Alias;
use backscroll_shared::query::{Audience, FileName, LogQuery};
use backscroll_shared::wire::form_body::{self, HeldForm};
use backscroll_shared::wire::notice;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::server_timing::Timing;
use backscroll_shared::wire::verdict::HostsVisible;
use backscroll_shared::wire::{Format, accept, headers};
use http::request::Parts;
use http::{Method, header};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long the answer's head waits for the first bytes after the head of a host. A secondary sends
/// its head with its first record, or a second after it was asked.
const BEGIN_TIME: Duration = Duration::from_millis(10);

/// Answers `/logs`.
pub async fn logs(State(app): State<Arc<App>>, request: Request) -> Response {
    let (request, body) = request.into_parts();
    let query = match form_body::query(&request, body).await {
        Ok(query) => query,
        Err(problem) => return or_problem(Err(problem)),
    };
    let answer = or_problem(answer(&app, &request, &query.text).await);
    match query.held {
        // An answer that is whole keeps its length, and holds nothing any more.
        Some(held) if answer.body().size_hint().exact().is_none() => answer.map(|body| hold(body, held)),
        _ => answer,
    }
}

/// The body of the answer to a long form, of which there are only so many at once.
fn hold(body: Body, held: HeldForm) -> Body {
    Body::new(body.map_frame(move |frame| {
        let _held = &held;
        frame
    }))
}

async fn answer(app: &App, request: &Parts, query: &str) -> Result<Response, Problem> {
    let query = LogQuery::parse(query, Audience::Primary)?;
    accept::check_range(&request.headers)?;
    let format = accept::log_format(&request.headers)?;
    let browser = format == Format::Text && accept::is_browser(&request.headers);
    let viewer = Viewer::of(&request.extensions);
    let exchange = Exchange::of(&request.extensions).cloned();
    if let Some(exchange) = &exchange {
        exchange.note_hostnames(&query.hostnames);
        exchange.note_query(&query);
    }
    let fleet = app.shared.fleet_of(&viewer).await;
    let selection = fleet.select(&query.hostnames).await?;
    if let Some(exchange) = &exchange {
        exchange.note_hosts(selection.hosts.iter().map(|host| &*host.name));
    }
    let deadline = Instant::now() + app.upstream.times().request;
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let visible = viewer.hosts_visible(selection.open);
    let options = Options { format, trailers, browser };
    let asked = LogRequest { query, options, deadline, viewer, visible, exchange };
    let answered = match &selection.hosts[..] {
        [host] if selection.exact => one(app, request, host, &asked).await,
        _ => several(app, request, selection, &asked).await,
    };
    let mut response = or_problem(answered);
    if trailers && response.status().is_success() {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    HostsVisible::write(visible, response.headers_mut());
    Ok(response)
}

struct LogRequest {
    query: LogQuery,
    options: Options,
    deadline: Instant,
    viewer: Viewer,
    /// Whether the viewer sees only a part of the hosts that are asked.
    visible: Option<HostsVisible>,
    exchange: Option<Arc<Exchange>>,
}

impl LogRequest {
    /// Whether the viewer may see the file. Otherwise it does not exist. Where an alias leads, only
    /// a secondary knows, and it looks for that among the files that the viewer may see.
    fn is_file_visible(&self) -> bool {
        let (files, name) = (self.viewer.files(), self.query.filename.as_bytes());
        files.sees(name) || Alias::parse(name).is_some_and(|alias| files.may_see_by(&alias))
    }

    /// What the hosts are asked.
    fn asking(&self, method: &Method) -> Asking {
        Asking {
            method: asked_with(method),
            target: Target::new("/logs", self.query.for_secondary()),
            deadline: self.deadline,
            on_behalf: self.viewer.on_behalf(),
            exchange: self.exchange.clone(),
        }
    }
}

async fn one(app: &App, request: &Parts, host: &Arc<Host>, asked: &LogRequest) -> Result<Response, Problem> {
    let LogRequest { query, options, deadline, viewer, exchange, .. } = asked;
    if !asked.is_file_visible() {
        return Ok(missing_file(&request.method, &query.filename));
    }
    let (capacity, times) = (app.upstream.capacity(), app.upstream.times());
    let permits = Permits::admit(capacity, 1, times.head, viewer.share()).await?;
    let content_type = options.format.content_type();
    let asking = asked.asking(&request.method);
    let body = match app.upstream.ask(host, &asking, content_type, &permits).await? {
        (_, HostAnswer::Refused(refusal)) => return Ok(refusal.into_response()),
        (_, HostAnswer::Streaming(body)) => body,
    };
    let mut timing = Timing { open: body.timing().open, first_record: None };
    let mut notices = Vec::new();
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        let file = query.filename.as_bytes();
        let mut relay = Relay::new(*options, host.name.clone(), file, body, capacity);
        relay.seen_by(exchange.clone());
        // If the head of the host came before its first record, the client gets a head now.
        if timeout(BEGIN_TIME, relay.begin()).await.is_ok() {
            timing.first_record = exchange.as_ref().map(|exchange| exchange.began.elapsed());
            relay.gather().await;
        }
        if let Some(problem) = relay.problem() {
            return Err(problem);
        }
        notices.extend_from_slice(relay.notices());
        relay.take_whole().map(Body::from).ok_or_else(|| Body::new(relay))
    };
    let mut response = streaming(options.format, body, *deadline);
    timing.write(response.headers_mut());
    if !options.trailers {
        notice::write(&notices, response.headers_mut());
    }
    Ok(response)
}

async fn several(
    app: &App,
    request: &Parts,
    selection: Selection,
    asked: &LogRequest,
) -> Result<Response, Problem> {
    let LogRequest { query, options, deadline, viewer, visible, exchange } = asked;
    let Selection { hosts, missing, .. } = selection;
    if !asked.is_file_visible()
        && let Some(problem) = verdict::no_file(&hosts, &missing, query.on_error, &query.filename.to_string())
    {
        return Err(problem);
    }
    let (capacity, times) = (app.upstream.capacity(), app.upstream.times());
    let permits = Permits::admit(capacity, hosts.len(), times.head, viewer.share()).await?;
    let asking = asked.asking(&request.method);
    let mut fanout = Fanout::new(&app.upstream, hosts, permits, asking, query, *options);
    fanout.add_missing(&missing);
    fanout.seen_by(*visible, exchange.clone());
    fanout.prime().await?;
    let first_record = exchange.as_ref().filter(|_| fanout.has_first_record());
    let timing = Timing { open: None, first_record: first_record.map(|exchange| exchange.began.elapsed()) };
    let failed = fanout.failed_so_far();
    let notices = fanout.notices().to_vec();
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        fanout.take_whole().map(Body::from).ok_or_else(|| fanout.into_body())
    };
    let mut response = streaming(options.format, body, *deadline);
    timing.write(response.headers_mut());
    if !options.trailers {
        notice::write(&notices, response.headers_mut());
    }
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    Ok(response)
}

/// The method with which hosts are asked. A POST is the same as a GET; one with a long query is made
/// of it again by [`Target`].
fn asked_with(method: &Method) -> Method {
    if *method == Method::HEAD { Method::HEAD } else { Method::GET }
}

/// The answer about a file that the viewer may not see: that of a host which does not have it.
fn missing_file(method: &Method, name: &FileName) -> Response {
    let mut response = name.not_found().into_response::<Body>();
    if method == Method::HEAD {
        *response.body_mut() = headless();
    }
    response
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
