//! `cargo demo`: a primary and three secondaries in one process. They serve sample logs that grow
//! while the demo runs. Or one secondary serves a folder of the user.
//!
//! The `curl` lines go to standard output, everything else to standard error.

use anyhow::{Context as _, Result, ensure};
use backscroll_e2e::fleet::{Fleet, Member};
use backscroll_e2e::program;
use backscroll_e2e::tour::{Line, own_tour, sample_tour};
use backscroll_shared::telemetry::logs::{self, LogArgs};
use clap::Parser;
use std::io::{ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// A Backscroll fleet in one process that serves sample logs until Ctrl-C
#[derive(Debug, Parser)]
#[command(name = "cargo demo --")]
struct Args {
    /// Address of the primary
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDR")]
    listen: SocketAddr,
    /// Serve the files of this folder instead of sample logs, by one secondary with the name of
    /// this machine
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
}

/// How long answers in flight may take to end after Ctrl-C. A person waits at the terminal.
const STOP_TIME: Duration = Duration::from_millis(700);

fn main() -> ExitCode {
    match demo(&Args::parse_from(program::arguments())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Signals are caught first, so that a Ctrl-C during the start stops the demo too.
    let stop = runtime.block_on(async { stop_signal() })?;
    // Only warnings; one of them says that io_uring is refused here.
    let log = LogArgs::of_level("warn");
    let _log_guard = logs::init(&log, "demo")?;
    let (members, sample) = if let Some(dir) = &args.log_dir {
        (vec![own_member(dir)?], None)
    } else {
        let (members, dir) = sample_members()?;
        (members, Some(dir))
    };
    let fleet = Fleet::start(args.listen, &members).context("take another address with --listen")?;
    let base = format!("http://{}", fleet.primary);
    let tour = match &sample {
        Some(_) => sample_tour(&base),
        None => own_tour(&base, &members[0])?,
    };
    introduce(&base, &fleet, &members);
    print_tour(&tour)?;
    eprintln!("Ctrl-C stops it{}.", if sample.is_some() { " and removes the sample logs" } else { "" });
    runtime.block_on(async {
        tokio::select! {
            () = stop => Ok(()),
            grown = grow(&members), if sample.is_some() => grown,
        }
    })?;
    eprintln!("\nstopping");
    stop_soon(fleet)
}

/// Becomes ready at Ctrl-C or SIGTERM.
fn stop_signal() -> Result<impl Future<Output = ()>> {
    let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
    })
}

/// Stops the fleet. An answer that does not end in time is cut by the end of the process.
fn stop_soon(fleet: Fleet) -> Result<()> {
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || tell.send(fleet.stop()));
    told.recv_timeout(STOP_TIME).unwrap_or_else(|_| {
        eprintln!("answers that were in flight are cut");
        Ok(())
    })
}

fn sample_members() -> Result<(Vec<Member>, TempDir)> {
    eprintln!("making sample logs for three hosts");
    let dir = tempfile::Builder::new().prefix("backscroll-demo-").tempdir()?;
    // The sample logs end about now, and `app.log` continues from there.
    let start = backscroll_samples::recent_start();
    let mut members = Vec::new();
    for number in 1..=3u16 {
        let name = format!("secondary-{number}");
        let log_dir = dir.path().join(&name);
        std::fs::create_dir(&log_dir)?;
        backscroll_samples::write_logs(&log_dir, &name, start)?;
        members.push(Member { name, log_dir, port: 8000 + number });
    }
    Ok((members, dir))
}

fn own_member(dir: &Path) -> Result<Member> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    ensure!(dir.is_dir(), "--log-dir {}: there is no such folder", dir.display());
    Ok(Member { name, log_dir: dir.to_owned(), port: 8001 })
}

fn introduce(base: &str, fleet: &Fleet, members: &[Member]) {
    eprintln!("\nprimary      {base}");
    for (member, (name, addr)) in members.iter().zip(&fleet.secondaries) {
        eprintln!("{name:<12} http://{addr}  {}", member.log_dir.display());
    }
    eprintln!("\nTry, in another terminal:\n");
}

/// A reader that closes the pipe early, such as `head`, does not stop the demo.
fn print_tour(tour: &[Line]) -> Result<()> {
    let text: Vec<String> =
        tour.iter().map(|Line { shows, curl }| format!("# {shows}\n{curl}\n\n")).collect();
    let text = text.concat();
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("standard output"),
        _ => Ok(()),
    }
}

async fn grow(members: &[Member]) -> Result<()> {
    let mut tick = tokio::time::interval(backscroll_samples::GROWTH);
    for count in 0.. {
        tick.tick().await;
        for member in members {
            backscroll_samples::append_now(&member.log_dir, &member.name, count)?;
        }
    }
    Ok(())
}
