//! Who may ask, and what they see.
//!
//! [`who`] runs before anything else: it removes the fields that only a primary may send from the
//! requests of others. So whatever reads them later may believe them. [`Known::admit`] then refuses
//! those who are not known.

use super::endpoints;
use super::state::{Connection, RingThread};
use crate::read::Engine;
use backscroll_shared::auth::{Caller, Denied, FileGrant, FileGrants, Origin};
use backscroll_shared::conn::exchange::shortened;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::public_readyz::PublicReadyz;
use http::{HeaderValue, Request};

/// Whether it is known who asks.
pub(super) struct Known(Result<Caller, Denied>);

/// What the one who asks may see.
#[derive(Debug, Default)]
pub(super) struct Viewer {
    /// The files.
    pub(super) files: FileGrants,
    /// Whether they get no more than whether this is ready.
    pub(super) is_stranger: bool,
}

/// Finds out who asks, and removes what is not believed from the request.
pub(super) fn who<E: Engine, B>(
    thread: &RingThread<E>,
    connection: &Connection,
    request: &mut Request<B>,
) -> Known {
    let gate = &thread.shared.gate;
    let who = gate.who(request.headers(), connection.watch.certificate_names());
    if !who.as_ref().is_ok_and(Caller::is_primary) {
        for name in headers::OF_PRIMARIES {
            request.headers_mut().remove(name);
        }
    }
    if request.headers().contains_key(headers::RELAY) {
        connection.watch.peer_leaves_at_once();
    }
    if let (Some(exchange), Ok(caller)) = (connection.exchange(), &who) {
        let asks = |value: &HeaderValue| shortened(&String::from_utf8_lossy(value.as_bytes())).to_owned();
        exchange.note(|noted| match request.headers().get(headers::CALLER) {
            Some(value) => {
                // Without authentication anybody may send that field.
                let via = caller.id().unwrap_or("unverified");
                (noted.caller, noted.via) = (Some(asks(value)), Some(via.to_owned()));
            }
            None => noted.caller = caller.id().map(str::to_owned),
        });
    }
    Known(who)
}

impl Known {
    /// Lets the request in, or refuses it. Refusing takes longer, the more often it is the same place.
    pub(super) async fn admit<E: Engine, B>(
        self,
        thread: &RingThread<E>,
        connection: &Connection,
        request: &Request<B>,
    ) -> Result<Viewer, Problem> {
        let gate = &thread.shared.gate;
        let path = request.uri().path();
        if path == "/metrics" && thread.shared.config.access.public_metrics {
            return Ok(Viewer::default());
        }
        if path == "/healthz" || !gate.is_closed() && !request.headers().contains_key(headers::FILES) {
            return Ok(Viewer::default());
        }
        match self.0 {
            Ok(caller) if path == "/metrics" && !caller.reads_metrics() => Err(endpoints::no_route()),
            Ok(caller) => {
                let sent = request.headers().get(headers::FILES);
                let sent = sent.map_or(FileGrant::All, |field| thread.grants.of(field));
                let files = FileGrants::new(caller.files().clone(), sent);
                Ok(Viewer { files, is_stranger: caller.is_for_metrics_alone() })
            }
            Err(denied) => {
                if path != "/readyz" {
                    let address = connection.watch.peer().address().map(|address| address.ip());
                    let id = connection.exchange().map(|exchange| exchange.id.to_string());
                    let waits = !connection.watch.is_of_health_port();
                    gate.deny(&denied, Origin::of(address), &id.unwrap_or_default(), waits).await;
                }
                match thread.shared.config.access.public_readyz {
                    PublicReadyz::Full if path == "/readyz" => Ok(Viewer::default()),
                    PublicReadyz::Status if path == "/readyz" => {
                        Ok(Viewer { is_stranger: true, ..Viewer::default() })
                    }
                    _ => Err(denied.problem()),
                }
            }
        }
    }
}
