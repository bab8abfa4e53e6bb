//! `GET /hosts`: the fleet, and how each host is.

use super::{JSON, TEXT, told, whole};
use crate::app::App;
use crate::health::{PROBES, Seen, probe};
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::problem::Problem;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long hosts are asked, all in all: somebody waits for the list. Of one that was not
/// asked by then the list says what is known of it.
const ASKING_TIME: Duration = Duration::from_secs(4);

/// One host as it stands.
#[derive(Debug, Serialize)]
struct Row<'f> {
    name: &'f str,
    url: &'f str,
    state: &'static str,
    version: Option<String>,
    io_engine: Option<String>,
    /// When it last answered, a probe or a request.
    last_contact: Option<String>,
}

/// Answers `/hosts`.
pub async fn hosts(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    no_parameters(request.uri.query())?;
    let format = accept::list_format(&request.headers)?;
    let fleet = app.shared.fleet();
    let asked = stream::iter(fleet.hosts()).for_each_concurrent(PROBES, async |host| {
        probe(&app.upstream, host).await;
    });
    // What was not learnt in time is not in the health either.
    let _ = timeout(ASKING_TIME, asked).await;
    let rows = fleet.hosts().map(|host| {
        let Seen { state, version, io_engine, .. } = host.health.seen();
        let last_contact = host.health.last_contact().map(|time| time.to_string());
        Row { name: &host.name, url: &host.url, state: state.as_str(), version, io_engine, last_contact }
    });
    Ok(match format {
        ListFormat::Json => {
            let rows: Vec<Row<'_>> = rows.collect();
            let mut body = serde_json::to_vec(&rows).expect("rows are plain data");
            body.push(b'\n');
            whole(StatusCode::OK, JSON, body)
        }
        ListFormat::Text => {
            let mut body = String::new();
            for Row { name, url, state, .. } in rows {
                writeln!(body, "{name}\t{url}\t{state}").expect("a String takes it");
            }
            whole(StatusCode::OK, TEXT, body)
        }
    })
}
