//! Small requests while deep scans wait for a slow disk.

use super::mixed::{Outcome, RATE, options};
use super::requests::newest;
use crate::compare::bench::{Bench, POOL, SMALL_LOG, Server, THREADS, URING, secondary};
use crate::compare::cold;
use crate::compare::pool::Pool;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use crate::compare::throttle::Throttle;
use crate::load::report::Report;
use anyhow::{Context as _, Result};
use backscroll_samples::write_large;
use std::path::PathBuf;

/// How many bytes a second the servers may read from the disk: far less than they can match.
const DISK: u64 = 32 << 20;

/// The number of deep scans, each of a different file. With one file, the others would find in the
/// page cache what the first has read.
const DEEP: u32 = 256;

/// The size of each of these files. At the disk's speed, one run reads far less than all of them.
const COLD_BYTES: u64 = 4 << 20;

/// The least number of bytes that the cgroup must count as read, to show that the limit works: a
/// part of one second's.
const READ_AT_LEAST: u64 = DISK / 4;

pub(super) fn throttled(bench: &Bench, results: &mut Results) -> Result<()> {
    let what = [
        format!("p99 beside {DEEP} scans on a slow disk, to alone"),
        format!("times better than {POOL}, beside {DEEP} scans on a slow disk"),
        format!("times better than `--io threads`, beside {DEEP} scans on a slow disk"),
    ];
    let seconds = bench.load_seconds(6.0, 3.0);
    let mut row = Row::new(
        "p99 of small requests beside deep scans, cold, on a slow disk",
        &format!(
            "The servers, started anew for each run, may read {} MiB a second from the disk (cgroup, `blkio.throttle.read_bps_device`). {RATE} requests a second ask for the newest 20 lines of a file of 1 MiB that is in the page cache, for {seconds} s, while {DEEP} deep scans go each through a file of its own of {} MiB that is not. CPU seconds are the server's.",
            DISK >> 20,
            COLD_BYTES >> 20
        ),
    );
    let cold_logs = ColdLogs::make(bench)?;
    let mut p99 = Samples::default();
    let names = [URING, THREADS, POOL];
    let mut outcomes = names.map(|_| Outcome::default());
    let mut read_bytes = Vec::new();
    for round in bench.rounds("small requests beside deep scans, slow disk", 3, 1).without_warmup() {
        round?;
        for (index, name) in names.iter().enumerate() {
            for deep in [0, DEEP] {
                let throttle = match Throttle::new(bench.log_dir(), DISK) {
                    Ok(throttle) => throttle,
                    Err(reason) => {
                        row.note(format!("left out: {reason:#}"));
                        row.ratio(&what[0], None, Some(Target::AtMost(5.0)));
                        row.ratio(&what[1], None, Some(Target::AtLeast(10.0)));
                        results.rows.push(row);
                        return Ok(());
                    }
                };
                let report = beside(bench, name, &throttle, (&cold_logs, deep), seconds)?;
                p99.push(&place(name, deep), "ms", report.0.p99_us / 1e3, Some(report.1));
                if deep > 0 {
                    outcomes[index].add(&report.0);
                    read_bytes.push(throttle.read_bytes()?);
                }
            }
        }
    }
    let mut row = row.with(&p99);
    let ours = place(URING, DEEP);
    row.ratio(&what[0], p99.ratio(&ours, &place(URING, 0)), Some(Target::AtMost(5.0)));
    row.ratio(&what[1], p99.ratio(&place(POOL, DEEP), &ours), Some(Target::AtLeast(10.0)));
    row.ratio(&what[2], p99.ratio(&place(THREADS, DEEP), &ours), None);
    for (name, outcome) in names.iter().zip(&outcomes) {
        row.note(format!("beside {DEEP} scans, {}", outcome.note(name)));
    }
    let (least, most) = (read_bytes.iter().min(), read_bytes.iter().max());
    if let (Some(least), Some(most)) = (least, most) {
        row.note(format!("the disk was read from in each run: {} to {} MiB", least >> 20, most >> 20));
        if *least < READ_AT_LEAST {
            row.note("**that is hardly anything: in some run the scans did not wait for the disk**");
        }
    }
    results.rows.push(row);
    Ok(())
}

fn place(server: &str, deep: u32) -> String {
    format!("{server}, {deep} deep scans")
}

/// One run with a new server. Returns the report of the load, and the server's CPU seconds.
fn beside(
    bench: &Bench,
    name: &str,
    throttle: &Throttle,
    (cold_logs, deep): (&ColdLogs, u32),
    seconds: f64,
) -> Result<(Report, f64)> {
    cold::warm(&bench.log(SMALL_LOG))?;
    cold_logs.evict(bench)?;
    let load = |server: &Server| {
        throttle.add(server.pids[0])?;
        server.load(&newest(SMALL_LOG), &options(server, seconds, deep, ColdLogs::NAME))
    };
    if name == POOL {
        return load(&Pool::start(bench.log_dir())?.server());
    }
    let io = if name == URING { "uring" } else { "threads" };
    let program = secondary(io, bench.log_dir())?;
    load(&Server::of(name, &program))
}

/// A log for each deep scan. Dropping this removes them.
struct ColdLogs(Vec<PathBuf>);

impl ColdLogs {
    /// The pattern from which the load tool makes their names.
    const NAME: &str = "cold-{}.log";

    fn make(bench: &Bench) -> Result<ColdLogs> {
        let mut logs = ColdLogs(Vec::new());
        for index in 0..DEEP {
            let path = bench.log(&ColdLogs::NAME.replace("{}", &index.to_string()));
            logs.0.push(path.clone());
            write_large(&path, COLD_BYTES)
                .context("1 GiB for cold logs: give a folder that has it with --dir")?;
        }
        Ok(logs)
    }

    fn evict(&self, bench: &Bench) -> Result<()> {
        // To check one of them is enough, since all are in the same folder.
        self.0
            .iter()
            .enumerate()
            .try_for_each(|(index, path)| cold::evict(path, index == 0 && bench.machine.has("fincore")))
    }
}

impl Drop for ColdLogs {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
