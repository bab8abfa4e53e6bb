//! `GET /logs`: one host's records, passed through.

use super::{headless, told};
use crate::app::App;
use crate::relay::{Relay, Wish};
use crate::upstream::Answer;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::{Audience, LogQuery};
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::{accept, headers};
use http::request::Parts;
use http::{Method, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the answer waits for what a host sends after its head. A secondary sends that
/// with its first record, or a second after it was asked.
const BEGIN_TIME: Duration = Duration::from_millis(10);

/// Answers `/logs`.
pub async fn logs(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    let query = LogQuery::parse(request.uri.query().unwrap_or_default(), Audience::Primary)?;
    let format = accept::log_format(&request.headers)?;
    let host = app.shared.fleet().one(&query.hostnames)?;
    let target = format!("/logs?{}", query.for_secondary());
    let pieces = match app.upstream.ask(&host, &request.method, &target, format.content_type()).await? {
        Answer::Refused(response) => return Ok(response),
        Answer::Streaming(pieces) => pieces,
    };
    let trailers = headers::wants_trailers(request.version, &request.headers);
    let body = if request.method == Method::HEAD {
        headless()
    } else {
        let wish = Wish { host: host.name.clone(), format, on_error: query.on_error, trailers };
        let mut relay = Relay::new(wish, pieces);
        // Where the host's head came before its first record, the client gets it now.
        if timeout(BEGIN_TIME, relay.begin()).await.is_ok() {
            relay.gather().await;
        }
        relay.take_whole().map_or_else(|| Body::new(relay), Body::from)
    };
    let mut response = Response::new(body);
    headers::streaming(response.headers_mut(), format.content_type());
    if trailers {
        response.headers_mut().insert(header::TRAILER, headers::TRAILER_NAMES);
    }
    Ok(response)
}
