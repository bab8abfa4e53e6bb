//! `GET /hosts`: the fleet, and the state of each host.
//!
//! It shows what the last probe of each host has found out. Each request waits for a round of
//! fresh probes, which requests that come at about the same time share.

use super::access::Viewer;
use super::app::App;
use crate::answer::{JSON, TEXT, or_problem, whole};
use crate::fleet::missing::{Absent, MISSING};
use crate::fleet::same::{Same, grouped};
use crate::host::seen::{self, Seen};
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::auth::{FileGrant, NOT_READY};
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::problem::Problem;
use backscroll_shared::wire::verdict::HostsVisible;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// How old the last probe may be before the list in text says so.
const RECENT: Duration = Duration::from_secs(10);

/// The reason of a host whose state is not known.
const UNPROBED: &str = "it has not been probed yet: ask again in some seconds";

/// One host.
#[derive(Debug, Serialize)]
struct Row<'f> {
    name: &'f str,
    /// None where it is missing, since nothing knows it.
    url: Option<&'f str>,
    state: &'static str,
    version: Option<String>,
    io_engine: Option<String>,
    /// When it last answered a probe or a request.
    #[serde(serialize_with = "as_text")]
    last_contact: Option<Timestamp>,
    /// When it was last probed, whether it answered or not: this is how old the state is.
    #[serde(serialize_with = "as_text")]
    last_probe: Option<Timestamp>,
    /// Since when it has not answered, if the last probe or request failed.
    #[serde(serialize_with = "as_text")]
    failing_since: Option<Timestamp>,
    /// Whether requests to it fail at once, until it answers a probe.
    is_down: bool,
    /// How long probes took lately, in milliseconds.
    probe_ms: Option<f64>,
    /// How long requests took lately, to the head of their answers, in milliseconds.
    request_ms: Option<f64>,
    /// Why it is not ready, or why it does not answer.
    reason: Option<String>,
    /// What it warns of.
    warnings: Vec<String>,
    /// Other URLs in the fleet at which the same secondary answers.
    addresses: Vec<&'f str>,
    /// Other names by which it can be asked.
    names: Vec<&'f str>,
}

impl<'f> Row<'f> {
    fn new(Same { host, others }: Same<'f>) -> Row<'f> {
        let Seen { state, version, io_engine, reason, warnings, failing_since, last_probe, .. } =
            host.health.seen();
        let mut addresses: Vec<&str> =
            others.iter().map(|other| &*other.url).filter(|url| *url != host.url).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Row {
            name: &host.name,
            url: Some(&host.url),
            state: state.as_str(),
            version,
            io_engine,
            last_contact: host.health.last_contact(),
            last_probe,
            failing_since,
            is_down: host.health.is_down(),
            probe_ms: host.health.latency.of_probes().map(milliseconds),
            request_ms: host.health.latency.of_requests().map(milliseconds),
            reason: reason.or_else(|| last_probe.is_none().then(|| UNPROBED.to_owned())),
            warnings,
            addresses,
            names: others.iter().map(|other| &*other.name).collect(),
        }
    }

    /// What is missing: a host that is expected, hosts without names, or those of a source.
    fn missing((name, absent): (&'f str, &Absent)) -> Row<'f> {
        Row {
            name,
            url: None,
            state: MISSING,
            version: None,
            io_engine: None,
            last_contact: None,
            last_probe: None,
            failing_since: None,
            is_down: true,
            probe_ms: None,
            request_ms: None,
            reason: Some(absent.why.to_string()),
            warnings: Vec::new(),
            addresses: Vec::new(),
            names: Vec::new(),
        }
    }

    /// What else there is to say about it, on one line. Empty if there is nothing.
    fn remarks(&self) -> String {
        let also =
            |what: &str, all: &[&str]| (!all.is_empty()).then(|| format!("also {what} {}", all.join(", ")));
        let reason = self.reason.iter().map(|reason| match &self.failing_since {
            Some(since) => format!("{reason} (since {since:.0})"),
            None => reason.clone(),
        });
        let age = self.last_probe.and_then(|time| Timestamp::now().duration_since(time).try_into().ok());
        let stale =
            age.filter(|age: &Duration| *age > RECENT).map(|age| format!("as of {}s ago", age.as_secs()));
        let also = [also("at", &self.addresses), also("called", &self.names)];
        let all: Vec<String> = reason
            .chain(self.warnings.iter().cloned())
            .chain(stale)
            .chain(also.into_iter().flatten())
            .collect();
        all.join("; ")
    }

    /// How fast it has answered lately, on one line. Empty if that is not known.
    fn latency(&self) -> String {
        let requests = self.request_ms.map(|time| format!("answers begin after {time:.3} ms"));
        let probes = self.probe_ms.map(|time| format!("probes take {time:.3} ms"));
        requests.into_iter().chain(probes).collect::<Vec<_>>().join(", ")
    }
}

/// With three digits after the point.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Answers `/hosts`.
pub async fn hosts(State(app): State<Arc<App>>, request: Parts) -> Response {
    or_problem(answer(&app, &request).await)
}

#[expect(clippy::ref_option, reason = "serde gives it so")]
fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    no_parameters(request.uri.query())?;
    let format = accept::list_format(&request.headers)?;
    let viewer = Viewer::of(&request.extensions);
    let fleet = app.shared.fleet_of(&viewer).await;
    app.shared.rounds.probed(&app.shared.fleet(), &fleet).await;
    let sees_all_files = matches!(viewer.files(), FileGrant::All);
    let hosts = grouped(fleet.hosts()).into_iter().map(|host| {
        let row = Row::new(host);
        let hides = !sees_all_files && row.state == seen::State::NotReady.as_str();
        if hides { Row { reason: Some(NOT_READY.to_owned()), ..row } } else { row }
    });
    let mut rows: Vec<Row<'_>> = hosts.chain(fleet.missing().iter().map(Row::missing)).collect();
    rows.sort_by_key(|row| row.name);
    let mut response = match format {
        ListFormat::Json => {
            let mut body = serde_json::to_vec(&rows).expect("rows are plain data");
            body.push(b'\n');
            whole(StatusCode::OK, JSON, body)
        }
        ListFormat::Text => {
            let mut body = String::new();
            for row in rows {
                let columns =
                    [row.name, row.url.unwrap_or_default(), row.state, &row.remarks(), &row.latency()]
                        .join("\t");
                writeln!(body, "{}", columns.trim_end_matches('\t')).expect("a String takes it");
            }
            whole(StatusCode::OK, TEXT, body)
        }
    };
    HostsVisible::write(viewer.hosts_visible(true), response.headers_mut());
    Ok(response)
}
