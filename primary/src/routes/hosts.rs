//! `GET /hosts`: the fleet, and how each host is.

use super::{JSON, TEXT, told, whole};
use crate::app::App;
use crate::fleet::Host;
use crate::fleet::same::{Same, grouped};
use crate::health::{PROBES, Seen, probe};
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::no_parameters;
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::problem::Problem;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long hosts are asked, all in all: somebody waits for the list. Of one that was not
/// asked by then the list says what is known of it.
const ASKING_TIME: Duration = Duration::from_secs(4);

/// One host as it stands.
#[derive(Debug, Serialize)]
struct Row<'f> {
    name: &'f str,
    url: &'f str,
    state: &'static str,
    version: Option<String>,
    io_engine: Option<String>,
    /// When it last answered, a probe or a request.
    last_contact: Option<String>,
    /// Why it is not ready, where it says so, or no secondary.
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
        let Seen { state, version, io_engine, reason, warnings, .. } = host.health.seen();
        let mut addresses: Vec<&str> =
            others.iter().map(|other| &*other.url).filter(|url| *url != host.url).collect();
        addresses.sort_unstable();
        addresses.dedup();
        Row {
            name: &host.name,
            url: &host.url,
            state: state.as_str(),
            version,
            io_engine,
            last_contact: host.health.last_contact().map(|time| time.to_string()),
            reason,
            warnings,
            addresses,
            names: others.iter().map(|other| &*other.name).collect(),
        }
    }

    /// What else there is to say of it, on one line; empty where there is nothing.
    fn remarks(&self) -> String {
        let also =
            |what: &str, all: &[&str]| (!all.is_empty()).then(|| format!("also {what} {}", all.join(", ")));
        let also = [also("at", &self.addresses), also("called", &self.names)];
        let all: Vec<String> =
            self.reason.iter().chain(&self.warnings).cloned().chain(also.into_iter().flatten()).collect();
        all.join("; ")
    }
}

/// Answers `/hosts`.
pub async fn hosts(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    no_parameters(request.uri.query())?;
    let format = accept::list_format(&request.headers)?;
    let fleet = app.shared.fleet();
    let urls: BTreeMap<&str, &Arc<Host>> = fleet.hosts().map(|host| (&*host.url, host)).collect();
    let asked = stream::iter(urls.into_values()).for_each_concurrent(PROBES, async |host| {
        probe(&app.upstream, host).await;
    });
    // What was not learnt in time is not in the health either.
    let _ = timeout(ASKING_TIME, asked).await;
    let rows = grouped(fleet.hosts()).into_iter().map(Row::new);
    Ok(match format {
        ListFormat::Json => {
            let rows: Vec<Row<'_>> = rows.collect();
            let mut body = serde_json::to_vec(&rows).expect("rows are plain data");
            body.push(b'\n');
            whole(StatusCode::OK, JSON, body)
        }
        ListFormat::Text => {
            let mut body = String::new();
            for row in rows {
                let (Row { name, url, state, .. }, remarks) = (&row, row.remarks());
                let tab = if remarks.is_empty() { "" } else { "\t" };
                writeln!(body, "{name}\t{url}\t{state}{tab}{remarks}").expect("a String takes it");
            }
            whole(StatusCode::OK, TEXT, body)
        }
    })
}
