//! `GET /metrics`.

use super::app::App;
use crate::answer::or_problem;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::metrics::endpoint;
use http::request::Parts;
use std::sync::Arc;

/// Answers `/metrics`: the page.
pub async fn metrics(State(app): State<Arc<App>>, request: Parts) -> Response {
    or_problem(endpoint::answer(&app.shared.metrics, &request.uri, &request.headers).await)
}
