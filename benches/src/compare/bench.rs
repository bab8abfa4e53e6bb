//! What all rows need: the logs, the servers, rounds with a time limit, `curl` and the load tool.

use super::machine::Machine;
use super::process::{Ran, cpu_seconds, run, run_for_output};
use super::stop;
use crate::load::report::Report;
use anyhow::{Context as _, Result};
use backscroll_e2e::program::{self, Program};
use backscroll_samples::write_large;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LARGE: u64 = 1 << 30;
const SMALL: u64 = 1 << 20;
const SPARSE: u64 = 100 << 30;

/// What all rows need.
#[derive(Debug)]
pub struct Bench {
    /// Fewer and shorter runs.
    pub quick: bool,
    /// The machine.
    pub machine: Machine,
    dir: TempDir,
    /// A secondary with `--io uring`.
    pub uring: Program,
    /// A secondary with `--io threads`.
    pub threads: Program,
}

/// The log of 1 GiB.
pub const LARGE_LOG: &str = "large.log";
/// The log of 1 MiB.
pub const SMALL_LOG: &str = "small.log";
/// The same log with some more bytes at its beginning: its size is not a multiple of a page.
pub const ODD_LOG: &str = "odd.log";
/// A log of 100 GiB that is a hole, except for its newest MiB.
pub const SPARSE_LOG: &str = "sparse.log";

/// A server that is measured.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its name in the tables.
    pub name: String,
    /// Its address.
    pub listen: SocketAddr,
    /// Its processes.
    pub pids: Vec<u32>,
    /// Its certificate, if it speaks TLS.
    pub certificate: Option<PathBuf>,
}

impl Bench {
    /// Makes the logs, in `parent` or in the system's temporary folder, and starts the servers.
    pub fn start(quick: bool, parent: Option<&Path>) -> Result<Bench> {
        for name in ["backscroll-secondary", "backscroll-primary"] {
            program::build(name)?;
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix("backscroll-compare-");
        let dir = match parent {
            Some(parent) => builder.tempdir_in(parent),
            None => builder.tempdir(),
        };
        let dir = dir.context("no folder can be made for the logs: give another one with --dir")?;
        eprintln!("making logs of 1 GiB, of 1 MiB, and of 100 GiB, which is a hole except for its end");
        make_logs(dir.path()).context("1.1 GiB for the logs: give a folder that has it with --dir")?;
        stop::go_on()?;
        let (uring, threads) = (secondary("uring", dir.path())?, secondary("threads", dir.path())?);
        Ok(Bench { quick, machine: Machine::look(dir.path()), dir, uring, threads })
    }

    /// The log directory of the servers.
    pub fn log_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The path of a log.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The size of the large log, in GB.
    pub fn large_gb(&self) -> Result<f64> {
        #[expect(clippy::cast_precision_loss, reason = "a gibibyte")]
        Ok(self.log(LARGE_LOG).metadata()?.len() as f64 / 1e9)
    }

    /// The secondary with `--io uring`, with its name in the tables.
    pub fn uring_server(&self) -> Server {
        Server::of(URING, &self.uring)
    }

    /// The secondary with `--io threads`.
    pub fn threads_server(&self) -> Server {
        Server::of(THREADS, &self.threads)
    }

    /// The rounds of one row: `full` or `quick` of them, and fewer if they take too long. Round 0
    /// does not count: it loads the programs into memory.
    pub fn rounds(&self, what: &'static str, full: usize, quick: usize) -> Rounds {
        let (count, least, budget) =
            if self.quick { (quick, 1, QUICK_BUDGET) } else { (full, 2, FULL_BUDGET) };
        Rounds { what, next: 0, count, least, began: Instant::now(), budget }
    }

    /// How long one load lasts, in seconds.
    pub fn load_seconds(&self, full: f64, quick: f64) -> f64 {
        if self.quick { quick } else { full }
    }
}

/// The name of the secondary with `--io uring` in the tables.
pub const URING: &str = "Backscroll";
/// The name of the secondary with `--io threads`.
pub const THREADS: &str = "Backscroll `--io threads`";
/// The name of the baseline server.
pub const POOL: &str = "a pool of 40 threads";

impl Server {
    /// A server that is a program of this workspace.
    pub fn of(name: &str, program: &Program) -> Server {
        Server { name: name.to_owned(), listen: program.listen, pids: vec![program.pid()], certificate: None }
    }

    /// The same for a server that speaks TLS, with this certificate.
    #[must_use]
    pub fn with_tls(self, certificate: &Path) -> Server {
        Server { certificate: Some(certificate.to_owned()), ..self }
    }

