//! `/healthz`, `/readyz` and `/`.

use super::body::{AnswerBody, whole};
use super::endpoints;
use super::state::{RingThread, Stage};
use crate::read::Engine;
use backscroll_shared::VERSION;
use http::{Response, StatusCode};
use serde_json::json;

/// `GET /healthz`: the process lives.
pub(super) fn alive() -> Response<AnswerBody> {
    whole("text/plain; charset=utf-8", "ok\n")
}

/// `GET /readyz`: whether it can serve, with which engine, and if not, why.
pub(super) async fn ready<E: Engine>(thread: &RingThread<E>) -> Response<AnswerBody> {
    let shared = &thread.shared;
    let draining = *shared.stage.borrow() >= Stage::Draining;
    let reason = if draining {
        Some("draining".to_owned())
    } else {
        shared.readiness.look(&shared.catalog).await.err().map(|error| error.to_string())
    };
    let ready = reason.is_none();
    let body = json!({
        "ready": ready,
        "hostname": shared.config.hostname,
        "version": VERSION,
        "instance": shared.instance.to_string(),
        "io_engine": E::NAME,
        "io_fallback": shared.io_fallback.get(),
        "reason": reason,
        "warnings": shared.warnings,
    });
    let mut response = whole("application/json", format!("{body}\n"));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// `GET /`: what this is.
pub(super) fn index<E: Engine>(thread: &RingThread<E>, called: &str) -> Response<AnswerBody> {
    let host = &thread.shared.config.hostname;
    let endpoints = endpoints::lines();
    let text = format!(
        "backscroll-secondary {VERSION} on {host}: the newest lines first, from this host's log files\n\
         \n\
         {endpoints}\
         \n\
         try: curl 'http://{called}/files'\n\
         then: curl 'http://{called}/logs?filename=FILE&n=20'\n",
    );
    whole("text/plain; charset=utf-8", text)
}
