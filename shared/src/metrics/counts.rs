//! What is counted while requests are served.
//!
//! A thread adds to cells of its own, which share no cache line with those of others. The page has
//! the sums. So to count costs one addition, and no thread waits for another one.

use super::row::{Kept, Kind, Row, nanos, seconds};
use super::samples::{Samples, Value};
use super::table::{ALL, FIRST_CELLS, Metric};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// The most threads that have cells of their own. Beyond that, some share.
const MOST_SHARDS: usize = 64;

/// Cells of all metrics.
const CELLS: usize = FIRST_CELLS[ALL.len()];

/// The number of this thread, by which it finds its cells.
fn number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    // A thread that ends may still count, and any cells will do.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

/// The cells of all metrics that are counted.
#[derive(Debug)]
pub struct Counts {
    /// A power of two of them.
    shards: Box<[Shard]>,
}

/// The cells of some threads. The alignment keeps the ends of two shards apart.
#[derive(Debug)]
#[repr(align(128))]
struct Shard([AtomicU64; CELLS]);

impl Counts {
    /// Cells for so many threads.
    pub fn new(threads: usize) -> Counts {
        // Twice as many, since other threads have numbers, too.
        let shards = (2 * threads).clamp(2, MOST_SHARDS).next_power_of_two();
        Counts { shards: (0..shards).map(|_| Shard([const { AtomicU64::new(0) }; CELLS])).collect() }
    }

    fn cell(&self, at: usize) -> &AtomicU64 {
        &self.shards[number() & (self.shards.len() - 1)].0[at]
    }

    /// Adds to the series of this number. The series of a metric are numbered by the values of its
    /// labels, the last label first.
    pub fn add(&self, metric: Metric, series: usize, by: u64) {
        debug_assert!(series < metric.row().series() && !matches!(metric.row().kind, Kind::Histogram(_)));
        self.cell(metric.first_cell() + series).fetch_add(by, Relaxed);
    }

    /// Adds one to a metric without labels.
    pub fn one(&self, metric: Metric) {
        self.add(metric, 0, 1);
    }

    /// One more of what goes up and down.
    pub fn up(&self, metric: Metric) {
        self.add(metric, 0, 1);
    }

    /// One less of it. It may be another thread than the one that it went up on: only the sum of all
    /// cells means something.
    pub fn down(&self, metric: Metric) {
        self.cell(metric.first_cell()).fetch_sub(1, Relaxed);
    }

    /// Counts a time in the series of this number of a histogram.
    pub fn observe(&self, metric: Metric, series: usize, time: Duration) {
        let Kind::Histogram(bounds) = metric.row().kind else { unreachable!("{metric:?} is no histogram") };
        debug_assert!(series < metric.row().series());
        let (first, time) = (metric.first_cell() + series * metric.row().kind.cells(), nanos(time));
        let bucket = bounds.iter().take_while(|bound| **bound < time).count();
        self.cell(first + bucket).fetch_add(1, Relaxed);
        self.cell(first + bounds.len() + 1).fetch_add(time, Relaxed);
    }

    fn sum(&self, at: usize) -> u64 {
        self.shards.iter().fold(0, |sum, shard| sum.wrapping_add(shard.0[at].load(Relaxed)))
    }

    /// Puts all that was counted into a page.
    pub(super) fn collect(&self, into: &mut Samples) {
        for metric in ALL.iter().copied() {
            let row = metric.row();
            if row.kept == Kept::Looked || !into.takes(metric) {
                continue;
            }
            for series in 0..row.series() {
                let first = metric.first_cell() + series * row.kind.cells();
                let cells: Vec<u64> = (first..first + row.kind.cells()).map(|at| self.sum(at)).collect();
                if row.kept == Kept::Counted || cells.iter().any(|cell| *cell != 0) {
                    into.add(metric, labels(row, series), value(row.kind, &cells));
                }
            }
        }
    }
}

/// The values of the labels of the series of this number.
fn labels(row: &Row, series: usize) -> Vec<Cow<'static, str>> {
    let mut rest = series;
    let mut values: Vec<Cow<'static, str>> = Vec::with_capacity(row.labels.len());
    for label in row.labels.iter().rev() {
        values.push(label.values[rest % label.values.len()].into());
        rest /= label.values.len();
    }
    values.reverse();
    values
}

fn value(kind: Kind, cells: &[u64]) -> Value {
    match kind {
        Kind::Histogram(bounds) => histogram(bounds, cells),
        // More may have gone down than up by what one look at all cells has missed.
        Kind::Gauge => Value::Whole(u64::try_from(cells[0].cast_signed()).unwrap_or(0)),
        Kind::Counter | Kind::Info => Value::Whole(cells[0]),
    }
}

/// The value of a histogram with these cells: one for each bound, one for what is larger, and one for
/// the sum.
fn histogram(bounds: &[u64], cells: &[u64]) -> Value {
    let bounds = bounds.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
    Value::Histogram {
        sum: seconds(cells.last().copied().unwrap_or(0)),
        buckets: bounds.zip(cells.iter().copied()).collect(),
    }
}

/// The cells of one histogram whose series are not known beforehand, such as that of a host.
/// `CELLS` is two more than there are bounds.
#[derive(Debug)]
pub struct Buckets<const CELLS: usize> {
    bounds: &'static [u64],
    cells: [AtomicU64; CELLS],
}

impl<const CELLS: usize> Buckets<CELLS> {
    /// With these bounds.
    pub fn new(bounds: &'static [u64]) -> Buckets<CELLS> {
        assert_eq!(CELLS, bounds.len() + 2, "a cell for each bound, and two more");
        Buckets { bounds, cells: [const { AtomicU64::new(0) }; CELLS] }
    }

    /// Counts a time.
    pub fn observe(&self, time: Duration) {
        let time = nanos(time);
        let bucket = self.bounds.iter().take_while(|bound| **bound < time).count();
        self.cells[bucket].fetch_add(1, Relaxed);
        self.cells[CELLS - 1].fetch_add(time, Relaxed);
    }

    /// What was counted.
    pub fn value(&self) -> Value {
        let cells: Vec<u64> = self.cells.iter().map(|cell| cell.load(Relaxed)).collect();
        histogram(self.bounds, &cells)
    }
}
