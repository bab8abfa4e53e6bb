//! What the system knows of this process, under the names that all client libraries of Prometheus
//! use.

use super::samples::Samples;
use super::table::Metric;
use crate::telemetry::losses::{Losses, losses};
use procfs::process::{LimitValue, Process, Stat};
use procfs::{boot_time_secs, page_size, ticks_per_second};

/// Puts the figures into a page. What the system does not tell is left out.
pub(super) fn look(into: &mut Samples) {
    // The log is the process's own, and so is what is lost of it.
    let Losses { log, audit, traces } = losses();
    for (name, lost) in [("log", log), ("audit", audit), ("traces", traces)] {
        into.add(Metric::LogLinesLost, [name], lost);
    }
    let Ok(process) = Process::myself() else { return };
    if let Ok(stat) = process.stat() {
        of_stat(&stat, into);
    }
    if let Ok(open) = process.fd_count() {
        into.set(Metric::OpenDescriptors, open);
    }
    if let Ok(limits) = process.limits() {
        let most = match limits.max_open_files.soft_limit {
            LimitValue::Value(most) => most,
            LimitValue::Unlimited => u64::MAX,
        };
        into.set(Metric::MostDescriptors, most);
    }
}

#[expect(clippy::cast_precision_loss, reason = "times are far shorter")]
fn of_stat(stat: &Stat, into: &mut Samples) {
    let seconds = |ticks: u64| ticks as f64 / ticks_per_second() as f64;
    into.set(Metric::CpuSeconds, seconds(stat.utime + stat.stime));
    into.set(Metric::ResidentMemory, stat.rss * page_size());
    into.set(Metric::VirtualMemory, stat.vsize);
    into.set(Metric::Threads, u64::try_from(stat.num_threads).unwrap_or(0));
    if let Ok(boot) = boot_time_secs() {
        into.set(Metric::StartTime, boot as f64 + seconds(stat.starttime));
    }
}
