//! `/healthz`, `/readyz` and `/`.

use crate::read::Engine;
use crate::routes::whole;
use crate::serve::{AnswerBody, Host, RingThread, Stage};
use backscroll_shared::VERSION;
use http::{Response, StatusCode};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;
use tokio::sync::watch;

/// `GET /healthz`: the process lives.
pub(crate) fn alive() -> Response<AnswerBody> {
    whole("text/plain; charset=utf-8", "ok\n")
}

/// `GET /readyz`: whether it can serve, with which engine, and if not, why.
pub(crate) async fn ready<E: Engine>(thread: &RingThread<E>) -> Response<AnswerBody> {
    let host = &thread.host;
    let draining = *host.stage.borrow() >= Stage::Draining;
    let reason = if draining { Some("draining".to_owned()) } else { look(host).await };
    let ready = reason.is_none();
    let body = json!({
        "ready": ready,
        "hostname": host.config.hostname,
        "version": VERSION,
        "instance": host.instance.to_string(),
        "io_engine": E::NAME,
        "io_fallback": host.io_fallback.get(),
        "reason": reason,
        "warnings": host.warnings,
    });
    let mut response = whole("application/json", format!("{body}\n"));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response
}

/// The look at the log directories that is under way, and the outcome of the last one.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    is_under_way: AtomicBool,
    outcome: watch::Sender<Option<String>>,
}

/// How long a look may take: less than those wait who ask for `/readyz`.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// Why the log directories cannot be served, if they cannot. They are looked at by a thread
/// that lives as long as that takes, one at a time: on a mount whose server is gone it may be
/// for ever, and everybody asks for this, every few seconds.
async fn look(host: &Arc<Host>) -> Option<String> {
    let mut outcome = host.looks.outcome.subscribe();
    if !host.looks.is_under_way.swap(true, SeqCst) {
        let shared = Arc::clone(host);
        let looking = std::thread::Builder::new().name("backscroll-look".to_owned()).spawn(move || {
            let found = shared.catalog.ready().err();
            // First, so that whoever finds one under way hears of its end.
            shared.looks.is_under_way.store(false, SeqCst);
            shared.looks.outcome.send_replace(found);
        });
        if let Err(error) = looking {
            host.looks.is_under_way.store(false, SeqCst);
            return Some(format!("the log directory cannot be looked at: {error}"));
        }
    }
    match tokio::time::timeout(LOOK_TIME, outcome.changed()).await {
        Ok(_) => outcome.borrow().clone(),
        Err(_) => Some(format!(
            "a log directory does not answer within {} s: is it a mount whose server is gone?",
            LOOK_TIME.as_secs()
        )),
    }
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
