//! Resident memory, with clients that hardly read and with searches, and threads.

use crate::compare::bench::{Bench, LARGE_LOG, Server, URING, secondary};
use crate::compare::cold;
use crate::compare::process::run_for_output;
use crate::compare::report::{Results, Row};
use crate::compare::stats::{Samples, Spread, Target};
use crate::compare::stop;
use crate::load::slow::Report;
use crate::program::Program;
use anyhow::{Context as _, Result};
use backscroll_samples::ABSENT;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// Clients that read one byte a second each.
const CLIENTS: u32 = 1000;

/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Searches at once while the threads are counted.
const SEARCHES: usize = 8;

pub(super) fn memory(bench: &Bench, results: &mut Results) -> Result<()> {
    cold::warm(&bench.log(LARGE_LOG))?;
    // A new one: its peak is to be that of these clients.
    let fresh = secondary("uring", bench.log_dir())?;
    let seconds = bench.load_seconds(20.0, 6.0);
    let mut row = Row::new(
        "Resident memory, and threads",
        &format!(
            "{CLIENTS} clients ask a new secondary for all of 1 GiB and read one byte a second each, for {seconds} s. The kernel's socket buffers are not in a process's resident memory. Then {SEARCHES} searches run at once in a server that has answered all rows before."
        ),
    );
    eprintln!("{CLIENTS} clients that hardly read");
    let (slow, resident) = slow_clients(&Server::of(URING, &fresh), &fresh, seconds)?;
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
    let Report { reading, cut, refused, bytes } = slow;
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

#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
pub(super) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Runs the clients in a process of their own; the server's memory meanwhile, in MiB.
fn slow_clients(server: &Server, program: &Program, seconds: f64) -> Result<(Report, Vec<f64>)> {
    let url = server.url(&format!("logs?filename={LARGE_LOG}"));
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["slow-clients", "--url", &url, "--clients", &CLIENTS.to_string()]);
    command.args(["--seconds", &seconds.to_string()]);
    std::thread::scope(|scope| {
        let (done, wait) = channel::<()>();
        let looks = scope.spawn(move || {
            let mut figures = Vec::new();
            while wait.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                figures.push(mebibytes(program.memory_now_bytes()?));
            }
            anyhow::Ok(figures)
        });
        let ran = run_for_output(&mut command);
        drop(done);
        let figures = looks.join().map_err(|_| anyhow::anyhow!("looking at the memory panicked"))?;
        let report = serde_json::from_str(&ran?.output).context("what the slow clients say is no report")?;
        Ok((report, figures?))
    })
}

/// Children that are ended, by their ids, when dropped.
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
