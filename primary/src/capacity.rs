//! What all requests together may hold: answers of hosts under way, answers that are read in
//! large parts, and memory for long lines and records.

pub mod lines;
pub mod records;
mod units;

pub use units::FREE_BYTES;

use lines::LineMemory;
use records::RecordMemory;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The part of the answers under way that is kept for requests to one host.
const SINGLE_PART: usize = 8;

/// Answers that are read 128 KiB at a time, of all threads together. Each holds up to three such
/// reads: 24 MiB in all. The others are read 8 KiB at a time.
const QUICK_AT_ONCE: usize = 64;

/// What all requests together may hold.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// Permits for answers under way, each over a connection.
    pub streams: Arc<Semaphore>,
    /// How many of these there are.
    pub most_streams: usize,
    /// More of them, only for requests to one host.
    pub single_streams: Arc<Semaphore>,
    /// The permit to take more permits one by one, which one request has at a time.
    pub growing: Arc<Semaphore>,
    /// Memory for long lines that are passed on.
    pub lines: LineMemory,
    /// Memory for long records that are merged.
    pub records: RecordMemory,
    /// Permits for answers that are read in large parts.
    pub quick: Arc<Semaphore>,
}

impl Capacity {
    /// For so many answers under way.
    pub fn new(streams: usize) -> Capacity {
        let single_streams = (streams / SINGLE_PART).max(1);
        let most_streams = streams.saturating_sub(single_streams).max(1);
        Capacity {
            streams: Arc::new(Semaphore::new(most_streams)),
            most_streams,
            single_streams: Arc::new(Semaphore::new(single_streams)),
            growing: Arc::new(Semaphore::new(1)),
            lines: LineMemory::default(),
            records: RecordMemory::default(),
            quick: Arc::new(Semaphore::new(QUICK_AT_ONCE)),
        }
    }

    /// Half of the permits for answers under way: what one request begins with at most, and what
    /// one caller has at most.
    pub fn half(&self) -> usize {
        (self.most_streams / 2).max(1)
    }
}
