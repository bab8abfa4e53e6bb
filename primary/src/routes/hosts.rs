//! `GET /hosts`: the fleet, and how each host is.

use super::{JSON, TEXT, told, whole};
use crate::app::App;
use crate::fleet::Host;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::problem::Problem;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::sync::Arc;

/// Hosts probed at once: a large fleet within seconds, and not a descriptor for each host.
const PROBES: usize = 64;

/// One host as it stands.
#[derive(Debug, Serialize)]
struct Row<'f> {
    name: &'f str,
    url: &'f str,
    state: &'static str,
    version: Option<String>,
    io_engine: Option<String>,
}

/// What is read of a secondary's `/readyz`.
#[derive(Debug, Deserialize)]
struct Readiness {
    version: Option<String>,
    io_engine: Option<String>,
}

/// Answers `/hosts`.
pub async fn hosts(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    no_parameters(request.uri.query())?;
    let format = accept::list_format(&request.headers)?;
    let probes: Vec<_> = app.shared.fleet.hosts().map(|host| probed(app, host)).collect();
    let rows: Vec<Row<'_>> = stream::iter(probes).buffered(PROBES).collect().await;
    Ok(match format {
        ListFormat::Json => {
            let mut body = serde_json::to_vec(&rows).expect("rows are plain data");
            body.push(b'\n');
            whole(StatusCode::OK, JSON, body)
        }
        ListFormat::Text => {
            let mut body = String::new();
            for Row { name, url, state, .. } in &rows {
                writeln!(body, "{name}\t{url}\t{state}").expect("a String takes it");
            }
            whole(StatusCode::OK, TEXT, body)
        }
    })
}

async fn probed<'f>(app: &App, host: &'f Host) -> Row<'f> {
    let answered = app.upstream.probe(host).await;
    let known = answered.and_then(|(status, body)| {
        let state = match status {
            StatusCode::OK => "ready",
            StatusCode::SERVICE_UNAVAILABLE => "not_ready",
            _ => return None,
        };
        serde_json::from_slice::<Readiness>(&body).ok().map(|readiness| (state, readiness))
    });
    let Host { name, url } = host;
    match known {
        Some((state, Readiness { version, io_engine })) => Row { name, url, state, version, io_engine },
        // Whatever listens there, it is no secondary.
        None => Row { name, url, state: "unreachable", version: None, io_engine: None },
    }
}
