//! The table of all endpoints.

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Index,
    Logs,
    Files,
    Healthz,
    Readyz,
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

/// All endpoints. Each takes GET and HEAD.
pub(super) const ENDPOINTS: [Row; 5] = [
    row("/", Endpoint::Index, "", "this text"),
    row(
        "/logs",
        Endpoint::Logs,
        "?filename=F[&keyword=K][&n=N]",
        "records, newest first; Accept: application/x-ndjson for JSON",
    ),
    row("/files", Endpoint::Files, "[?glob=G]", "this host's log files"),
    row("/healthz", Endpoint::Healthz, "", "whether the process runs"),
    row("/readyz", Endpoint::Readyz, "", "whether it can serve; version and engine"),
];

/// The endpoint at a path.
pub(super) fn at(path: &str) -> Option<Endpoint> {
    ENDPOINTS.iter().find(|row| row.path == path).map(|row| row.endpoint)
}

/// The lines of `GET /`: one for each endpoint except `/`.
pub(super) fn lines() -> String {
    let rows = || ENDPOINTS.iter().filter(|row| row.endpoint != Endpoint::Index);
    let usage = |row: &Row| format!("GET {}{}", row.path, row.query);
    let width = rows().map(|row| usage(row).len()).max().unwrap_or(0);
    let lines: Vec<String> = rows().map(|row| format!("{:width$}  {}\n", usage(row), row.about)).collect();
    lines.concat()
}
