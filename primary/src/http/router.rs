//! The endpoints: one table, from which come the routes and the page of `/`.

use super::access::{self, Viewer};
use super::app::App;
use super::connection::BySocket;
use super::{files, health, hosts, logs, metrics};
use crate::answer::{TEXT, whole};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use backscroll_shared::VERSION;
use backscroll_shared::query::{Audience, parameters};
use backscroll_shared::wire::head::check_head;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::Problem;
use http::StatusCode;
use http::request::Parts;
use std::fmt::Write as _;
use std::sync::Arc;

/// A line of the page of `/`: one or several endpoints.
struct Endpoints {
    /// Each path with what answers it.
    paths: Vec<(&'static str, MethodRouter<Arc<App>>)>,
    /// The parameters that they take.
    parameters: &'static [&'static str],
    /// What they answer.
    what: &'static str,
}

/// All endpoints but `/`.
fn endpoints() -> [Endpoints; 5] {
    [
        Endpoints {
            paths: vec![("/logs", get(logs::logs).post(logs::logs))],
            // The others have lines of their own.
            parameters: &["filename"],
            what: "lines, newest first; Accept: application/x-ndjson for objects",
        },
        Endpoints {
            paths: vec![("/files", get(files::files))],
            parameters: &files::PARAMETERS,
            what: "the hosts' log files",
        },
        Endpoints {
            paths: vec![("/hosts", get(hosts::hosts))],
            parameters: &[],
            what: "the fleet, and how it is",
        },
        Endpoints {
            paths: vec![("/healthz", get(health::healthz)), ("/readyz", get(health::readyz))],
            parameters: &[],
            what: "whether this lives, and whether it can serve",
        },
        Endpoints {
            paths: vec![("/metrics", get(metrics::metrics))],
            parameters: &[],
            what: "metrics for Prometheus",
        },
    ]
}

/// Answers every request. Each endpoint takes GET and HEAD, and `/logs` takes POST, too.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new().route("/", get(index));
    for (path, answer) in endpoints().into_iter().flat_map(|endpoints| endpoints.paths) {
        router = router.route(path, answer);
    }
    router
        .method_not_allowed_fallback(other_method)
        .fallback(no_route)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

async fn guard(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    // Private fields between a primary and its hosts. A client that sends them changes nothing. (No
    // other one of them is read here, and none is passed on.)
    request.headers_mut().remove(headers::RELAY);
    request.headers_mut().remove(headers::REMAINING);
    let named = match &app.shared.allowed_hosts {
        Some(hosts) if request.uri().path() != "/healthz" && !is_by_socket(&request) => {
            hosts.check(request.uri(), request.headers())
        }
        _ => Ok(()),
    };
    if let Err(problem) = check_head(&request).and(named) {
        return problem.into_response::<Body>();
    }
    let in_use = match access::admit(&app.shared.access, &mut request).await {
        Ok(in_use) => in_use,
        Err(problem) => return problem.into_response::<Body>(),
    };
    let mut response = next.run(request).await;
    headers::hardened(response.headers_mut());
    if let Some(in_use) = in_use {
        response.extensions_mut().insert(in_use);
    }
    response
}

/// Whether it came over a Unix socket, which no web page reaches. (The health port may be one.)
fn is_by_socket(request: &Request) -> bool {
    request.extensions().get::<BySocket>().is_some()
}

async fn other_method(request: Request) -> Response {
    let path = request.uri().path();
    let methods = if path == "/logs" { "GET, HEAD, POST" } else { "GET, HEAD" };
    Problem::other_method(path, methods).into_response::<Body>()
}

async fn no_route(request: Request) -> Response {
    access::no_route(request.uri().path()).into_response::<Body>()
}

/// Columns of the paths and parameters, on the page of `/`.
const COLUMNS: usize = 50;

/// `GET /`: what this is, its endpoints, and lines to try.
async fn index(State(app): State<Arc<App>>, request: Parts) -> Response {
    let here = headers::called(&request.headers);
    let fleet = app.shared.fleet_of(&Viewer::of(&request.extensions)).await;
    let host = fleet.hosts().next().map_or("NAME", |host| host.name.as_str());
    let mut list = String::new();
    for Endpoints { paths, parameters, what } in endpoints() {
        let paths: Vec<&str> = paths.iter().map(|(path, _)| *path).collect();
        let mut usage = paths.join(", ");
        for (index, name) in parameters.iter().enumerate() {
            usage.push(if index == 0 { '?' } else { '&' });
            usage.push_str(name);
            usage.push('=');
        }
        writeln!(list, "GET {usage:COLUMNS$}{what}").expect("a String takes it");
    }
    let parameters = parameters::page(Audience::Primary);
    whole(
        StatusCode::OK,
        TEXT,
        format!(
            "backscroll-primary {VERSION}: the newest lines first, from the fleet's log files where they lie

{list}
{parameters}
Try:  curl 'http://{here}/files?hostname={host}'
      curl 'http://{here}/logs?hostname={host}&filename=FILE&keyword=error&n=20'
"
        ),
    )
}
