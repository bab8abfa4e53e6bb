//! The figures of several runs: median and spread, ratios of single runs, and targets.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The result of several runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The median.
    pub median: f64,
    /// The smallest figure.
    pub least: f64,
    /// The largest figure.
    pub most: f64,
    /// The number of runs.
    pub runs: usize,
}

impl Spread {
    /// The spread of some figures. `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Spread> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let (lower, upper) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Spread { median: f64::midpoint(lower, upper), least, most, runs: sorted.len() })
    }
}

/// The target of a ratio or a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Between 1 divided by this and this.
    Within(f64),
}

impl Target {
    /// Whether a figure meets it.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Target::AtMost(limit) => figure <= limit,
            Target::AtLeast(limit) => figure >= limit,
            Target::Within(factor) => (1.0 / factor..=factor).contains(&figure),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::AtMost(limit) => write!(f, "≤ {limit}"),
            Target::AtLeast(limit) => write!(f, "≥ {limit}"),
            Target::Within(factor) => write!(f, "within {factor}"),
        }
    }
}

/// One variant in one row of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// What was measured.
    pub name: String,
    /// The unit of its figures.
    pub unit: String,
    /// Its figures.
    pub figures: Spread,
    /// The CPU seconds of all processes involved, for one run.
    pub cpu_seconds: Option<Spread>,
}

/// The figures of one row: those of each variant, for each run.
#[derive(Debug, Default)]
pub struct Samples(Vec<Series>);

#[derive(Debug)]
struct Series {
    name: String,
    unit: String,
    figures: Vec<f64>,
    cpu_seconds: Vec<f64>,
}

impl Samples {
    /// Adds the figure of one run of `name`, in `unit`.
    pub fn push(&mut self, name: &str, unit: &str, figure: f64, cpu_seconds: Option<f64>) {
        let at = self.0.iter().position(|series| series.name == name).unwrap_or_else(|| {
            self.0.push(Series {
                name: name.to_owned(),
                unit: unit.to_owned(),
                figures: Vec::new(),
                cpu_seconds: Vec::new(),
            });
            self.0.len() - 1
        });
        self.0[at].figures.push(figure);
        self.0[at].cpu_seconds.extend(cpu_seconds);
    }

    /// The results of the variants, in the order in which they were first measured.
    pub fn variants(&self) -> Vec<Variant> {
        let spread = |series: &Series| {
            Some(Variant {
                name: series.name.clone(),
                unit: series.unit.clone(),
                figures: Spread::of(&series.figures)?,
                cpu_seconds: Spread::of(&series.cpu_seconds),
            })
        };
        self.0.iter().filter_map(spread).collect()
    }

    /// The result of one variant.
    pub fn spread(&self, name: &str) -> Option<Spread> {
        Spread::of(&self.series(name)?.figures)
    }

    /// The ratio of two variants, computed for each run: a disturbance of the machine affects both
    /// variants of a run.
    pub fn ratio(&self, over: &str, under: &str) -> Option<Spread> {
        pairwise(&self.series(over)?.figures, &self.series(under)?.figures)
    }

    /// The same for their CPU seconds.
    pub fn cpu_ratio(&self, over: &str, under: &str) -> Option<Spread> {
        pairwise(&self.series(over)?.cpu_seconds, &self.series(under)?.cpu_seconds)
    }

    fn series(&self, name: &str) -> Option<&Series> {
        self.0.iter().find(|series| series.name == name)
    }
}

fn pairwise(over: &[f64], under: &[f64]) -> Option<Spread> {
    let ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    Spread::of(&ratios)
}

/// Bytes as MiB, for a table.
#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
pub fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_the_median_between_the_least_and_the_most() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(odd, Spread { median: 2.0, least: 1.0, most: 3.0, runs: 3 });
        assert!((Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median - 2.5).abs() < 1e-9);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn targets_are_met_up_to_their_limits() {
        assert!(Target::AtMost(1.0).is_met(1.0) && !Target::AtMost(1.0).is_met(1.01));
        assert!(Target::AtLeast(0.9).is_met(0.9) && !Target::AtLeast(0.9).is_met(0.89));
        assert!(Target::Within(1.2).is_met(0.84) && Target::Within(1.2).is_met(1.2));
        assert!(!Target::Within(1.2).is_met(0.83) && !Target::Within(1.2).is_met(1.21));
        // A figure that could not be computed does not meet a target.
        for target in [Target::AtMost(1.0), Target::AtLeast(1.0), Target::Within(2.0)] {
            assert!(!target.is_met(f64::NAN));
        }
        assert_eq!(Target::AtLeast(12.0).to_string(), "≥ 12");
    }

    #[test]
    fn ratios_are_taken_run_by_run() {
        let mut samples = Samples::default();
        for (a, b) in [(1.0, 2.0), (10.0, 10.0), (3.0, 2.0)] {
            samples.push("a", "s", a, Some(b));
            samples.push("b", "s", b, Some(a));
        }
        assert_eq!(samples.ratio("a", "b"), Some(Spread { median: 1.0, least: 0.5, most: 1.5, runs: 3 }));
        assert!((samples.cpu_ratio("a", "b").unwrap().most - 2.0).abs() < 1e-9);
        assert_eq!(samples.ratio("a", "c"), None);
        let names: Vec<_> = samples.variants().into_iter().map(|variant| variant.name).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
