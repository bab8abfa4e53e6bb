//! The rows, by theme. Each one measures its variants in turn and adds itself to the results.

mod dump;
mod filters;
mod fleet;
mod latency;
pub(super) mod memory;
mod mixed;
mod page_cache;
mod primary;
mod range;
mod requests;
mod scan;
mod slow_readers;
mod sweep;
mod telemetry;
mod throttled;
mod tls;

use super::bench::Bench;
use super::report::Results;
use anyhow::Result;
use clap::ValueEnum;

/// One row of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowName {
    /// Search for an absent keyword in 1 GiB in the page cache
    ScanWarm,
    /// The same, read from the disk
    ScanCold,
    /// Patterns, case and exclusion in 1 GiB in the page cache
    Filters,
    /// Small requests beside searches with the slowest pattern
    SlowPatterns,
    /// What this search leaves in the page cache
    PageCache,
    /// All of 1 GiB, the newest line first
    Dump,
    /// Requests a second for the newest 20 lines, by connections
    Requests,
    /// How long the newest 20 lines take, by size of the file
    Latency,
    /// One minute in the middle of 10 GiB, and one at the end
    Range,
    /// Small requests while deep scans run, in the page cache
    MixedWarm,
    /// Small requests while deep scans wait for a slow disk
    MixedCold,
    /// Resident memory, and threads
    Memory,
    /// Cost of slow clients, by server, lines and format
    SlowReaders,
    /// Through the primary
    Primary,
    /// The same with TLS
    Tls,
    /// The log of requests, metrics and traces, against none
    Telemetry,
    /// Cost of a primary with 1 to 1,000 hosts
    Fleet,
    /// Read engines and block sizes, without HTTP
    Sweep,
}

impl RowName {
    /// Its name on the command line.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Measures it.
    pub fn measure(self, bench: &Bench, results: &mut Results) -> Result<()> {
        match self {
            RowName::ScanWarm => scan::warm(bench, results),
            RowName::ScanCold => scan::cold(bench, results),
            RowName::Filters => filters::filters(bench, results),
            RowName::SlowPatterns => filters::beside(bench, results),
            RowName::PageCache => page_cache::page_cache(bench, results),
            RowName::Dump => dump::dump(bench, results),
            RowName::Requests => requests::requests(bench, results),
            RowName::Latency => latency::latency(bench, results),
            RowName::Range => range::range(bench, results),
            RowName::MixedWarm => mixed::mixed(bench, results),
            RowName::MixedCold => throttled::throttled(bench, results),
            RowName::Memory => memory::memory(bench, results),
            RowName::SlowReaders => slow_readers::slow_readers(bench, results),
            RowName::Primary => primary::primary(bench, results),
            RowName::Tls => tls::tls(bench, results),
            RowName::Telemetry => telemetry::telemetry(bench, results),
            RowName::Fleet => fleet::fleet(bench, results),
            RowName::Sweep => sweep::sweep(bench, results),
        }
    }
}
