//! Whether a host that is silent in the middle of its answer is alive.
//!
//! In frames a host says every 50 ms how far its search is, so one that is silent has failed. A
//! text cannot say that, and the search through a large file may find nothing for minutes. Such a
//! host is asked for `/healthz` meanwhile.

use super::Host;
use super::client::Client;
use super::upstream::small;
use backscroll_shared::wire::instance::Instance;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Ready once it is known whether the host is alive.
pub(super) type Beats = Pin<Box<dyn Future<Output = bool> + Send>>;

/// How the host of one answer is asked whether it is alive.
#[derive(Debug)]
pub(super) struct Pulse {
    host: Arc<Host>,
    /// Which secondary the answer is of.
    instance: Instance,
    /// None where a host that is silent has failed.
    client: Option<(Client, Duration)>,
}

impl Pulse {
    /// For an answer that `instance` gives. The `client` waits so long for `/healthz`.
    pub(super) fn new(host: &Arc<Host>, instance: Instance, client: Option<(Client, Duration)>) -> Pulse {
        Pulse { host: Arc::clone(host), instance, client }
    }

    /// Asks whether the host is alive; None where one that is silent has failed.
    pub(super) fn feel(&self) -> Option<Beats> {
        let (client, time) = self.client.clone()?;
        let (host, instance) = (Arc::clone(&self.host), self.instance);
        Some(Box::pin(async move { timeout(time, beats(client, &host, instance)).await.unwrap_or(false) }))
    }

    /// Tells the host's health that it was silent for so long, and was given up.
    pub(super) fn is_missing(&self, silent: Duration) {
        let now = std::time::Instant::now();
        self.host.health.hung(now.checked_sub(silent).unwrap_or(now));
    }
}

async fn beats(client: Client, host: &Host, instance: Instance) -> bool {
    let Ok(request) = Request::get(format!("{}/healthz", host.url)).body(Full::<Bytes>::default()) else {
        return false;
    };
    let Ok(response) = client.request(request).await else { return false };
    let (head, body) = response.into_parts();
    let is_it = match Instance::of(&head.headers) {
        // It may be another one, which has started at this address since.
        Some(other) => other == instance,
        // A secondary that has too many connections answers like this.
        None => head.status == StatusCode::SERVICE_UNAVAILABLE,
    };
    is_it && small(body).await.is_some()
}
