//! Writes a page with `prometheus-client`, which knows both forms: the text of Prometheus (version
//! 0.0.4) and OpenMetrics.

use super::row::Kind;
use super::samples::{Sample, Samples, Value};
use super::table::{ALL, Metric};
use crate::wire::accept::Exposition;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;
use std::fmt;

/// No exemplar is written.
const NONE: Option<&Exemplar<NoLabelSet, f64>> = None;

/// The page of these values.
pub(super) fn page(samples: Samples, form: Exposition) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(samples));
    let mut page = String::new();
    let written = match form {
        Exposition::Text => prometheus_text::encode(&mut page, &registry),
        Exposition::OpenMetrics => text::encode(&mut page, &registry),
    };
    written.expect("a String takes it");
    page
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in ALL.iter().copied() {
            let (row, samples) = (metric.row(), self.of(metric));
            if samples.is_empty() {
                continue;
            }
            let kind = match row.kind {
                Kind::Info => MetricType::Info,
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Histogram(_) => MetricType::Histogram,
            };
            let mut family = encoder.encode_descriptor(row.stem(), row.help, None, kind)?;
            for sample in samples {
                series(&mut family, metric, sample)?;
            }
        }
        Ok(())
    }
}

fn series(family: &mut MetricEncoder<'_>, metric: Metric, (values, value): &Sample) -> fmt::Result {
    let row = metric.row();
    let pairs: Vec<(&str, &str)> =
        row.labels.iter().map(|label| label.name).zip(values.iter().map(|value| &**value)).collect();
    let labels = pairs.as_slice();
    if row.kind == Kind::Info {
        return family.encode_info(&labels);
    }
    let mut series = family.encode_family(&labels)?;
    match (row.kind, value) {
        (Kind::Counter, Value::Whole(number)) => series.encode_counter(number, NONE),
        (Kind::Counter, Value::Real(number)) => series.encode_counter(number, NONE),
        (Kind::Histogram(_), Value::Histogram { sum, buckets }) => {
            let count = buckets.iter().map(|(_, count)| count).sum();
            series.encode_histogram::<NoLabelSet>(*sum, count, buckets, None)
        }
        (Kind::Gauge, Value::Whole(number)) => series.encode_gauge(number),
        (Kind::Gauge, Value::Real(number)) => series.encode_gauge(number),
        (kind, value) => unreachable!("{metric:?} is a {}, and its value is {value:?}", kind.as_str()),
    }
}
