//! `GET /logs`: the records of one host passed on, or those of several merged.

use super::access::Viewer;
use super::app::App;
use crate::answer::{EndsBy, Options, TimeLimit, headless, or_problem};
use crate::fanout::state::Fanout;
use crate::fanout::verdict;
use crate::fleet::select::Selection;
use crate::host::Host;
use crate::host::ask::{Asking, HostAnswer};
use crate::host::permits::Permits;
use crate::host::target::{Target, Targets};
use crate::paging::{Paging, Questions, WantedPaging};
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
use tokio::time::{Instant, timeout, timeout_at};

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
    let text = query;
    let mut query = LogQuery::parse(text, Audience::Primary)?;
    let limit = query.timeout.take().map(TimeLimit::new);
    accept::check_range(&request.headers)?;
    let format = accept::log_format(&request.headers)?;
    let browser = format == Format::Text && accept::is_browser(&request.headers);
    let viewer = Viewer::of(&request.extensions);
    let exchange = Exchange::of(&request.extensions).cloned();
    if let Some(exchange) = &exchange {
        exchange.note_hostnames(&query.hostnames);
        exchange.note_query(&query);
    }
    query.check_patterns().await?;
    let fleet = app.shared.fleet_of(&viewer).await;
    let selection = fleet.select(&query.hostnames).await?;
    if let Some(exchange) = &exchange {
        exchange.note_hosts(selection.hosts.iter().map(|host| &*host.name));
    }
    let deadline = Instant::now() + app.upstream.times().request;
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let visible = viewer.hosts_visible(selection.open);
    let options = Options { format, trailers, browser };
    let can_say_so = trailers || format == Format::Ndjson;
    let is_paged = can_say_so || limit.is_some() || query.cursor.is_some();
    let paging = is_paged.then(|| Arc::new(Paging::of(&mut query, text, &selection.hosts)));
    let asked = LogRequest { query, paging, limit, options, deadline, viewer, visible, exchange };
    let answered = match &selection.hosts[..] {
        [host] if selection.exact => one(app, request, host, &asked).await,
        _ => several(app, request, selection, &asked).await,
    };
    let mut response = or_problem(answered);
    if trailers && response.status().is_success() {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    if response.status().is_success() {
        asked.query.range.instants().write(response.headers_mut());
    }
    HostsVisible::write(visible, response.headers_mut());
    Ok(response)
}

struct LogRequest {
    /// Without cursor and timeout.
    query: LogQuery,
    /// None where the verdict carries no cursors, and there is nothing to say to the hosts about it.
    paging: WantedPaging,
    /// The time that the client gives.
    limit: Option<TimeLimit>,
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

    /// Those that are the same for all hosts, unless the request continues another one, or has its own
    /// time.
    fn targets(&self) -> Targets {
        let over_at = self.limit.map(|limit| limit.over_at);
        match &self.paging {
            Some(paging) if over_at.is_some() || paging.direction().is_some() => {
                Targets::Each(Box::new(Questions::new(&self.query, Arc::clone(paging), over_at)))
            }
            _ => Targets::Same(Target::new("/logs", self.query.for_secondary())),
        }
    }

    /// How the answer can be continued, if its verdict can say so, or if it continues another one: its
    /// order is then that of all pages.
    fn wanted_paging(&self) -> WantedPaging {
        let can_say_so = self.options.trailers || self.options.format == Format::Ndjson;
        self.paging.clone().filter(|paging| can_say_so || paging.direction().is_some())
    }

    /// What the hosts are asked.
    fn asking(&self, method: &Method) -> Asking {
        Asking {
            method: asked_with(method),
            targets: self.targets(),
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
    let answered = app.upstream.ask(host, &asking, content_type, &permits);
    let answered = match asked.limit {
        Some(limit) => timeout_at(limit.ends_at(), answered).await.ok().transpose()?,
        None => Some(answered.await?),
    };
    let body = match answered {
        Some((_, HostAnswer::Refused(refusal))) => return Ok(refusal.into_response()),
        Some((_, HostAnswer::Streaming(body))) => Some(body),
        // The client is to get its cursors.
        None => None,
    };
    let open = body.as_ref().and_then(|body| body.timing().open);
    let mut timing = Timing { open, first_record: None };
    let mut notices = Vec::new();
    let body = if request.method == Method::HEAD {
        Ok(headless())
    } else {
        let file = query.filename.as_bytes();
        let is_given_up = body.is_none();
        let mut relay = Relay::new(*options, host.name.clone(), file, body, capacity);
        relay.seen_by(exchange.clone());
        relay.paged(asked.wanted_paging(), asked.limit);
        if is_given_up {
            relay.give_up();
        }
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
    let LogRequest { query, options, deadline, viewer, visible, exchange, .. } = asked;
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
    fanout.paged(asked.wanted_paging(), asked.limit);
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
