//! The endpoints, a file for each.

pub mod files;
pub mod health;
pub mod hosts;
pub mod logs;

use crate::app::App;
use crate::fleet::Host;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::VERSION;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::Problem;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use std::sync::Arc;

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// `GET /`: what this is.
pub async fn index(State(app): State<Arc<App>>, request: Parts) -> Response {
    let here = headers::called(&request.headers);
    let fleet = app.shared.fleet();
    let host = fleet.hosts().next().map_or("NAME", |host| host.name.as_str());
    whole(
        StatusCode::OK,
        TEXT,
        format!(
            "backscroll-primary {VERSION}: the newest lines first, from the fleet's log files where they lie

GET /logs?hostname=&filename=&keyword=&n=&on_error=   lines, newest first; Accept: application/x-ndjson for objects
GET /files?hostname=&glob=                            the hosts' log files
GET /hosts                                            the fleet, and how it is
GET /healthz, /readyz                                 whether this lives, and whether it can serve

hostname: a name of the fleet, repeatable, * and ? as wildcards; without it the whole fleet, merged by the lines' times

Try:  curl 'http://{here}/files?hostname={host}'
      curl 'http://{here}/logs?hostname={host}&filename=FILE&keyword=error&n=20'
"
        ),
    )
}

/// An answer that is there at once.
fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Body::from(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The host that is asked alone, by its whole name: its lines are bare. Said twice it is one host.
fn alone<'h>(hosts: &'h [Arc<Host>], hostnames: &[String]) -> Option<&'h Arc<Host>> {
    let [host] = hosts else { return None };
    let is_named = !hostnames.is_empty() && hostnames.iter().all(|name| *name == host.name);
    is_named.then_some(host)
}

/// The body of an answer to HEAD, whose length is not known.
pub(crate) fn headless() -> Body {
    Body::from_stream(futures_util::stream::empty::<Result<Bytes, std::convert::Infallible>>())
}

/// A problem, or the answer.
fn told(result: Result<Response, Problem>) -> Response {
    result.unwrap_or_else(Problem::into_response::<Body>)
}
