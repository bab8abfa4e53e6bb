//! Sends spans to the collector.

use super::headers::Headers;
use super::resource;
use super::settings::Settings;
use futures_util::FutureExt as _;
use opentelemetry_otlp::{SpanExporter, WithHttpConfig as _};
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use reqwest::redirect::Policy;
use std::error::Error;

/// The connection to the collector.
#[derive(Debug)]
pub(super) struct Exporter(SpanExporter);

impl Exporter {
    /// For the collector that the variables name, which gets these header fields too. The error says why
    /// there is none.
    pub(super) fn new(
        settings: &Settings,
        headers: Headers,
        service: &'static str,
    ) -> Result<Exporter, String> {
        // For an `https` endpoint. An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::blocking::Client::builder()
            .timeout(settings.timeout)
            // What is sent is for this collector alone.
            .redirect(Policy::none())
            .build()
            .map_err(|error| causes(&error))?;
        let exporter =
            SpanExporter::builder().with_http().with_http_client(client).with_headers(headers.0).build();
        let mut exporter = exporter.map_err(|error| causes(&error))?;
        exporter.set_resource(&resource::of(service));
        Ok(Exporter(exporter))
    }

    /// Sends these spans, and waits for the answer.
    pub(super) fn export(&self, spans: Vec<SpanData>) -> Result<(), String> {
        // The client blocks, so the future is ready at once.
        let sent = self.0.export(spans).now_or_never();
        sent.ok_or_else(|| "it was not sent".to_owned())?.map_err(|error| error.to_string())
    }
}

/// An error with its causes.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
