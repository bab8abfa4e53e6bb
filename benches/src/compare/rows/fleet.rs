//! The cost of a primary with 1 to 1,000 hosts.

use super::requests::newest;
use crate::compare::bench::{Bench, LARGE_LOG, Server, secondary};
use crate::compare::cold;
use crate::compare::process::run_for_output;
use crate::compare::report::{Results, Row};
use crate::compare::simulated::Simulated;
use crate::compare::stats::{Samples, Spread, Target, mebibytes};
use anyhow::{Context as _, Result, ensure};
use backscroll_e2e::program::Program;
use serde_json::json;
use std::process::Command;

/// The number of hosts in the largest fleet.
const MOST: usize = 1000;
const SIZES: [usize; 4] = [1, 10, 100, MOST];
/// The hosts whose records are merged, and the records of each: enough that the start does not
/// matter.
const MERGED: usize = 10;
const RECORDS: u64 = 100_000;

pub(super) fn fleet(bench: &Bench, results: &mut Results) -> Result<()> {
    let simulated = Simulated::start(MOST, RECORDS)?;
    let groups: Vec<_> = simulated
        .addresses
        .iter()
        .enumerate()
        .map(|(number, address)| {
            json!({ "targets": [address.to_string()], "labels": { "hostname": format!("host-{number:04}") } })
        })
        .collect();
    let file = bench.log_dir().join("fleet.json");
    std::fs::write(&file, serde_json::to_vec(&groups)?)?;
    let file = file.to_string_lossy();
    let primary = Program::start("backscroll-primary", &["--fleet-file", &*file])?;
    let server = Server::of("primary", &primary);
    let mut samples = Samples::default();
    let seconds = bench.load_seconds(2.0, 1.0);
    let options = ["--connections", "1", "--seconds", &seconds.to_string()].map(str::to_owned);
    for round in bench.rounds("a fleet of 1 to 1,000", 5, 2).without_warmup() {
        round?;
        for size in SIZES {
            let (report, cpu) =
                server.load(&format!("logs?filename=a.log&n=20&{}", first(size)), &options)?;
            ensure!(report.errors == 0, "{size} hosts: {:?}", report.first_error);
            #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 requests")]
            let each = cpu / report.answered.max(1) as f64;
            samples.push(&of(size, "p50"), "ms", report.p50_us / 1e3, Some(each));
            samples.push(&of(size, "p99"), "ms", report.p99_us / 1e3, None);
        }
        let (rate, cpu) = merged(&server)?;
        samples.push("merge, records of 10 hosts", "records/s", rate, Some(cpu));
        #[expect(clippy::cast_precision_loss, reason = "a million records")]
        samples.push(
            "merge, for each CPU second of the primary",
            "records/s",
            (RECORDS * MERGED as u64) as f64 / cpu,
            None,
        );
    }
    let mut row = Row::new(
        "A fleet of 1 to 1,000 hosts",
        &format!(
            "`n=20` of {SIZES:?} simulated hosts, over one connection for {seconds} s, in turn: all of them in one process on loopback, each with its answer ready, so that what is measured is the primary and the network. CPU seconds are the primary's, for one request. Then all of {RECORDS} records of {MERGED} hosts each, with curl, as text."
        ),
    )
    .with(&samples);
    let at = |size| samples.spread(&of(size, "p50"));
    row.figure("p50 of 1 host", "ms", at(1), None);
    if let (Some(one), Some(many)) = (at(1), at(100)) {
        let allowed = 1.5 * one.median + 5.0;
        row.figure(
            "p50 of 100 hosts, to 1.5 times that of one and 5 ms",
            "×",
            Spread::of(&[many.median / allowed]),
            Some(Target::AtMost(1.0)),
        );
    }
    row.figure(
        "records merged for each CPU second of the primary",
        "records/s",
        samples.spread("merge, for each CPU second of the primary"),
        Some(Target::AtLeast(1e6)),
    );
    row.figure(
        "peak resident memory of the primary, 1,000 hosts",
        "MiB",
        Spread::of(&[mebibytes(primary.peak_memory_bytes()?)]),
        Some(Target::AtMost(200.0)),
    );
    #[expect(clippy::cast_precision_loss, reason = "a few thousand descriptors")]
    let descriptors = primary.descriptors()? as f64;
    row.figure("its descriptors after that", "open", Spread::of(&[descriptors]), None);
    drop((primary, simulated));
    let scanned = scanned_by_one_host(bench)?;
    row.figure(
        "bytes that each of 10 hosts looked at for `n=20` of 1 GiB",
        "KiB",
        Spread::of(&[scanned]),
        Some(Target::AtMost(256.0)),
    );
    results.rows.push(row);
    Ok(())
}

fn of(size: usize, what: &str) -> String {
    format!("`n=20` of {size} hosts, {what}")
}

/// The names of the first `size` hosts, as patterns.
fn first(size: usize) -> &'static str {
    match size {
        // As a pattern: a host that is asked by its name is passed through without a merge.
        1 => "hostname=host-0000*",
        10 => "hostname=host-000%3F",
        100 => "hostname=host-00*",
        _ => "hostname=*",
    }
}

/// The records a second, and the primary's CPU seconds.
fn merged(server: &Server) -> Result<(f64, f64)> {
    let before = crate::compare::process::cpu_seconds(&server.pids)?;
    let url = server.url("logs?filename=a.log&hostname=host-000%3F");
    let count = ["-s", "-S", "-f", "-o", "/dev/null", "-w", "%{size_download} %{time_total}"];
    let ran = run_for_output(Command::new("curl").args(count).arg(url))?;
    let (bytes, seconds) = ran.output.split_once(' ').context("curl did not print two figures")?;
    ensure!(bytes.parse::<u64>()? > RECORDS * MERGED as u64 * 100, "records are missing");
    let cpu = crate::compare::process::cpu_seconds(&server.pids)? - before;
    #[expect(clippy::cast_precision_loss, reason = "a million records")]
    Ok(((RECORDS * MERGED as u64) as f64 / seconds.trim().parse::<f64>()?, cpu))
}

/// How many KiB each of 10 hosts read. They are real secondaries with the same log; one secondary
/// with many names would be asked only once.
fn scanned_by_one_host(bench: &Bench) -> Result<f64> {
    const HOSTS: usize = 10;
    cold::warm(&bench.log(LARGE_LOG))?;
    let hosts: Vec<Program> =
        (0..HOSTS).map(|_| secondary("threads", bench.log_dir())).collect::<Result<_>>()?;
    let names: Vec<String> = hosts
        .iter()
        .enumerate()
        .map(|(number, host)| format!("host-{number}=http://{}", host.listen))
        .collect();
    let mut args = Vec::new();
    for name in &names {
        args.extend(["--secondary", name]);
    }
    let primary = Program::start("backscroll-primary", &args)?;
    let url = Server::of("primary", &primary).url(&newest(LARGE_LOG));
    let accept = "Accept: application/x-ndjson";
    let ran = run_for_output(Command::new("curl").args(["-s", "-S", "-f", "-H", accept, &url]))?;
    let last = ran.output.lines().last().context("an answer has a last line")?;
    let end: serde_json::Value = serde_json::from_str(last)?;
    ensure!(end["end"]["status"] == "complete", "{last}");
    let most = end["end"]["hosts"].as_object().context("hosts")?.values();
    let most = most.filter_map(|host| host["bytes_scanned"].as_u64()).max().unwrap_or(0);
    ensure!(most > 0, "no host reported how much it read");
    #[expect(clippy::cast_precision_loss, reason = "a few KiB")]
    Ok(most as f64 / 1024.0)
}
