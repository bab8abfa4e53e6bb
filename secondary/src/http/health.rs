//! `/healthz`, `/readyz` and `/`.

use super::access::Viewer;
use super::body::{AnswerBody, whole};
use super::endpoints;
use super::state::{RingThread, Stage};
use crate::read::Engine;
use backscroll_shared::VERSION;
use backscroll_shared::auth::NOT_READY;
use backscroll_shared::query::{Audience, parameters};
use backscroll_shared::wire::public_readyz;
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::atomic::Ordering::Relaxed;

/// `GET /healthz`: the process runs.
pub(super) fn alive() -> Response<AnswerBody> {
    whole("text/plain; charset=utf-8", "ok\n")
}

/// Looks whether this secondary can serve, for the metrics too. Returns the reason if it cannot.
pub(super) async fn look<E: Engine>(thread: &RingThread<E>) -> Option<String> {
    let shared = &thread.shared;
    let draining = *shared.stage.borrow() >= Stage::Draining;
    let reason = if draining {
        Some("draining".to_owned())
    } else {
        shared.readiness.look(&shared.catalog).await.err().map(|error| error.to_string())
    };
    shared.measured.is_ready.store(reason.is_none(), Relaxed);
    reason
}

/// `GET /readyz`: whether this secondary can serve, with which engine, and if not, why.
/// A stranger is told no more than whether it can.
pub(super) async fn ready<E: Engine>(thread: &RingThread<E>, viewer: &Viewer) -> Response<AnswerBody> {
    let shared = &thread.shared;
    let reason = look(thread).await;
    let ready = reason.is_none();
    if viewer.is_stranger {
        return public_readyz::short(ready);
    }
    let reason = reason.map(|reason| if viewer.files.is_all() { reason } else { NOT_READY.to_owned() });
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

/// `GET /`: what this program is, and its endpoints.
pub(super) fn index<E: Engine>(thread: &RingThread<E>, called: &str) -> Response<AnswerBody> {
    let host = &thread.shared.config.hostname;
    let endpoints = endpoints::lines();
    let parameters = parameters::page(Audience::Secondary);
    let text = format!(
        "backscroll-secondary {VERSION} on {host}: the newest lines first, from this host's log files\n\
         \n\
         {endpoints}\
         \n\
         {parameters}\
         \n\
         try: curl 'http://{called}/files'\n\
         then: curl 'http://{called}/logs?filename=FILE&n=20'\n",
    );
    whole("text/plain; charset=utf-8", text)
}
