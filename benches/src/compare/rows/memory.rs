//! Resident memory with slow clients and with searches, and threads.

use crate::compare::bench::{Bench, LARGE_LOG, Server, URING, secondary};
use crate::compare::cold;
use crate::compare::report::{Results, Row};
use crate::compare::slow_clients::{CLIENTS, Served, SlowClients};
use crate::compare::stats::{Samples, Spread, Target, mebibytes};
use crate::compare::stop;
use crate::load::slow::Report;
use anyhow::{Context as _, Result};
use backscroll_e2e::program::Program;
use backscroll_samples::ABSENT;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long the searches run before the threads are counted.
const LOOK: Duration = Duration::from_millis(200);

/// The number of searches while the threads are counted.
const SEARCHES: usize = 8;

pub(super) fn memory(bench: &Bench, results: &mut Results) -> Result<()> {
    cold::warm(&bench.log(LARGE_LOG))?;
    // A new secondary, so that its peak is caused by these clients.
    let fresh = secondary("uring", bench.log_dir())?;
    let seconds = bench.load_seconds(20.0, 6.0);
    let mut row = Row::new(
        "Resident memory, and threads",
        &format!(
            "{CLIENTS} clients ask a new secondary for all of 1 GiB and read one byte a second each, for {seconds} s. The kernel's socket buffers are not in a process's resident memory. Then {SEARCHES} searches run at once in a server that has answered all rows before."
        ),
    );
    eprintln!("{CLIENTS} clients that hardly read");
    let url = Server::of(URING, &fresh).url(&format!("logs?filename={LARGE_LOG}"));
    let Served { report, resident } =
        SlowClients { url: &url, accept: "text/plain", certificate: None, seconds }.serve(&fresh)?;
    let peak = mebibytes(fresh.peak_memory_bytes()?);
    drop(fresh);
    let mut samples = Samples::default();
    for figure in resident {
        samples.push(&format!("resident, {CLIENTS} slow clients"), "MiB", figure, None);
    }
    row.figure(
        &format!("peak resident memory, {CLIENTS} slow clients"),
        "MiB",
        Spread::of(&[peak]),
        Some(Target::AtMost(96.0)),
    );
    let Report { reading, cut, refused, bytes } = report;
    row.note(format!(
        "of the {CLIENTS} clients {reading} still read at the end, {cut} had been cut and {refused} were refused; together they had read {bytes} bytes"
    ));
    let before = mebibytes(bench.uring.peak_memory_bytes()?);
    row.figure(
        "peak resident memory of the secondary after all rows before",
        "MiB",
        Spread::of(&[before]),
        None,
    );
    let names = searching(&bench.uring)?;
    #[expect(clippy::cast_precision_loss, reason = "a few threads")]
    row.figure(
        &format!("its threads while {SEARCHES} searches run"),
        "threads",
        Spread::of(&[names.len() as f64]),
        None,
    );
    row.note(format!("its threads: {}", names.join(", ")));
    let after = mebibytes(bench.uring.peak_memory_bytes()?);
    row.figure(
        &format!("peak resident memory with {SEARCHES} searches at once"),
        "MiB",
        Spread::of(&[after]),
        None,
    );
    results.rows.push(row.with(&samples));
    Ok(())
}

/// Child processes. Dropping this kills them, by their ids.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The names of a secondary's threads while it searches.
fn searching(secondary: &Program) -> Result<Vec<String>> {
    let url = format!("http://{}/logs?filename={LARGE_LOG}&keyword={ABSENT}", secondary.listen);
    let mut load = Children(Vec::new());
    for _ in 0..SEARCHES {
        let curl = Command::new("curl")
            .args(["-s", "-S", "-f", "--max-time", "60", &url])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        load.0.push(curl.context("curl cannot be started")?);
    }
    stop::rest(LOOK)?;
    let names = secondary.threads()?;
    for child in &mut load.0 {
        child.wait()?;
    }
    Ok(names)
}
