//! The values of one page, before they are written.

use super::row::Program;
use super::table::{Metric, TABLE};
use std::borrow::Cow;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Another number.
    Real(f64),
    /// How many there were up to each bound, in seconds, each counted once, and their sum.
    Histogram {
        /// The sum of all values.
        sum: f64,
        /// The bounds, the last of which is infinite.
        buckets: Vec<(f64, u64)>,
    },
}

impl From<bool> for Value {
    fn from(is: bool) -> Value {
        Value::Whole(is.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Value {
        Value::Whole(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Value {
        Value::Whole(number as u64)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Real(number)
    }
}

/// One series: the values of its labels, and its value.
pub(super) type Sample = (Vec<Cow<'static, str>>, Value);

/// The series of one page, by metric.
#[derive(Debug)]
pub struct Samples {
    program: Program,
    series: Vec<Vec<Sample>>,
}

impl Samples {
    pub(super) fn new(program: Program) -> Samples {
        Samples { program, series: vec![Vec::new(); TABLE.len()] }
    }

    /// Whether the program has this metric.
    pub(super) fn takes(&self, metric: Metric) -> bool {
        metric.row().of.has(self.program)
    }

    /// Adds a series, with a value for each label of the metric. A page must not have it twice.
    pub fn add<V: Into<Value>>(
        &mut self,
        metric: Metric,
        labels: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
        value: V,
    ) {
        let labels: Vec<_> = labels.into_iter().map(Into::into).collect();
        debug_assert!(labels.len() == metric.row().labels.len() && self.takes(metric), "{metric:?}");
        self.series[metric as usize].push((labels, value.into()));
    }

    /// Adds the value of a metric without labels.
    pub fn set(&mut self, metric: Metric, value: impl Into<Value>) {
        self.add(metric, [""; 0], value);
    }

    pub(super) fn of(&self, metric: Metric) -> &[Sample] {
        &self.series[metric as usize]
    }
}

/// Something that is looked at when a page is made, by the thread that makes it. It must not take
/// long.
pub trait Source: Send + Sync {
    /// Adds what it knows.
    fn look(&self, into: &mut Samples);
}

impl<F: Fn(&mut Samples) + Send + Sync> Source for F {
    fn look(&self, into: &mut Samples) {
        self(into);
    }
}
