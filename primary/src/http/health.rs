//! `GET /healthz` and `GET /readyz`.

use super::access::{Told, Viewer};
use super::app::App;
use crate::answer::{JSON, TEXT, or_problem, whole};
use crate::fleet::EMPTY;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::VERSION;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::public_readyz;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The reason while answers in flight end. The secondary says the same.
const DRAINING: &str = "draining";

/// The reason where hosts are missing, for those who have no token: names are not for everybody.
const MISSING: &str = "hosts of the fleet are missing: ask with a token to see which";

/// Answers `/healthz`: the process lives.
pub async fn healthz() -> Response {
    whole(StatusCode::OK, TEXT, "ok\n")
}

#[derive(Debug, Serialize)]
struct OwnReadiness<'a> {
    ready: bool,
    hostname: &'a str,
    version: &'static str,
    /// None: a primary reads no files.
    io_engine: Option<&'static str>,
    reason: Option<String>,
}

/// Answers `/readyz`: whether it can serve.
pub async fn readyz(State(app): State<Arc<App>>, request: Parts) -> Response {
    if let Err(problem) = no_parameters(request.uri.query()) {
        return or_problem(Err(problem));
    }
    let viewer = Viewer::of(&request.extensions);
    let fleet = app.shared.fleet();
    let is_draining = app.shared.is_draining.load(Relaxed);
    if viewer.told() == Told::State {
        return public_readyz::short(!fleet.is_empty() && !is_draining);
    }
    let visible = app.shared.fleet_of(&viewer).await;
    let draining = is_draining.then(|| DRAINING.to_owned());
    let empty = fleet.is_empty().then(|| EMPTY.to_owned());
    let missing = match viewer.told() {
        Told::WithoutNames if !visible.missing().is_empty() => vec![MISSING.to_owned()],
        _ => visible.missing().reasons(),
    };
    let reasons: Vec<String> = draining.into_iter().chain(empty).chain(missing).collect();
    let state = OwnReadiness {
        ready: !fleet.is_empty() && !is_draining,
        hostname: &app.shared.hostname,
        version: VERSION,
        io_engine: None,
        // It serves what there is, and says what is missing all the same.
        reason: (!reasons.is_empty()).then(|| reasons.join("; ")),
    };
    let mut body = serde_json::to_vec(&state).expect("the state is plain data");
    body.push(b'\n');
    let status = if state.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    whole(status, JSON, body)
}