    /// A URL of the server.
    pub fn url(&self, target: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://{}/{target}", self.listen)
    }

    /// `flag` and the file with its certificate, if it has one.
    fn trusted(&self, flag: &'static str) -> impl Iterator<Item = &OsStr> {
        self.certificate.iter().flat_map(move |path| [OsStr::new(flag), path.as_os_str()])
    }

    /// Runs `curl` with more arguments, and adds the server's CPU time to its own.
    pub fn curl(&self, args: &[&str], target: &str) -> Result<Ran> {
        let before = cpu_seconds(&self.pids)?;
        let mut ran = run(Command::new("curl")
            .args(["-s", "-S", "-f"])
            .args(self.trusted("--cacert"))
            .args(args)
            .arg(self.url(target)))?;
        ran.cpu_seconds += cpu_seconds(&self.pids)? - before;
        Ok(ran)
    }

    /// The bytes of a whole answer, as `curl` counts them.
    pub fn answer_bytes(&self, args: &[&str], target: &str) -> Result<u64> {
        let count = ["-s", "-S", "-f", "-o", "/dev/null", "-w", "%{size_download}"];
        let ran = run_for_output(
            Command::new("curl").args(count).args(self.trusted("--cacert")).args(args).arg(self.url(target)),
        )?;
        ran.output.trim().parse().with_context(|| format!("curl said {:?}", ran.output))
    }

    /// Runs the load tool in a separate process. Returns its report, and the server's CPU seconds.
    pub fn load(&self, target: &str, options: &[String]) -> Result<(Report, f64)> {
        let before = cpu_seconds(&self.pids)?;
        let url = self.url(target);
        let mut command = Command::new(std::env::current_exe()?);
        let ran = run_for_output(
            command.args(["load", "--json", "--url", &url]).args(self.trusted("--tls-cert")).args(options),
        )?;
        let report =
            serde_json::from_str(&ran.output).context("the output of the load tool is not a report")?;
        Ok((report, cpu_seconds(&self.pids)? - before))
    }
}

/// Starts a secondary with the logs, and with one of its engines.
pub fn secondary(io: &str, log_dir: &Path) -> Result<Program> {
    let args = [OsStr::new("--io"), OsStr::new(io), OsStr::new("--log-dir"), log_dir.as_os_str()];
    Program::start("backscroll-secondary", &args)
}

fn make_logs(dir: &Path) -> Result<()> {
    write_large(&dir.join(LARGE_LOG), LARGE)?;
    write_large(&dir.join(ODD_LOG), SMALL)?;
    // They have the same newest MiB, and all sizes are multiples of a page, as for the large log:
    // only the size should differ.
    let mut newest = File::open(dir.join(ODD_LOG))?;
    for (name, size) in [(SMALL_LOG, SMALL), (SPARSE_LOG, SPARSE)] {
        newest.seek(SeekFrom::Start(newest.metadata()?.len() - SMALL))?;
        let mut log = File::create(dir.join(name))?;
        log.seek(SeekFrom::Start(size - SMALL))?;
        std::io::copy(&mut newest, &mut log)?;
    }
    // Written to the disk now, not while something is measured.
    for name in [LARGE_LOG, SMALL_LOG, ODD_LOG, SPARSE_LOG] {
        File::open(dir.join(name))?.sync_all()?;
    }
    Ok(())
}

/// How long the rounds of one row may take. After that no new round begins.
const FULL_BUDGET: Duration = Duration::from_mins(1);
const QUICK_BUDGET: Duration = Duration::from_secs(9);

/// The rounds of one row.
#[derive(Debug)]
pub struct Rounds {
    what: &'static str,
    next: usize,
    count: usize,
    /// The least number of rounds, however long they take.
    least: usize,
    began: Instant,
    budget: Duration,
}

impl Rounds {
    /// Leaves out round 0, for programs that have run before, and for a load that has its own
    /// warm-up.
    #[must_use]
    pub fn without_warmup(mut self) -> Rounds {
        self.next = 1;
        self
    }
}

impl Iterator for Rounds {
    type Item = Result<usize>;

    fn next(&mut self) -> Option<Result<usize>> {
        let late = self.next > self.least && self.began.elapsed() > self.budget;
        if self.next > self.count || late {
            eprintln!();
            return None;
        }
        let (round, count) = (self.next, self.count);
        eprint!("\r{}, round {round} of {count} ", self.what);
        self.next += 1;
        Some(stop::go_on().map(|()| round))
    }
}
