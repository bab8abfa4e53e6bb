//! Which times a record may have.

use jiff::civil::DateTime;

/// One edge of a time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// An instant, in nanoseconds since 1970.
    At(i64),
    /// A time in the zone of the host that has the file (`tz=host`).
    OnHost(DateTime),
}

/// The times that a record may have. Without edges, any record is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The first one.
    pub since: Option<Edge>,
    /// The first one after it.
    pub until: Option<Edge>,
}

impl TimeRange {
    /// Whether it has no edges.
    pub fn is_open(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }
}

/// How the edges of a time range are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanMode {
    /// By the order of times, as long as the file has one.
    #[default]
    Auto,
    /// Every byte is read.
    All,
}
