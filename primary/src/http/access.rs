//! Who may ask, and what they see.
//!
//! Every request but `/healthz` comes through [`admit`]. With a token file, only those with a valid
//! token go on, and the [`Viewer`] says to the endpoints what they may see. Where nothing is
//! configured and the client is a process of this machine, no request costs more than a few
//! branches.

use crate::fleet::Fleet;
use crate::fleet::view::Views;
use crate::host::ask::OnBehalf;
use crate::host::permits::Share;
use axum::extract::Request;
use backscroll_shared::auth::{Caller, FileGrant, Gate, InUse, Origin, Usage};
use backscroll_shared::conn::exchange::{Ending, Exchange, Recorders};
use backscroll_shared::conn::{Watch, endpoint};
use backscroll_shared::text::quoted;
use backscroll_shared::wire::headers;
use backscroll_shared::wire::problem::{Code, Problem};
use backscroll_shared::wire::public_readyz::PublicReadyz;
use backscroll_shared::wire::verdict::HostsVisible;
use http::Extensions;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, OnceLock};

/// Places in which the requests of addresses are counted. Two addresses in one place share its
/// limit, which is seldom, and does not matter to those that ask little.
const PLACES: usize = 1024;

/// What everybody is told, with a token or without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Public {
    /// What `/readyz` tells those who have no valid token.
    pub readyz: PublicReadyz,
    /// Whether everybody may read `/metrics`.
    pub metrics: bool,
}

/// Who may ask.
#[derive(Debug)]
pub struct Access {
    gate: Gate,
    public: Public,
    recorders: Recorders,
    views: Views,
    addresses: Addresses,
    /// The most requests at once of one address, where the client has no token.
    requests_of_address: usize,
}

impl Access {
    /// Lets in whom the `gate` knows, and tells the `recorders` of each request.
    /// Of the `connections`, an address may use a quarter for requests.
    pub fn new(gate: Gate, public: Public, recorders: Recorders, connections: usize) -> Access {
        let requests_of_address = (connections / 4).max(1);
        let (views, addresses) = (Views::default(), Addresses::default());
        Access { gate, public, recorders, views, addresses, requests_of_address }
    }

    /// Whether the requests of this connection need nothing of this: everybody may see all, and the
    /// client is a process of this machine.
    pub fn is_plain(&self, watch: &Watch) -> bool {
        !self.gate.is_closed() && watch.peer().is_local()
    }

    /// Called with each request before anything else: gives it what [`admit`] and the endpoints look
    /// at. The outcome is to be kept until the answer has ended.
    pub fn begin<B>(&self, request: &mut http::Request<B>, watch: &Arc<Watch>) -> Ending {
        if !self.is_plain(watch) {
            request.extensions_mut().insert(Arc::clone(watch));
        }
        let endpoint = endpoint(request.uri().path());
        let ending = Ending::begin(&self.recorders, request, endpoint, watch.peer().address());
        request.extensions_mut().insert(Arc::clone(ending.exchange()));
        ending
    }
}

/// Who asks, and what they may see. By default, all.
#[derive(Debug, Clone)]
pub struct Viewer {
    caller: Caller,
    share: Share,
    told: Told,
}

/// What `/readyz` tells those who ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// All.
    All,
    /// All but the names of hosts: they have no token, and one is needed for everything else.
    WithoutNames,
    /// Whether this is ready.
    State,
}

impl Viewer {
    /// The one of a request with these extensions.
    pub fn of(extensions: &Extensions) -> Viewer {
        let all = || Viewer { caller: Caller::Anybody, share: None, told: Told::All };
        extensions.get().cloned().unwrap_or_else(all)
    }

    /// The part of the fleet that they may see.
    pub async fn part_of(&self, fleet: Arc<Fleet>, access: &Access) -> Arc<Fleet> {
        match self.caller.token() {
            None => fleet,
            Some(token) => access.views.of(fleet, token).await,
        }
    }

    /// The files that they may see.
    pub fn files(&self) -> &FileGrant {
        self.caller.files()
    }

    /// What counts the answers of hosts that are under way for them.
    pub fn share(&self) -> &Share {
        &self.share
    }

    /// What `/readyz` tells them.
    pub fn told(&self) -> Told {
        self.told
    }

