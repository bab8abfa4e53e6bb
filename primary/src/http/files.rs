//! `GET /files`: one host's log files passed through, or those of several.

use super::access::Viewer;
use super::app::App;
use crate::answer::{EndsBy, JSON, Options, TEXT, headless, or_problem};
use crate::fanout::listing::{Listing, SeenBy};
use crate::fanout::source::ASKED_AT_ONCE;
use crate::fleet::select::Selection;
use crate::host::ask::{Asking, HostAnswer};
use crate::host::permits::Permits;
use crate::host::target::{Target, Targets};
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::query::{Pair, host, pairs, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::verdict::HostsVisible;
use futures_util::{StreamExt as _, stream};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::sync::Arc;
use tokio::time::Instant;

/// The parameters of `/files`.
pub(super) const PARAMETERS: [&str; 2] = ["hostname", "glob"];

/// Answers `/files`.
pub async fn files(State(app): State<Arc<App>>, request: Parts) -> Response {
    or_problem(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    let query = FileQuery::parse(request.uri.query().unwrap_or_default())?;
    accept::check_range(&request.headers)?;
    let format = accept::list_format(&request.headers)?;
    let browser = format == ListFormat::Text && accept::is_browser(&request.headers);
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let options = Options { format, trailers, browser };
    let viewer = Viewer::of(&request.extensions);
    let exchange = Exchange::of(&request.extensions).cloned();
    if let Some(exchange) = &exchange {
        exchange.note_hostnames(&query.hostnames);
    }
    let fleet = app.shared.fleet_of(&viewer).await;
    let selection = fleet.select(&query.hostnames).await?;
    if let Some(exchange) = &exchange {
        exchange.note_hosts(selection.hosts.iter().map(|host| &*host.name));
    }
    let hosts_visible = viewer.hosts_visible(selection.open);
    let asking = Asking {
        method: request.method.clone(),
        targets: Targets::Same(match &query.glob {
            Some(glob) => Target::plain(format!("/files?glob={}", percent_encode(glob, NON_ALPHANUMERIC))),
            None => Target::plain("/files".to_owned()),
        }),
        deadline: Instant::now() + app.upstream.times().request,
        on_behalf: viewer.on_behalf(),
        exchange: exchange.clone(),
    };
    let seen_by = SeenBy { files: viewer.files().clone(), hosts_visible, exchange };
    let mut response = or_problem(listed(app, selection, asking, options, &viewer, seen_by).await);
    HostsVisible::write(hosts_visible, response.headers_mut());
    Ok(response)
}

async fn listed(
    app: &App,
    selection: Selection,
    asking: Asking,
    options: Options<ListFormat>,
    viewer: &Viewer,
    seen_by: SeenBy,
) -> Result<Response, Problem> {
    let Selection { hosts, exact, missing, .. } = selection;
    let content_type = match options.format {
        ListFormat::Text => TEXT,
        ListFormat::Json => JSON,
    };
    let (capacity, times) = (app.upstream.capacity(), app.upstream.times());
    let permits = Permits::admit(capacity, hosts.len(), times.head, viewer.share()).await?;
    let asks = hosts.iter().map(|host| async {
        let answer = app.upstream.ask(host, &asking, content_type, &permits).await;
        (Arc::clone(host), answer)
    });
    let asks: Vec<_> = asks.collect();
    let mut answers: Vec<_> = stream::iter(asks).buffered(ASKED_AT_ONCE).collect().await;
    if exact {
        match answers.pop() {
            Some((_, Err(problem))) => return Err(problem),
            Some((_, Ok((_, HostAnswer::Refused(refusal))))) => return Ok(refusal.into_response()),
            answer => answers.extend(answer),
        }
    }
    let listing = Listing::new(options, exact, answers, &missing, seen_by)?;
    let failed = listing.failed_so_far();
    let body = if asking.method == Method::HEAD { headless() } else { listing.into_body() };
    let mut response = Response::new(body);
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    if options.trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.extensions_mut().insert(EndsBy(asking.deadline));
    Ok(response)
}

struct FileQuery {
    hostnames: Vec<String>,
    glob: Option<Vec<u8>>,
}

impl FileQuery {
    fn parse(query: &str) -> Result<FileQuery, Problem> {
        let bad = |detail: &str| Err(Problem::new(Code::BadParameter, detail.to_owned()));
        let mut parsed = FileQuery { hostnames: Vec::new(), glob: None };
        for Pair { name, value } in pairs(query)? {
            match name.as_slice() {
                b"hostname" => parsed.hostnames.push(host(value)?),
                b"glob" if parsed.glob.is_some() => return bad("glob is given twice: give it once"),
                b"glob" => parsed.glob = Some(value),
                _ => return Err(unknown_parameter(&name, &PARAMETERS)),
            }
        }
        Ok(parsed)
    }
}
