//! Small requests while deep scans wait for a slow disk.

use super::mixed::{Outcome, RATE, options};
use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, POOL, SMALL_LOG, Server, THREADS, URING, secondary};
use crate::compare::cold;
use crate::compare::pool::Pool;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use crate::compare::throttle::Throttle;
use anyhow::Result;

/// What the servers may read from the disk, in bytes a second: far less than they can match.
const DISK: u64 = 32 << 20;

/// Deep scans at once.
const DEEP: u32 = 256;

/// What the cgroup counts as read, at least, where the limit holds: some of a second's worth.
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
            "The servers, started anew for each run, may read {} MiB a second from the disk (cgroup, `blkio.throttle.read_bps_device`). {RATE} requests a second ask for the newest 20 lines of a file of 1 MiB that is in the page cache, for {seconds} s, while {DEEP} deep scans go through 1 GiB that is not.",
            DISK >> 20
        ),
    );
    let mut p99 = Samples::default();
    let names = [URING, THREADS, POOL];
    let mut outcomes = names.map(|_| Outcome::default());
    let mut read_bytes = Vec::new();
    for round in bench.rounds("small requests beside deep scans, slow disk", 3, 1).without_warmup() {
        round?;
        for (index, name) in names.iter().enumerate() {
            for deep in [0, DEEP] {
                let throttle = match Throttle::new(&bench.log(LARGE_LOG), DISK) {
                    Ok(throttle) => throttle,
                    Err(reason) => {
                        row.note(format!("left out: {reason:#}"));
                        row.ratio(&what[0], None, Some(Target::AtMost(5.0)));
                        row.ratio(&what[1], None, Some(Target::AtLeast(10.0)));
                        results.rows.push(row);
                        return Ok(());
                    }
                };
                let report = beside(bench, name, &throttle, deep, seconds)?;
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

/// One run against a new server: what the load came to, and the server's CPU seconds.
fn beside(
    bench: &Bench,
    name: &str,
    throttle: &Throttle,
    deep: u32,
    seconds: f64,
) -> Result<(crate::load::report::Report, f64)> {
    cold::warm(&bench.log(SMALL_LOG))?;
    cold::evict(&bench.log(LARGE_LOG), bench.machine.has("fincore"))?;
    let load = |server: &Server| {
        throttle.add(server.pids[0])?;
        server.load(&newest(SMALL_LOG), &options(server, seconds, deep))
    };
    if name == POOL {
        return load(&Pool::start(bench.log_dir())?.server());
    }
    let io = if name == URING { "uring" } else { "threads" };
    let program = secondary(io, bench.log_dir())?;
    load(&Server::of(name, &program))
}
