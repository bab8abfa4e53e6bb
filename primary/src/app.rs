//! The endpoints, and what all of them have in common.

use crate::fleet::Fleet;
use crate::health::rounds::Rounds;
use crate::long::Long;
use crate::routes::{files, health, hosts, index, logs};
use crate::upstream::{QUICK_AT_ONCE, Times, Upstream};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use backscroll_shared::query::quoted;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem, check_head};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};

/// What the threads have in common.
#[derive(Debug)]
pub struct Shared {
    /// Who is out there now.
    pub fleet: watch::Receiver<Arc<Fleet>>,
    /// The name of the host that this runs on.
    pub hostname: String,
    /// What all requests together may hold of the hosts' answers.
    pub room: Room,
    /// Fresh probes, for those who ask how the hosts are.
    pub rounds: Rounds,
}

/// The part of the answers under way that is kept for requests to one host.
const SINGLE_PART: usize = 8;

/// What all requests together may hold of the hosts' answers.
#[derive(Debug, Clone)]
pub struct Room {
    /// Answers under way, each over a connection.
    pub streams: Arc<Semaphore>,
    /// How many of these there may be.
    pub most_streams: usize,
    /// More of them, only for requests to one host.
    pub single_streams: Arc<Semaphore>,
    /// Whose turn it is to take one after the other.
    pub growing: Arc<Semaphore>,
    /// What is held of long lines and records.
    pub long: Long,
    /// Answers that are read in large pieces.
    pub quick: Arc<Semaphore>,
}

impl Room {
    /// For so many answers under way.
    pub fn new(streams: usize) -> Room {
        let single_streams = (streams / SINGLE_PART).max(1);
        let most_streams = streams.saturating_sub(single_streams).max(1);
        Room {
            streams: Arc::new(Semaphore::new(most_streams)),
            most_streams,
            single_streams: Arc::new(Semaphore::new(single_streams)),
            growing: Arc::new(Semaphore::new(1)),
            long: Long::default(),
            quick: Arc::new(Semaphore::new(QUICK_AT_ONCE)),
        }
    }
}

impl Shared {
    /// The state of a server of this fleet.
    pub fn new(fleet: watch::Receiver<Arc<Fleet>>, room: Room) -> Shared {
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Shared { fleet, hostname, room, rounds: Rounds::default() }
    }

    /// The fleet as it is now. It does not change under a request that holds it.
    pub fn fleet(&self) -> Arc<Fleet> {
        Arc::clone(&self.fleet.borrow())
    }
}

/// What every request may look at.
#[derive(Debug)]
pub struct App {
    /// What the threads have in common.
    pub shared: Arc<Shared>,
    /// How the hosts are asked: over connections of this thread's own, so that no answer
    /// has to wake another thread.
    pub upstream: Upstream,
}

impl App {
    /// The state of one thread.
    pub fn new(shared: Arc<Shared>, times: Times) -> Arc<App> {
        let upstream = Upstream::new(times, shared.room.clone());
        Arc::new(App { shared, upstream })
    }
}

/// The endpoints; each answers HEAD too.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/logs", get(logs::logs))
        .route("/files", get(files::files))
        .route("/hosts", get(hosts::hosts))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .method_not_allowed_fallback(other_method)
        .fallback(no_route)
        .layer(from_fn(guard))
        .with_state(app)
}

async fn guard(mut request: Request, next: Next) -> Response {
    // What is between a primary and its hosts changes nothing for a client that says it.
    request.headers_mut().remove(headers::RELAY);
    request.headers_mut().remove(headers::REMAINING);
    if let Err(problem) = check_head(&request) {
        return problem.into_response::<Body>();
    }
    let mut response = next.run(request).await;
    headers::hardened(response.headers_mut());
    response
}

async fn other_method(request: Request) -> Response {
    let detail = format!("{} takes GET and HEAD, not {}", request.uri().path(), request.method());
    Problem::new(Code::MethodNotAllowed, detail).into_response::<Body>()
}

async fn no_route(request: Request) -> Response {
    let path = quoted(request.uri().path().as_bytes());
    let detail = format!("no endpoint {path}: GET / lists them");
    Problem::new(Code::NoRoute, detail).into_response::<Body>()
}
