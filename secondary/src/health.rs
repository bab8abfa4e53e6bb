//! `/healthz`, `/readyz` and `/`.

use crate::read::Engine;
use crate::routes::whole;
use crate::serve::{AnswerBody, RingThread, Stage};
use backscroll_shared::VERSION;
use http::{Response, StatusCode};
use serde_json::json;

/// `GET /healthz`: the process lives.
pub(crate) fn alive() -> Response<AnswerBody> {
    whole("text/plain; charset=utf-8", "ok\n")
}

/// `GET /readyz`: whether it can serve, with which engine, and if not, why.
pub(crate) fn ready<E: Engine>(thread: &RingThread<E>) -> Response<AnswerBody> {
    let host = &thread.host;
    let draining = *host.stage.borrow() >= Stage::Draining;
    let reason = if draining { Some("draining".to_owned()) } else { host.catalog.ready().err() };
    let ready = reason.is_none();
    let body = json!({
        "ready": ready,
        "hostname": host.config.hostname,
        "version": VERSION,
        "io_engine": E::NAME,
        "io_fallback": host.io_fallback,
        "reason": reason,
    });
    let mut response = whole("application/json", format!("{body}\n"));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// `GET /`: what this is.
pub(crate) fn index<E: Engine>(thread: &RingThread<E>, called: &str) -> Response<AnswerBody> {
    let text = format!(
        "backscroll-secondary {VERSION} on {}: the newest lines first, from this host's log files\n\
         \n\
         GET /logs?filename=F[&keyword=K][&n=N]  records, newest first; Accept: application/x-ndjson for JSON\n\
         GET /files[?glob=G]                     the files that can be named\n\
         GET /healthz                            the process lives\n\
         GET /readyz                             it can serve; version and engine\n\
         \n\
         try: curl 'http://{called}/files'\n\
         then: curl 'http://{called}/logs?filename=FILE&n=20'\n",
        thread.host.config.hostname
    );
    whole("text/plain; charset=utf-8", text)
}
