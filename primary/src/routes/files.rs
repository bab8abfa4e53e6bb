//! `GET /files`: one host's log files, passed through.

use super::{JSON, TEXT, headless, told};
use crate::app::App;
use crate::upstream::Answer;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use backscroll_shared::query::{Pair, host, pairs, unknown_parameter};
use backscroll_shared::wire::accept::{self, ListFormat};
use backscroll_shared::wire::problem::{Code, Problem};
use http::request::Parts;
use http::{HeaderValue, Method, header};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::sync::Arc;

/// Answers `/files`.
pub async fn files(State(app): State<Arc<App>>, request: Parts) -> Response {
    told(answer(&app, &request).await)
}

async fn answer(app: &App, request: &Parts) -> Result<Response, Problem> {
    let query = FileQuery::parse(request.uri.query().unwrap_or_default())?;
    let content_type = match accept::list_format(&request.headers)? {
        ListFormat::Text => TEXT,
        ListFormat::Json => JSON,
    };
    let host = app.shared.fleet().one(&query.hostnames)?;
    let target = match &query.glob {
        Some(glob) => format!("/files?glob={}", percent_encode(glob, NON_ALPHANUMERIC)),
        None => "/files".to_owned(),
    };
    let body = match app.upstream.ask(&host, &request.method, &target, content_type).await? {
        Answer::Refused(response) => return Ok(response),
        Answer::Streaming(_) if request.method == Method::HEAD => headless(),
        // A host that breaks off fails the body, and so cuts the connection.
        Answer::Streaming(pieces) => Body::new(pieces),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

struct FileQuery {
    hostnames: Vec<String>,
    glob: Option<Vec<u8>>,
}

impl FileQuery {
    fn parse(query: &str) -> Result<FileQuery, Problem> {
        let bad = |detail: &str| Err(Problem::new(Code::BadParameter, detail.to_owned()));
        let mut parsed = FileQuery { hostnames: Vec::new(), glob: None };
        for Pair { name, value } in pairs(query)? {
            match name.as_slice() {
                b"hostname" => parsed.hostnames.push(host(value)?),
                b"glob" if parsed.glob.is_some() => return bad("glob is given twice: give it once"),
                b"glob" => parsed.glob = Some(value),
                _ => return Err(unknown_parameter(&name, &["hostname", "glob"])),
            }
        }
        Ok(parsed)
    }
}
