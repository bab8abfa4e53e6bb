//! What a row of the table says of a metric.

use std::time::Duration;

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// `backscroll-primary`.
    Primary,
    /// `backscroll-secondary`.
    Secondary,
}

impl Program {
    /// The name of the program.
    pub fn as_str(self) -> &'static str {
        match self {
            Program::Primary => "backscroll-primary",
            Program::Secondary => "backscroll-secondary",
        }
    }
}

/// Which programs have a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Both.
    Both,
    /// The primary alone.
    Primary,
    /// The secondary alone.
    Secondary,
}

impl Of {
    /// Whether this program has it.
    pub fn has(self, program: Program) -> bool {
        match self {
            Of::Both => true,
            Of::Primary => program == Program::Primary,
            Of::Secondary => program == Program::Secondary,
        }
    }
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Always 1: its labels say something.
    Info,
    /// A value that goes up and down.
    Gauge,
    /// A count that only goes up.
    Counter,
    /// How many values there were up to each of these bounds, in nanoseconds.
    Histogram(&'static [u64]),
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Info => "info",
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Histogram(_) => "histogram",
        }
    }

    /// Cells that one series of it takes: a histogram has one for each bound, one for what is larger,
    /// and one for the sum.
    pub const fn cells(self) -> usize {
        match self {
            Kind::Histogram(bounds) => bounds.len() + 2,
            Kind::Info | Kind::Gauge | Kind::Counter => 1,
        }
    }
}

/// Where the value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is counted in cells. Every series is on the page, from the start.
    Counted,
    /// The same, and a series is on the page once something was counted: there are many, and most of
    /// them never come up.
    CountedOnceSeen,
    /// A source says it when a page is made.
    Looked,
}

/// A label of a metric.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// All its values; empty where they are known at run time only.
    pub values: &'static [&'static str],
    /// What it says, where the values do not say it themselves.
    pub about: &'static str,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name on the page.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Where its value comes from.
    pub kept: Kept,
    /// Its labels.
    pub labels: &'static [Label],
    /// Which programs have it.
    pub of: Of,
    /// What it means.
    pub help: &'static str,
}

impl Row {
    /// How many series it has at most; 0 where that is known at run time only.
    pub const fn series(&self) -> usize {
        let (mut series, mut at) = (1, 0);
        while at < self.labels.len() {
            series *= self.labels[at].values.len();
            at += 1;
        }
        series
    }

    /// Cells that all its series take.
    pub const fn cells(&self) -> usize {
        match self.kept {
            Kept::Looked => 0,
            Kept::Counted | Kept::CountedOnceSeen => self.series() * self.kind.cells(),
        }
    }

    /// Its name without what the format adds for its type.
    pub fn stem(&self) -> &'static str {
        let suffix = match self.kind {
            Kind::Info => "_info",
            Kind::Counter => "_total",
            Kind::Gauge | Kind::Histogram(_) => "",
        };
        self.name.strip_suffix(suffix).unwrap_or(self.name)
    }
}

/// Nanoseconds as seconds. A bound is then the same number as its decimal text.
#[expect(clippy::cast_precision_loss, reason = "beyond 104 days it is rounded to nanoseconds")]
pub fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

/// A time as nanoseconds.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
