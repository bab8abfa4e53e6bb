//! `cargo figures`: the figures of the README, measured here and now. Everything that is
//! compared runs in turn, over the same files, from the page cache.

use anyhow::{Context as _, Result, bail};
use backscroll_benches::corpus::{ABSENT, write_large};
use backscroll_benches::program::{self, Program};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

const LARGE: u64 = 1 << 30;
const SMALL: u64 = 1 << 20;
/// Runs of each whole search.
const SEARCHES: usize = 7;
/// Runs of each dump of the whole file.
const DUMPS: usize = 5;
/// Requests for each tail.
const TAILS: usize = 500;
/// Searches at once while the threads are counted.
const LOAD: usize = 8;

/// Ctrl-C came: what is under way ends, and the gibibyte in the temporary folder goes.
static STOPPED: AtomicBool = AtomicBool::new(false);

fn main() -> Result<()> {
    stop_at_ctrl_c()?;
    program::build("backscroll-secondary")?;
    let dir = tempfile::Builder::new().prefix("backscroll-figures-").tempdir()?;
    let (large, small) = (dir.path().join("large.log"), dir.path().join("small.log"));
    eprintln!("making a log of 1 GiB and one of 1 MiB");
    write_large(&large, LARGE)?;
    write_large(&small, SMALL)?;
    // Read once: whatever follows finds it in the page cache.
    std::io::copy(&mut open(&large)?, &mut std::io::sink())?;
    let log_dir = dir.path().to_str().context("a temporary folder's path is text")?;
    let secondary = Program::start("backscroll-secondary", &["--io", "uring", "--log-dir", log_dir])?;

    println!("| what | median | spread (min to max) |\n| --- | --- | --- |");
    tails(secondary.listen)?;
    searches(secondary.listen, &large)?;
    dumps(secondary.listen, &large)?;
    let memory = secondary.peak_memory_bytes()?;
    println!("| peak resident memory of the secondary after all of it, MiB | {:.1} | |", mebibytes(memory));
    threads(&secondary)
}

fn stop_at_ctrl_c() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut interrupt = runtime.block_on(async { signal(SignalKind::interrupt()) })?;
    std::thread::spawn(move || {
        runtime.block_on(interrupt.recv());
        STOPPED.store(true, Relaxed);
    });
    Ok(())
}

fn go_on() -> Result<()> {
    if STOPPED.load(Relaxed) {
        bail!("stopped by Ctrl-C");
    }
    Ok(())
}

