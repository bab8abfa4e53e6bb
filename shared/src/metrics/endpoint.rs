//! `GET /metrics`: the page, as an answer.

use super::Metrics;
use crate::query::no_parameters;
use crate::wire::accept::{self, Exposition};
use crate::wire::headers;
use crate::wire::problem::Problem;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, Uri, header};

impl Exposition {
    /// The type of the page in this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Exposition::Text => "text/plain; version=0.0.4; charset=utf-8",
            Exposition::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Answers a request for this target with these header fields.
pub async fn answer<B: From<Bytes>>(
    metrics: &Metrics,
    target: &Uri,
    fields: &HeaderMap,
) -> Result<Response<B>, Problem> {
    no_parameters(target.query())?;
    let form = accept::exposition(fields)?;
    let mut response = Response::new(B::from(metrics.page(form).await?));
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
    headers::hardened(fields);
    Ok(response)
}
