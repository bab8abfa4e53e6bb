//! The variables of OpenTelemetry that say whether and how traces are sent. The exporter reads those
//! of the endpoint and the headers itself. The SDK keeps what it reads of the others to its own
//! processor, which does not count what it loses.

use crate::telemetry::sampling::{Fraction, Sampling};
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL, OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_PROTOCOL,
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
};
use opentelemetry_sdk::trace::{
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT, OTEL_BSP_MAX_QUEUE_SIZE,
    OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_SCHEDULE_DELAY_DEFAULT,
};
use std::str::FromStr;
use std::time::Duration;

/// How long the collector may take, unless a variable says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most spans that may wait, whatever a variable says: 64 MiB at most.
const QUEUED_SPANS: usize = 32_768;

/// How traces are sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Settings {
    pub(super) sampling: Sampling,
    /// Spans that may wait.
    pub(super) queued_spans: usize,
    /// Spans that are sent at once.
    pub(super) batch_spans: usize,
    /// How long the first of them waits for more.
    pub(super) delay: Duration,
    /// How long the collector may take.
    pub(super) timeout: Duration,
    /// What of the variables is not understood.
    pub(super) warnings: Vec<String>,
}

impl Settings {
    /// What the variables say; None if traces are off.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Settings> {
        // An empty one counts as not set.
        let get = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|v| !v.is_empty());
        let has_collector = [OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT]
            .iter()
            .any(|name| get(name).is_some());
        let is_disabled = get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = get("OTEL_TRACES_EXPORTER");
        if !has_collector || is_disabled || exporter.as_deref() == Some("none") {
            return None;
        }
        let mut reader = Reader { get, warnings: Vec::new() };
        if let Some(other) = exporter.filter(|exporter| exporter != "otlp") {
            reader.warn("OTEL_TRACES_EXPORTER", &other, "otlp");
        }
        for name in [OTEL_EXPORTER_OTLP_TRACES_PROTOCOL, OTEL_EXPORTER_OTLP_PROTOCOL] {
            if let Some(other) = (reader.get)(name).filter(|protocol| protocol != "http/protobuf") {
                reader.warn(name, &other, "http/protobuf");
            }
        }
        let queued_spans =
            reader.number(OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_QUEUE_SIZE_DEFAULT, 1..=QUEUED_SPANS);
        let batch_spans = reader.number(
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
            OTEL_BSP_MAX_EXPORT_BATCH_SIZE_DEFAULT,
            1..=QUEUED_SPANS,
        );
        let delay = reader.millis(OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_SCHEDULE_DELAY_DEFAULT);
        let timeout = reader.millis(OTEL_EXPORTER_OTLP_TIMEOUT, TIMEOUT);
        let timeout = reader.millis(OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, timeout);
        let sampling = reader.sampling();
        Some(Settings {
            sampling,
            queued_spans,
            batch_spans: batch_spans.min(queued_spans),
            delay,
            timeout,
            warnings: reader.warnings,
        })
    }
}

struct Reader<G> {
    get: G,
    warnings: Vec<String>,
}

impl<G: Fn(&str) -> Option<String>> Reader<G> {
    fn warn(&mut self, name: &str, value: &str, instead: &str) {
        // It may hold what is not fit to be shown.
        self.warnings.push(format!("{name}={value:?} is not understood: {instead} is used"));
    }

    fn number<N: FromStr + PartialOrd + ToString>(
        &mut self,
        name: &str,
        default: N,
        allowed: std::ops::RangeInclusive<N>,
    ) -> N {
        let Some(value) = (self.get)(name) else { return default };
        if let Some(number) = value.parse().ok().filter(|number| allowed.contains(number)) {
            return number;
        }
        self.warn(name, &value, &default.to_string());
        default
    }

    /// At most an hour.
    fn millis(&mut self, name: &str, default: Duration) -> Duration {
        let default = u64::try_from(default.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.number(name, default, 1..=3_600_000))
    }

    fn sampling(&mut self) -> Sampling {
        const NAME: &str = "OTEL_TRACES_SAMPLER";
        let Some(value) = (self.get)(NAME) else { return Sampling::default() };
        let (by_parent, root) = match value.strip_prefix("parentbased_") {
            Some(root) => (true, root),
            None => (false, &*value),
        };
        let root = match root {
            "always_on" => Fraction::ALL,
            "always_off" => Fraction::NONE,
            "traceidratio" => self.ratio(),
            _ => {
                self.warn(NAME, &value, "parentbased_always_on");
                return Sampling::default();
            }
        };
        Sampling { by_parent, root }
    }

    fn ratio(&mut self) -> Fraction {
        const NAME: &str = "OTEL_TRACES_SAMPLER_ARG";
        let Some(value) = (self.get)(NAME) else { return Fraction::ALL };
        value.parse().ok().and_then(Fraction::new).unwrap_or_else(|| {
            self.warn(NAME, &value, "1.0");
            Fraction::ALL
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Settings> {
        Settings::read(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    const COLLECTOR: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn traces_are_sent_only_where_a_collector_is_named() {
        let settings = read(&[COLLECTOR]).unwrap();
        assert_eq!((settings.queued_spans, settings.batch_spans), (2048, 512));
        assert_eq!((settings.delay, settings.timeout), (Duration::from_secs(5), TIMEOUT));
        assert_eq!((settings.sampling, settings.warnings.len()), (Sampling::default(), 0));
        assert!(read(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1/v1/traces")]).is_some());
        for off in [
            &[][..],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")],
            &[COLLECTOR, ("OTEL_SDK_DISABLED", "TRUE")],
            &[COLLECTOR, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(read(off), None, "{off:?}");
        }
    }

    #[test]
    fn the_sampler_is_the_one_that_the_variables_name() {
        let half = Fraction::new(0.5).unwrap();
        for (name, argument, by_parent, root) in [
            ("always_on", "", false, Fraction::ALL),
            ("always_off", "", false, Fraction::NONE),
            ("traceidratio", "0.5", false, half),
            ("parentbased_always_on", "", true, Fraction::ALL),
            ("parentbased_always_off", "", true, Fraction::NONE),
            ("parentbased_traceidratio", "0.5", true, half),
            ("parentbased_traceidratio", "", true, Fraction::ALL),
        ] {
            let settings =
                read(&[COLLECTOR, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)]);
            let settings = settings.unwrap();
            assert_eq!(settings.sampling, Sampling { by_parent, root }, "{name}");
            assert_eq!(settings.warnings, [""; 0]);
        }
    }

    #[test]
    fn a_value_that_is_not_understood_is_warned_of_and_its_default_is_used() {
        let usual = read(&[COLLECTOR]).unwrap();
        for (name, value) in [
            ("OTEL_TRACES_SAMPLER", "xray"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
            ("OTEL_BSP_SCHEDULE_DELAY", "0"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999999"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "many\n"),
        ] {
            let mut settings = read(&[COLLECTOR, (name, value)]).unwrap();
            let warnings = std::mem::take(&mut settings.warnings);
            assert_eq!(settings, usual, "{name}");
            assert!(
                matches!(&warnings[..], [one] if one.starts_with(name) && !one.contains('\n')),
                "{warnings:?}"
            );
        }
        let argument = [COLLECTOR, ("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
        assert_eq!(read(&argument).unwrap().warnings.len(), 1);
    }
}
