//! The connections to the health port. They may ask for health and metrics alone
//! ([`Watch::refused`](backscroll_shared::conn::Watch::refused)), and are served to the end of the
//! drain, on the thread that accepts.

use super::app::App;
use super::open::{Open, SWEEP_TIME};
use super::router::router;
use super::work::{Counted, Work};
use super::worker::refuse;
use backscroll_shared::conn::{Connections, HEALTH_PORT_CONNECTIONS};
use backscroll_shared::listen::{Accepted, AsyncListener};
use backscroll_shared::metrics::Metric;
use backscroll_shared::tls::Acceptor;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Serves the health port until it is dropped. `load` is how many connections there are.
pub async fn serve(
    listener: AsyncListener,
    app: Arc<App>,
    acceptor: Option<Arc<Acceptor>>,
    load: Arc<AtomicUsize>,
    accept_pause: Duration,
) {
    let shared = Arc::clone(&app.shared);
    let router = router(app);
    let mut open = Open { acceptor: acceptor.clone(), ..Open::default() };
    let mut refused = JoinSet::new();
    let mut connections = Connections::of_health_port();
    // The drain ends none of them.
    let (_end, goes_on) = watch::channel(false);
    let mut sweep = interval(SWEEP_TIME);
    sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(done) = open.tasks.join_next_with_id() => {
                open.closed(done);
                continue;
            }
            Some(_) = refused.join_next() => continue,
            _ = sweep.tick() => {
                open.cut_overdue(shared.metrics.counts());
                continue;
            }
        };
        let Accepted { stream, peer } = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::error!(%error, "nothing can be accepted at the health port");
                sleep(accept_pause).await;
                continue;
            }
        };
        let Some(watch) = connections.admit(peer, || load.load(Relaxed)).await else {
            shared.metrics.counts().one(Metric::ConnectionsRefused);
            if refused.len() < HEALTH_PORT_CONNECTIONS {
                refused.spawn(refuse(stream, acceptor.clone()));
            }
            continue;
        };
        let work = Work { stream, watch, counted: Counted::among(&load) };
        if let Err(error) = open.begin(work, &router, &shared, &goes_on) {
            tracing::error!(%error, "a socket could not be taken");
        }
    }
}
