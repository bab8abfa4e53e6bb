//! What a load came to.

use super::Options;
use anyhow::Result;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The longest time that the histogram can hold, in nanoseconds: ten minutes.
const LONGEST_NS: u64 = 600_000_000_000;

/// The significant decimal digits of a time.
const DIGITS: u8 = 3;

/// The small requests of one connection, or of all.
#[derive(Debug)]
pub struct Tally {
    times: Histogram<u64>,
    answered: u64,
    unfinished: u64,
    errors: u64,
    first_error: Option<String>,
}

impl Tally {
    /// Nothing yet.
    pub fn new() -> Result<Tally> {
        let times = Histogram::new_with_bounds(1, LONGEST_NS, DIGITS)?;
        Ok(Tally { times, answered: 0, unfinished: 0, errors: 0, first_error: None })
    }

    /// Counts an answer with status 200 that has arrived completely.
    pub fn answered(&mut self, time: Duration) -> Result<()> {
        self.answered += 1;
        self.record(time)
    }

    /// Counts a request that was unanswered at the end, with its age as the least time that it
    /// would have taken.
    pub fn unfinished(&mut self, age: Duration) -> Result<()> {
        self.unfinished += 1;
        self.record(age)
    }

    /// Counts a failed request. Its time has no meaning.
    pub fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    /// Adds the requests of another connection.
    pub fn add(&mut self, other: &Tally) -> Result<()> {
        self.times.add(&other.times)?;
        self.answered += other.answered;
        self.unfinished += other.unfinished;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or_else(|| other.first_error.clone());
        Ok(())
    }

    fn record(&mut self, time: Duration) -> Result<()> {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(LONGEST_NS).clamp(1, LONGEST_NS);
        Ok(self.times.record(ns)?)
    }

    fn quantile_us(&self, quantile: f64) -> f64 {
        microseconds(self.times.value_at_quantile(quantile))
    }
}

#[expect(clippy::cast_precision_loss, reason = "ten minutes in nanoseconds fit 52 bits")]
fn microseconds(ns: u64) -> f64 {
    ns as f64 / 1e3
}

/// The results of the deep scans.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Deep {
    /// Scans that were read to the end.
    pub done: u64,
    /// Scans that were running at the end.
    pub unfinished: u64,
    /// Scans that failed or were refused.
    pub errors: u64,
    /// Why the first one did.
    pub first_error: Option<String>,
}

impl Deep {
    pub(super) fn failed(&mut self, error: &anyhow::Error) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| format!("{error:#}"));
    }

    pub(super) fn add(&mut self, other: &Deep) {
        self.done += other.done;
        self.unfinished += other.unfinished;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or_else(|| other.first_error.clone());
    }
}

/// What a load came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The target of the small request.
    pub url: String,
    /// Connections that sent it.
    pub connections: u32,
    /// Deep scans at the same time.
    pub deep: u32,
    /// The seconds that were measured.
    pub seconds: f64,
    /// Small requests a second that were answered completely with status 200.
    pub requests_per_second: f64,
    /// The number of such requests.
    pub answered: u64,
    /// Requests that were sent or due, and unanswered at the end. They count in the times with
    /// their age.
    pub unfinished: u64,
    /// Requests that failed, were refused, or got another status.
    pub errors: u64,
    /// Why the first one did.
    pub first_error: Option<String>,
    /// The median time, in microseconds.
    pub p50_us: f64,
    /// The 90th percentile, in microseconds.
    pub p90_us: f64,
    /// The 99th percentile, in microseconds.
    pub p99_us: f64,
    /// The 99.9th percentile, in microseconds.
    pub p99_9_us: f64,
    /// The longest time, in microseconds.
    pub max_us: f64,
    /// CPU seconds of the load tool itself.
    pub cpu_seconds: f64,
    /// The results of the deep scans.
    pub deep_scans: Deep,
}

impl Report {
    pub(super) fn new(
        options: &Options,
        tally: &Tally,
        seconds: f64,
        cpu_seconds: f64,
        deep_scans: Deep,
    ) -> Report {
        #[expect(clippy::cast_precision_loss, reason = "a rate, for people's eyes")]
        let requests_per_second = tally.answered as f64 / seconds;
        Report {
            url: options.url.clone(),
            connections: options.connections,
            deep: options.deep,
            seconds,
            requests_per_second,
            answered: tally.answered,
            unfinished: tally.unfinished,
            errors: tally.errors,
            first_error: tally.first_error.clone(),
            p50_us: tally.quantile_us(0.5),
            p90_us: tally.quantile_us(0.9),
            p99_us: tally.quantile_us(0.99),
            p99_9_us: tally.quantile_us(0.999),
            max_us: microseconds(tally.times.max()),
            cpu_seconds,
            deep_scans,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.url)?;
        writeln!(f, "connections  {}", self.connections)?;
        writeln!(f, "requests/s   {:.0}", self.requests_per_second)?;
        for (name, us) in [
            ("p50", self.p50_us),
            ("p90", self.p90_us),
            ("p99", self.p99_us),
            ("p99.9", self.p99_9_us),
            ("max", self.max_us),
        ] {
            writeln!(f, "{name:<12} {us:.1} µs")?;
        }
        writeln!(f, "answered     {} in {:.1} s", self.answered, self.seconds)?;
        writeln!(f, "unfinished   {} (timed with their age)", self.unfinished)?;
        writeln!(f, "errors       {}{}", self.errors, because(self.first_error.as_ref()))?;
        if self.deep > 0 {
            let Deep { done, unfinished, errors, first_error } = &self.deep_scans;
            let because = because(first_error.as_ref());
            writeln!(
                f,
                "deep scans   {} at once: {done} done, {unfinished} under way at the end, {errors} errors{because}",
                self.deep
            )?;
        }
        write!(f, "own CPU      {:.2} s", self.cpu_seconds)
    }
}

fn because(error: Option<&String>) -> String {
    error.map_or_else(String::new, |error| format!(" (first: {error})"))
}