/// The newest 20 lines of either file, in turn, over one connection.
fn tails(listen: SocketAddr) -> Result<()> {
    eprintln!("asking {TAILS} times for the newest 20 lines of each");
    let mut connection = TcpStream::connect(listen)?;
    connection.set_nodelay(true)?;
    let (mut large, mut small, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..TAILS {
        go_on()?;
        // Each goes first half of the time: what the first one warms up, the second enjoys.
        let (a, b) = if round % 2 == 0 {
            let a = tail(&mut connection, "large.log")?;
            (a, tail(&mut connection, "small.log")?)
        } else {
            let b = tail(&mut connection, "small.log")?;
            (tail(&mut connection, "large.log")?, b)
        };
        ratios.push(a.as_secs_f64() / b.as_secs_f64());
        large.push(a.as_secs_f64() * 1e6);
        small.push(b.as_secs_f64() * 1e6);
    }
    row("`n=20` of 1 GiB over HTTP, µs", &mut large);
    row("`n=20` of 1 MiB over HTTP, µs", &mut small);
    row("their ratio, pair by pair", &mut ratios);
    Ok(())
}

fn tail(connection: &mut TcpStream, name: &str) -> Result<Duration> {
    let began = Instant::now();
    connection.write_all(format!("GET /logs?filename={name}&n=20 HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())?;
    let mut answer = Vec::with_capacity(8 << 10);
    let mut piece = [0; 8 << 10];
    while !answer.ends_with(b"\r\n0\r\n\r\n") {
        match connection.read(&mut piece)? {
            0 => bail!("the secondary closed the connection"),
            len => answer.extend_from_slice(&piece[..len]),
        }
    }
    Ok(began.elapsed())
}

/// A keyword that is not there, through the whole large file, by each program in turn.
fn searches(listen: SocketAddr, large: &Path) -> Result<()> {
    let url = format!("http://{listen}/logs?filename=large.log&keyword={ABSENT}");
    let path = large.to_str().context("a temporary folder's path is text")?;
    let has_rg = Command::new("rg").arg("--version").stdout(Stdio::null()).status().is_ok();
    if !has_rg {
        eprintln!("rg is not installed: its rows are left out");
    }
    let (mut ours, mut rg, mut tac) = (Vec::new(), Vec::new(), Vec::new());
    let (mut to_rg, mut to_tac) = (Vec::new(), Vec::new());
    // Run 0 does not count: it brings the programs themselves into memory.
    for run in 0..=SEARCHES {
        go_on()?;
        eprint!("\rsearching 1 GiB, run {run} of {SEARCHES} ");
        let a = timed(Command::new("curl").args(["-s", "-S", "-f", &url]))?;
        let b = if has_rg { timed(Command::new("rg").args(["-F", "-c", ABSENT, path]))? } else { a };
        let c =
            timed(Command::new("sh").args(["-c", &format!("tac '{path}' | LC_ALL=C grep -aFc {ABSENT}")]))?;
        if run > 0 {
            ours.push(a);
            rg.push(b);
            tac.push(c);
            to_rg.push(a / b);
            to_tac.push(a / c);
        }
    }
    eprintln!();
    row("absent keyword in 1 GiB, `curl`, s", &mut ours);
    if has_rg {
        row("the same, `rg -F -c`, s", &mut rg);
    }
    row("the same, `tac \\| grep -aFc`, s", &mut tac);
    if has_rg {
        row("`curl` to `rg`, pair by pair", &mut to_rg);
    }
    row("`curl` to `tac \\| grep`, pair by pair", &mut to_tac);
    Ok(())
}

/// The whole large file, newest line first: nothing is searched for, all of it is written.
fn dumps(listen: SocketAddr, large: &Path) -> Result<()> {
    let url = format!("http://{listen}/logs?filename=large.log");
    let path = large.to_str().context("a temporary folder's path is text")?;
    let (mut text, mut objects, mut tac, mut ratios) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for run in 1..=DUMPS {
        go_on()?;
        eprint!("\rreading all of 1 GiB, run {run} of {DUMPS} ");
        let a = timed(Command::new("curl").args(["-s", "-S", "-f", &url]))?;
        let b = timed(Command::new("tac").arg(path))?;
        let json = ["-s", "-S", "-f", "-H", "Accept: application/x-ndjson", &url];
        objects.push(timed(Command::new("curl").args(json))?);
        text.push(a);
        tac.push(b);
        ratios.push(a / b);
    }
    eprintln!();
    row("all of 1 GiB as text, `curl`, s", &mut text);
    row("the same, `tac`, s", &mut tac);
    row("all of 1 GiB as NDJSON, `curl`, s", &mut objects);
    row("text by `curl` to `tac`, pair by pair", &mut ratios);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn open(path: &Path) -> Result<File> {
    Ok(File::open(path)?)
}

/// Seconds of a whole process. That nothing was found is no failure.
fn timed(command: &mut Command) -> Result<f64> {
    let began = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
    let seconds = began.elapsed().as_secs_f64();
    let nothing_found = status.code() == Some(1) && command.get_program() != "curl";
    if !status.success() && !nothing_found {
        bail!("{command:?}: {status}");
    }
    Ok(seconds)
}

/// The threads of the secondary while it searches.
fn threads(secondary: &Program) -> Result<()> {
    let url = format!("http://{}/logs?filename=large.log&keyword={ABSENT}", secondary.listen);
    let mut load = Vec::new();
    for _ in 0..LOAD {
        load.push(Command::new("curl").args(["-s", "-o", "/dev/null", &url]).spawn()?);
    }
    #[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
    std::thread::sleep(Duration::from_millis(200));
    let names = secondary.threads()?;
    for mut child in load {
        child.wait()?;
    }
    println!("| its threads while {LOAD} searches run | {} | {} |", names.len(), names.join(", "));
    let memory = secondary.peak_memory_bytes()?;
    println!("| peak resident memory with {LOAD} searches at once, MiB | {:.1} | |", mebibytes(memory));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people's eyes")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn row(what: &str, figures: &mut [f64]) {
    figures.sort_by(f64::total_cmp);
    let (least, most) = (figures[0], figures[figures.len() - 1]);
    println!("| {what} | {:.3} | {least:.3} to {most:.3} |", figures[figures.len() / 2]);
}
