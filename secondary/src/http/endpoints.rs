//! The table of all endpoints.

use backscroll_shared::wire::problem::{Code, Problem};
use http::Method;

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Index,
    Logs,
    Files,
    Healthz,
    Readyz,
    Metrics,
}

/// A row of the table.
pub(super) struct Row {
    pub(super) path: &'static str,
    pub(super) endpoint: Endpoint,
    /// Its parameters, as `GET /` shows them.
    pub(super) query: &'static str,
    /// What the endpoint is for, as `GET /` shows it.
    pub(super) about: &'static str,
}

const fn row(path: &'static str, endpoint: Endpoint, query: &'static str, about: &'static str) -> Row {
    Row { path, endpoint, query, about }
}

/// All endpoints.
pub(super) const ENDPOINTS: [Row; 6] = [
    row("/", Endpoint::Index, "", "this text"),
    row(
        "/logs",
        Endpoint::Logs,
        "?filename=F[&...]",
        "records, newest first; Accept: application/x-ndjson for JSON",
    ),
    row("/files", Endpoint::Files, "[?glob=G]", "this host's log files"),
    row("/healthz", Endpoint::Healthz, "", "whether the process runs"),
    row("/readyz", Endpoint::Readyz, "", "whether it can serve; version and engine"),
    row("/metrics", Endpoint::Metrics, "", "metrics for Prometheus"),
];

impl Endpoint {
    /// The methods that it takes.
    pub(super) fn methods(self) -> &'static str {
        if self == Endpoint::Logs { "GET, HEAD, POST" } else { "GET, HEAD" }
    }

    /// Whether it takes this method.
    pub(super) fn takes(self, method: &Method) -> bool {
        self.methods().split(", ").any(|taken| taken == method.as_str())
    }
}

/// The endpoint at a path.
pub(super) fn at(path: &str) -> Option<Endpoint> {
    ENDPOINTS.iter().find(|row| row.path == path).map(|row| row.endpoint)
}

/// The answer for a path at which nothing is, or nothing that the caller may know of.
pub(super) fn no_route() -> Problem {
    Problem::new(Code::NoRoute, "no such endpoint: GET / lists them")
}

/// The lines of `GET /`: one for each endpoint except `/`.
pub(super) fn lines() -> String {
    let rows = || ENDPOINTS.iter().filter(|row| row.endpoint != Endpoint::Index);
    let usage = |row: &Row| format!("GET {}{}", row.path, row.query);
    let width = rows().map(|row| usage(row).len()).max().unwrap_or(0);
    let lines: Vec<String> = rows().map(|row| format!("{:width$}  {}\n", usage(row), row.about)).collect();
    lines.concat()
}
