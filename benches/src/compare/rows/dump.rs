//! All of 1 GiB, the newest line first: nothing is searched, everything is written.

use crate::compare::bench::{Bench, LARGE_LOG, THREADS, URING};
use crate::compare::cold;
use crate::compare::process::run;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Target};
use anyhow::{Context as _, Result, ensure};
use std::process::Command;

const TAC: &str = "`tac`";
const NDJSON: [&str; 2] = ["-H", "Accept: application/x-ndjson"];

pub(super) fn dump(bench: &Bench, results: &mut Results) -> Result<()> {
    let path = bench.log(LARGE_LOG);
    let text = path.to_str().context("a temporary folder's path is text")?;
    let target = format!("logs?filename={LARGE_LOG}");
    let (uring, threads) = (bench.uring_server(), bench.threads_server());
    cold::warm(&path)?;
    // Checked once, before anything is timed: the answer has all bytes.
    let bytes = uring.answer_bytes(&[], &target)?;
    ensure!(bytes == path.metadata()?.len(), "a dump has {bytes} bytes, which is not the size of the file");
    let gb = bench.large_gb()?;
    let ndjson = format!("{URING}, NDJSON");
    let (mut seconds, mut speed) = (Samples::default(), Samples::default());
    for round in bench.rounds("reading all of 1 GiB, warm", 7, 2).without_warmup() {
        round?;
        let mut add = |name: &str, ran: crate::compare::process::Ran| {
            seconds.push(name, "s", ran.seconds, Some(ran.cpu_seconds));
            speed.push(name, "GB/s", gb / ran.seconds, None);
        };
        add(URING, uring.curl(&[], &target)?);
        add(THREADS, threads.curl(&[], &target)?);
        if bench.machine.has("tac") {
            add(TAC, run(Command::new("tac").arg(text))?);
        }
        add(&ndjson, uring.curl(&NDJSON, &target)?);
    }
    let mut row = Row::new(
        "All of 1 GiB, newest line first, warm",
        "Whole processes with their output in `/dev/null`: `curl` for Backscroll, `tac FILE`.",
    )
    .with(&seconds);
    row.figure("as text", "GB/s", speed.spread(URING), Some(Target::AtLeast(1.0)));
    row.ratio("speed as text, to `tac`", speed.ratio(URING, TAC), Some(Target::AtLeast(1.0)));
    row.ratio("time as text, to `tac`", seconds.ratio(URING, TAC), None);
    row.ratio("speed as text, to `--io threads`", speed.ratio(URING, THREADS), None);
    row.figure("as NDJSON, GB of the file", "GB/s", speed.spread(&ndjson), None);
    if !bench.quick {
        let object_bytes = uring.answer_bytes(&NDJSON, &target)?;
        row.note(format!("as text {bytes} bytes leave, as NDJSON {object_bytes}"));
    }
    results.rows.push(row);
    Ok(())
}