    /// What is said of an answer that asks hosts which the request does not name.
    pub fn hosts_visible(&self, is_open: bool) -> Option<HostsVisible> {
        let is_part = |caller: &Caller| caller.token().is_some_and(|token| !token.grant.hosts.is_all());
        (is_open && is_part(&self.caller)).then_some(HostsVisible::Part)
    }

    /// What the hosts are told of them.
    pub fn on_behalf(&self) -> OnBehalf {
        OnBehalf { caller: self.caller.id().map(headers::value), files: self.files().field().cloned() }
    }
}

/// Lets a request in, or refuses it. It then has a [`Viewer`], unless everybody may see all. What is
/// returned counts the request among those of its caller, and is to be kept until its answer ends.
pub async fn admit(access: &Access, request: &mut Request) -> Result<Option<Arc<InUse>>, Problem> {
    let watch: Option<&Arc<Watch>> = request.extensions().get();
    let path = request.uri().path();
    if path == "/healthz" || (watch.is_none() && !access.gate.is_closed()) {
        return Ok(None);
    }
    let is_metrics = path == "/metrics";
    if is_metrics && access.public.metrics {
        return Ok(None);
    }
    let address = watch.and_then(|watch| watch.peer().address()).map(|address| address.ip());
    let origin = Origin::of(address);
    let names = watch.and_then(|watch| watch.certificate_names());
    let caller = match access.gate.who(request.headers(), names) {
        Ok(caller) => caller,
        Err(denied) => {
            if path != "/readyz" {
                let id = Exchange::of(request.extensions()).map(|exchange| exchange.id.to_string());
                let waits = watch.is_none_or(|watch| !watch.is_of_health_port());
                access.gate.deny(&denied, origin, &id.unwrap_or_default(), waits).await;
            }
            let told = match access.public.readyz {
                PublicReadyz::Full if path == "/readyz" => Told::WithoutNames,
                PublicReadyz::Status if path == "/readyz" => Told::State,
                _ => return Err(denied.problem()),
            };
            request.extensions_mut().insert(Viewer { caller: Caller::Anybody, share: None, told });
            return Ok(None);
        }
    };
    if is_metrics && !caller.reads_metrics() {
        return Err(no_route(path));
    }
    if let Some(exchange) = Exchange::of(request.extensions()) {
        exchange.note(|noted| noted.caller = caller.id().map(str::to_owned));
    }
    let limit = match caller.token() {
        // Whoever watches this server must reach it when others use it up.
        _ if is_metrics || path == "/readyz" => None,
        Some(token) => Some((Arc::clone(&token.usage), token.requests)),
        None if origin.is_local() => None,
        None => Some((access.addresses.usage(origin), access.requests_of_address)),
    };
    let in_use = limit.as_ref().map(|(usage, most)| usage.request(*most).ok_or_else(too_many)).transpose()?;
    if access.gate.is_closed() || limit.is_some() {
        let share = limit.map(|(usage, _)| usage);
        let told = if caller.is_for_metrics_alone() { Told::State } else { Told::All };
        request.extensions_mut().insert(Viewer { caller, share, told });
    }
    Ok(in_use.map(Arc::new))
}

/// The answer for a path at which nothing is, or nothing that the caller may know of.
pub fn no_route(path: &str) -> Problem {
    Problem::new(Code::NoRoute, format!("no endpoint {}: GET / lists them", quoted(path.as_bytes())))
}

fn too_many() -> Problem {
    let detail = "too many requests of this caller are under way: wait until some have ended, and try again";
    Problem::new(Code::Overloaded, detail)
}

/// How much each address uses.
#[derive(Debug)]
struct Addresses {
    places: Box<[OnceLock<Arc<Usage>>]>,
    /// Random, so that nobody chooses the place of another.
    hasher: RandomState,
}

impl Default for Addresses {
    fn default() -> Addresses {
        let places = (0..PLACES).map(|_| OnceLock::new()).collect();
        Addresses { places, hasher: RandomState::new() }
    }
}

impl Addresses {
    fn usage(&self, origin: Origin) -> Arc<Usage> {
        let place = usize::try_from(self.hasher.hash_one(origin) % PLACES as u64).unwrap_or(0);
        Arc::clone(self.places[place].get_or_init(Arc::default))
    }
}
