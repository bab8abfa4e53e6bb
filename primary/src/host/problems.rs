//! The problems of a host that gave no answer. Each names the host and says what to look at.

use super::Host;
use super::cause::Cause;
use super::health::REQUESTS;
use crate::text::line;
use backscroll_shared::conn::exchange::Exchange;
use backscroll_shared::wire::problem::{Code, Problem};
use hyper_util::client::legacy;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of the text that says why an answer is not a secondary's.
const WHAT_BYTES: usize = 160;

/// Whether the request failed on this machine, which says nothing about the host.
pub(super) fn is_ours(error: &legacy::Error) -> bool {
    Cause::of(error) == Cause::Ours
}

pub(super) fn timed_out(host: &Host, what: &str) -> Problem {
    let detail = format!("host {} did not {what}: try again; GET /hosts shows its state", host.name);
    Problem::new(Code::UpstreamTimeout, detail).on_host(&host.name)
}

pub(super) fn not_asked(host: &Host, time: Duration) -> Problem {
    let seen = host.health.seen();
    let detail = format!(
        "host {} is down: {}. It has not answered for {}s, so requests are not sent to it until it answers a probe: check that its secondary runs; GET /hosts shows its URL and state",
        host.name,
        seen.reason.unwrap_or_else(|| Cause::Unreached.to_string()),
        time.as_secs()
    );
    Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name)
}

pub(super) fn too_many(host: &Host) -> Problem {
    let detail = format!("host {}: {REQUESTS} requests are under way there already: ask again", host.name);
    Problem::new(Code::Overloaded, detail).on_host(&host.name)
}

pub(super) fn no_secondary(host: &Host, what: &str, exchange: Option<&Arc<Exchange>>) -> Problem {
    let request_id = Exchange::logged(exchange);
    let what = line(what, WHAT_BYTES);
    tracing::warn!(host = host.name, url = host.url, what, request_id, "what answers is no secondary");
    let detail = format!(
        "host {}: what answers at its URL is no secondary ({what}): see what listens there (GET /hosts shows the URL)",
        host.name
    );
    Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name)
}

pub(super) fn not_let_in(host: &Host, exchange: Option<&Arc<Exchange>>) -> Problem {
    let request_id = Exchange::logged(exchange);
    let cause = Cause::NotLetIn;
    tracing::warn!(host = host.name, url = host.url, request_id, "{cause}");
    let detail = format!("host {} cannot be asked: {cause}", host.name);
    Problem::new(Code::UpstreamUnreachable, detail).on_host(&host.name)
}

pub(super) fn no_permit(host: &Host) -> Problem {
    let detail = "too many answers of hosts are under way at once: try again in a moment";
    Problem::new(Code::Overloaded, detail).on_host(&host.name)
}

pub(super) fn not_admitted(hosts: usize) -> Problem {
    let detail = format!(
        "too many answers of hosts are under way at once for a question to {hosts} more: try again in a moment, or name fewer hosts with hostname="
    );
    Problem::new(Code::Overloaded, detail)
}

pub(super) fn share_is_used() -> Problem {
    let detail =
        "too many answers of hosts are under way for this caller: read or end some of them, and try again";
    Problem::new(Code::Overloaded, detail)
}

pub(super) fn out_of_descriptors(host: &Host) -> Problem {
    let detail = format!("host {}: the primary is out of descriptors or ports: ask again", host.name);
    Problem::new(Code::Overloaded, detail).on_host(&host.name)
}

pub(super) fn not_secured(host: &Host, cause: Cause) -> Problem {
    unreachable(host, &format!("could not be asked: {cause} (GET /hosts shows the URL)"))
}

pub(super) fn unreachable(host: &Host, what: &str) -> Problem {
    Problem::new(Code::UpstreamUnreachable, format!("host {} {what}", host.name)).on_host(&host.name)
}
