//! `backscroll-samples`: writes the sample logs of hosts, each to its own directory, and lets them
//! grow until it is stopped.

use anyhow::{Context as _, Result};
use backscroll_samples::{GROWTH, append_now, recent_start, rotate, write_logs};
use clap::Parser;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes sample logs of hosts, and lets them grow until it is stopped
#[derive(Debug, Parser)]
#[command(name = "backscroll-samples", version)]
struct Args {
    /// A host's name and the directory for its logs
    #[arg(required = true, value_name = "HOST=DIR", value_parser = host)]
    hosts: Vec<Host>,
}

#[derive(Debug, Clone)]
struct Host {
    name: String,
    dir: PathBuf,
}

fn host(text: &str) -> Result<Host, &'static str> {
    let (name, dir) = text.split_once('=').ok_or("write HOST=DIR, as in web1=/srv/logs")?;
    Ok(Host { name: name.to_owned(), dir: dir.into() })
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("backscroll-samples: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends only by an error or a signal.
fn run(args: &Args) -> Result<()> {
    let first = first_count();
    for host in &args.hosts {
        begin(host, first).with_context(|| format!("{}", host.dir.display()))?;
    }
    for count in first + 1.. {
        for Host { name, dir } in &args.hosts {
            rotate(dir)
                .and_then(|()| append_now(dir, name, count))
                .with_context(|| format!("{}", dir.display()))?;
        }
        pause();
    }
    Ok(())
}

/// Large enough that the numbers of this run come after those of all earlier runs.
fn first_count() -> u64 {
    let seconds = Timestamp::now().as_second();
    u64::try_from(seconds).unwrap_or(0) * LINES_A_SECOND
}

/// More than are ever written.
const LINES_A_SECOND: u64 = 10;

/// The logs of an earlier run are continued.
fn begin(Host { name, dir }: &Host, count: u64) -> Result<()> {
    if is_begun(dir) {
        append_now(dir, name, count)?;
    } else {
        write_logs(dir, name, recent_start())?;
    }
    Ok(())
}

/// `app.log` is written last.
fn is_begun(dir: &Path) -> bool {
    dir.join("app.log").exists()
}

#[expect(clippy::disallowed_methods, reason = "no ring thread is here")]
fn pause() {
    std::thread::sleep(GROWTH);
}
