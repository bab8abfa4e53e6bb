//! `GET /healthz` and `GET /readyz`.

use super::app::App;
use crate::answer::{JSON, TEXT, or_problem, whole};
use crate::fleet::EMPTY;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::VERSION;
use backscroll_shared::query::no_parameters;
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use std::sync::Arc;

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
    let fleet = app.shared.fleet();
    let missing: Vec<&str> = fleet.missing().values().map(String::as_str).collect();
    let reason = if fleet.is_empty() { Some(EMPTY.to_owned()) } else { None };
    let state = OwnReadiness {
        ready: reason.is_none(),
        hostname: &app.shared.hostname,
        version: VERSION,
        io_engine: None,
        // It serves what there is, and says what is missing all the same.
        reason: reason.or_else(|| (!missing.is_empty()).then(|| missing.join("; "))),
    };
    let mut body = serde_json::to_vec(&state).expect("the state is plain data");
    body.push(b'\n');
    let status = if state.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    whole(status, JSON, body)
}
