//! Search for an absent keyword in 1 GiB: in the page cache, and from the disk.

use crate::compare::bench::{Bench, LARGE_LOG, Server, THREADS, URING};
use crate::compare::cold;
use crate::compare::process::{Ran, run, run_for_output, run_pipe};
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Context as _, Result, ensure};
use backscroll_samples::ABSENT;
use std::path::Path;
use std::process::Command;

const RG: &str = "`rg -F -c`";
const TAC: &str = "`tac \\| grep -aFc`";
const INLINE: &str = "`pread` and `Finder`, one thread, no HTTP";

fn target() -> String {
    format!("logs?filename={LARGE_LOG}&keyword={ABSENT}")
}

/// The subcommand of this program, in a separate process, so that its start counts like that of the
/// other programs.
fn count_backwards(path: &Path) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("count-backwards").arg(path).arg(ABSENT);
    Ok(command)
}

/// From the page cache.
pub(super) fn warm(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let (uring, threads) = (bench.uring_server(), bench.threads_server());
    let text = path.to_str().context("a temporary folder's path is text")?;
    ensure!(uring.answer_bytes(&[], &target())? == 0, "the absent keyword was found");
    cold::warm(&path)?;
    let mut samples = Samples::default();
    for round in bench.rounds("searching 1 GiB, warm", 9, 3) {
        let round = round?;
        let mut add = |name: &str, ran: &Ran| {
            if round > 0 {
                samples.push(name, "s", ran.seconds, Some(ran.cpu_seconds));
            }
        };
        add(URING, &uring.curl(&[], &target())?);
        add(THREADS, &threads.curl(&[], &target())?);
        if bench.machine.has("rg") {
            add(RG, &run(Command::new("rg").args(["-F", "-c", ABSENT, text]))?);
        }
        if bench.machine.has("tac") && bench.machine.has("grep") {
            let mut grep = Command::new("grep");
            grep.env("LC_ALL", "C").args(["-a", "-F", "-c", ABSENT]);
            add(TAC, &run_pipe(Command::new("tac").arg(text), &mut grep)?);
        }
        add(INLINE, &run(&mut count_backwards(&path)?)?);
    }
    let mut row = Row::new(
        "An absent keyword through 1 GiB, warm",
        "Whole processes, from start to end: `curl` for Backscroll, whose server runs already; the others start, open the file and search it. `pread` reads page-aligned blocks of 256 KiB from the end to the start into one buffer and looks for the keyword with the same `Finder`; it finds no lines.",
    )
    .with(&samples);
    row.ratio("time, to `rg`", samples.ratio(URING, RG), Some(Target::AtMost(1.0)));
    row.ratio("times faster than `tac \\| grep`", samples.ratio(TAC, URING), Some(Target::AtLeast(12.0)));
    row.ratio("time, to `tac \\| grep`", samples.ratio(URING, TAC), None);
    row.ratio("speed, to inline `pread`", samples.ratio(INLINE, URING), Some(Target::AtLeast(0.9)));
    row.ratio("speed, to `--io threads`", samples.ratio(THREADS, URING), None);
    row.ratio("CPU seconds for each GB, to `rg`", samples.cpu_ratio(URING, RG), Some(Target::AtMost(1.1)));
    let gb = bench.large_gb()?;
    for variant in samples.variants() {
        if let Some(cpu) = variant.cpu_seconds {
            row.note(format!("{}: {:.3} CPU seconds for each GB", variant.name, cpu.median / gb));
        }
    }
    results.rows.push(row);
    Ok(())
}

const FIO_BACKWARDS: &str = "`fio`, io_uring, depth 16, backwards";
const FIO_FORWARDS: &str = "`fio`, io_uring, depth 16, forwards";
const INLINE_COLD: &str = "`pread` at depth 1 and `Finder`, backwards";

/// From the disk.
pub(super) fn cold(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let gb = bench.large_gb()?;
    let mut samples = Samples::default();
    let mut add = |name: &str, gb_per_second: f64, cpu_seconds: f64| {
        samples.push(name, "GB/s", gb_per_second, Some(cpu_seconds));
    };
    let evict = || cold::evict(&path, bench.machine.has("fincore"));
    let search = |server: Server| {
        evict()?;
        let ran = server.curl(&[], &target())?;
        anyhow::Ok((gb / ran.seconds, ran.cpu_seconds))
    };
    for round in bench.rounds("searching 1 GiB, cold", 7, 2).without_warmup() {
        round?;
        let (speed, cpu) = search(bench.uring_server())?;
        add(URING, speed, cpu);
        if bench.machine.has("fio") {
            evict()?;
            let (speed, cpu) = fio(&path, "read:-512k")?;
            add(FIO_BACKWARDS, speed, cpu);
        }
        evict()?;
        let ran = run(&mut count_backwards(&path)?)?;
        add(INLINE_COLD, gb / ran.seconds, ran.cpu_seconds);
        let (speed, cpu) = search(bench.threads_server())?;
        add(THREADS, speed, cpu);
        if bench.machine.has("fio") {
            evict()?;
            let (speed, cpu) = fio(&path, "read")?;
            add(FIO_FORWARDS, speed, cpu);
        }
    }
    let mut row = Row::new(
        "An absent keyword through 1 GiB, cold",
        "Before each run the file's pages are dropped. `fio` reads blocks of 256 KiB through the page cache into page-aligned memory, at depth 16, and matches nothing; its own speed is taken, without its start-up, while `curl`'s and `pread`'s are whole processes. The target is against `fio` reading backwards: the same blocks in the same order. Forwards the kernel's own readahead helps, which no backwards reader gets; it is printed as what the disk can do.",
    )
    .with(&samples);
    row.ratio("speed, to `fio` backwards", samples.ratio(URING, FIO_BACKWARDS), Some(Target::AtLeast(0.9)));
    row.ratio("speed, to `fio` forwards", samples.ratio(URING, FIO_FORWARDS), None);
    row.ratio("speed, to `pread` at depth 1", samples.ratio(URING, INLINE_COLD), Some(Target::AtLeast(1.5)));
    row.ratio("speed, to `--io threads`", samples.ratio(URING, THREADS), None);
    if !bench.machine.has("fincore") {
        row.note("fincore is not installed: that the pages were gone is not verified");
    }
    results.rows.push(row);
    Ok(())
}

/// GB/s as `fio` reports it, and its CPU seconds. `read:-512k` steps back two blocks after each
/// read, so it reads backwards block by block.
fn fio(path: &Path, direction: &str) -> Result<(f64, f64)> {
    let mut filename = std::ffi::OsString::from("--filename=");
    filename.push(path);
    let ran = run_for_output(Command::new("fio").arg(filename).args([
        "--name=cold",
        "--readonly",
        // `fio` should work in the process that is waited for, not in another one.
        "--thread",
        &format!("--rw={direction}"),
        "--bs=256k",
        "--size=1g",
        "--ioengine=io_uring",
        "--iodepth=16",
        "--direct=0",
        "--invalidate=0",
        "--iomem=mmap",
        "--output-format=json",
    ]))?;
    let begin = ran.output.find('{').context("fio wrote no JSON")?;
    let report: serde_json::Value = serde_json::from_str(&ran.output[begin..]).context("fio's report")?;
    let speed = report["jobs"][0]["read"]["bw_bytes"].as_f64().context("fio's report has no bw_bytes")?;
    Ok((speed / 1e9, ran.cpu_seconds))
}
