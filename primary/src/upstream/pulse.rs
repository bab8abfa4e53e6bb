//! Whether a host that is silent in the middle of its answer is alive.
//!
//! In frames a host says every 50 ms how far its search is, so silence alone tells. A text has
//! no room for that, and a search through a large file may find nothing for minutes. There the
//! host is asked something else meanwhile.

use super::client::Client;
use super::small;
use crate::fleet::Host;
use backscroll_shared::wire::instance::Instance;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Empty;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Says whether the host is alive.
pub(super) type Beats = Pin<Box<dyn Future<Output = bool> + Send>>;

/// How the host of one answer is asked whether it is alive.
#[derive(Debug)]
pub(super) struct Pulse {
    host: Arc<Host>,
    /// Which secondary the answer is of.
    instance: Instance,
    /// None where silence alone tells.
    client: Option<(Client, Duration)>,
}

impl Pulse {
    /// Of a host whose answer `instance` gives. It has so long to answer the `client`.
    pub(super) fn new(host: &Arc<Host>, instance: Instance, client: Option<(Client, Duration)>) -> Pulse {
        Pulse { host: Arc::clone(host), instance, client }
    }

    /// Asks; nothing where silence alone tells.
    pub(super) fn feel(&self) -> Option<Beats> {
        let (client, time) = self.client.clone()?;
        let (host, instance) = (Arc::clone(&self.host), self.instance);
        Some(Box::pin(async move { timeout(time, beats(client, &host, instance)).await.unwrap_or(false) }))
    }

    /// The host was silent for so long, and is given up: the next request is to know it.
    pub(super) fn is_missing(&self, silent: Duration) {
        let now = std::time::Instant::now();
        self.host.health.hung(now.checked_sub(silent).unwrap_or(now));
    }
}

async fn beats(client: Client, host: &Host, instance: Instance) -> bool {
    let Ok(request) = Request::get(format!("{}/healthz", host.url)).body(Empty::<Bytes>::new()) else {
        return false;
    };
    let Ok(response) = client.request(request).await else { return false };
    let (head, body) = response.into_parts();
    let is_it = match Instance::of(&head.headers) {
        // Another one has started at this address since.
        Some(other) => other == instance,
        // So a secondary refuses a connection that is one too many.
        None => head.status == StatusCode::SERVICE_UNAVAILABLE,
    };
    is_it && small(body).await.is_some()
}
