//! `GET /files`: one host's log files passed through, or those of several.

use super::app::App;
use crate::answer::{EndsBy, JSON, Options, TEXT, headless, or_problem};
use crate::fanout::listing::Listing;
use crate::fanout::source::ASKED_AT_ONCE;
use crate::fleet::select::Selection;
use crate::host::ask::HostAnswer;
use crate::host::permits::Permits;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::{Pair, host, pairs, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use futures_util::{StreamExt as _, stream};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::collections::BTreeMap;
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
    let content_type = match format {
        ListFormat::Text => TEXT,
        ListFormat::Json => JSON,
    };
    let fleet = app.shared.fleet();
    let Selection { hosts, exact, open } = fleet.select(&query.hostnames).await?;
    let deadline = Instant::now() + app.upstream.times().request;
    let target = match &query.glob {
        Some(glob) => format!("/files?glob={}", percent_encode(glob, NON_ALPHANUMERIC)),
        None => "/files".to_owned(),
    };
    let method = &request.method;
    let permits = Permits::admit(app.upstream.capacity(), hosts.len(), app.upstream.times().head).await?;
    let asks = hosts.iter().map(|host| async {
        let answer = app.upstream.ask(host, method, &target, content_type, deadline, &permits).await;
        (Arc::clone(host), answer)
    });
    let asks: Vec<_> = asks.collect();
    let mut answers: Vec<_> = stream::iter(asks).buffered(ASKED_AT_ONCE).collect().await;
    let trailers = headers::wants_trailers(request.version, &request.headers);
    if exact {
        match answers.pop() {
            Some((_, Err(problem))) => return Err(problem),
            Some((_, Ok((_, HostAnswer::Refused(refusal))))) => return Ok(refusal.into_response()),
            answer => answers.extend(answer),
        }
    }
    let none = BTreeMap::new();
    let missing = if open { fleet.missing() } else { &none };
    let listing = Listing::new(Options { format, trailers, browser }, exact, answers, missing)?;
    let failed = listing.failed_so_far();
    let body = if method == Method::HEAD { headless() } else { listing.into_body() };
    let mut response = Response::new(body);
    if !failed.is_empty() {
        response.headers_mut().insert(headers::LOG_HOSTS_FAILED, headers::value(&failed));
    }
    if trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.extensions_mut().insert(EndsBy(deadline));
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
