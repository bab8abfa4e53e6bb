//! The real programs as processes of their own: what a kill does, what memory and which
//! threads they have.

use anyhow::{Context as _, Result, bail};
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// How long a program may take until it listens: a loaded machine with two cores, and no
/// test that hangs for good.
const START_TIME: Duration = Duration::from_secs(30);

/// A program that was started. It is killed, by its id, when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens, as its log says.
    pub listen: SocketAddr,
}

impl Program {
    /// Starts a program of this workspace, with `args` and `--listen 127.0.0.1:0`.
    pub fn start<S: AsRef<OsStr>>(name: &str, args: &[S]) -> Result<Program> {
        Program::run(Command::new(path(name)?), name, "127.0.0.1:0", args)
    }

    /// Starts it in a network namespace of this name, on an address that is there.
    pub fn start_within<S: AsRef<OsStr>>(
        namespace: &str,
        name: &str,
        listen: &str,
        args: &[S],
    ) -> Result<Program> {
        // It becomes the program, so that its id is the program's.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(path(name)?);
        Program::run(command, name, listen, args)
    }

    fn run<S: AsRef<OsStr>>(mut command: Command, name: &str, listen: &str, args: &[S]) -> Result<Program> {
        let child = command
            .args(["--listen", listen, "--log-level", "info", "--log-format", "json"])
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        // Its guard from here on: whatever fails below, the process is stopped.
        let mut program = Program { child, listen: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let log = program.child.stderr.take().context("stderr was piped")?;
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || read_log(log, &tell));
        program.listen = told.recv_timeout(START_TIME).with_context(|| {
            format!("{name} did not say within {START_TIME:?} where it listens: see its log above")
        })?;
        Ok(program)
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// The names of its threads.
    #[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
    pub fn threads(&self) -> Result<Vec<String>> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid()))?;
        tasks.map(|task| Ok(std::fs::read_to_string(task?.path().join("comm"))?.trim().to_owned())).collect()
    }

    /// How many descriptors it has open.
    #[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
    pub fn descriptors(&self) -> Result<usize> {
        Ok(std::fs::read_dir(format!("/proc/{}/fd", self.pid()))?.count())
    }

    /// The most memory that it has had resident, in bytes.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        self.memory_bytes("VmHWM:")
    }

    /// The memory that it has resident now, in bytes.
    pub fn memory_now_bytes(&self) -> Result<u64> {
        self.memory_bytes("VmRSS:")
    }

    #[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
    fn memory_bytes(&self, field: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with(field));
        let line = line.with_context(|| format!("/proc/{}/status has no {field}", self.pid()))?;
        let kib: u64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
        Ok(kib * 1024)
    }
}

/// Tells where the program listens, then reads on, so that it never waits for its log to be
/// read. What comes before, and warnings after, are shown: they say why a test failed.
fn read_log(log: ChildStderr, tell: &mpsc::Sender<SocketAddr>) {
    let mut listens = false;
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some(listen) = (!listens).then(|| listen_address(&line)).flatten() {
            // The one who asked may have given up.
            let _ = tell.send(listen);
            listens = true;
        } else if !listens || line.contains("\"level\":\"ERROR\"") {
            eprintln!("{line}");
        }
    }
}

/// The address in a program's first log line: the secondary's field is `listen`, the
/// primary's `address`.
fn listen_address(line: &str) -> Option<SocketAddr> {
    ["\"listen\":\"", "\"address\":\""]
        .iter()
        .find_map(|field| line.split(field).nth(1)?.split('"').next()?.parse().ok())
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments of a program that a cargo alias ending in `--` starts. Whoever writes a `--`
/// of their own, as cargo's users are used to, means the same.
pub fn arguments() -> Vec<OsString> {
    let mut given: Vec<_> = std::env::args_os().collect();
    if given.get(1).is_some_and(|first| first == "--") {
        given.remove(1);
    }
    given
}

/// Lets this process, and those that it starts, have as many files open as the system allows:
/// a thousand clients need more than the usual 1,024.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What cannot be raised stays as it is: most rows need few.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

const SERVERS: [&str; 2] = ["backscroll-secondary", "backscroll-primary"];

/// Builds a program of this workspace beside the one that runs, so that no older one is
/// measured. Does nothing where cargo finds it fresh.
pub fn build(name: &str) -> Result<()> {
    let profile_dir = profile_dir()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]).env("CARGO_TARGET_DIR", profile_dir.with_file_name(""));
    // Both servers at once, as the packages are built: alone, each would have dependencies with
    // other features, and all of them would be compiled once more.
    let together: &[&str] = if SERVERS.contains(&name) { &SERVERS } else { &[name] };
    for package in together {
        command.args(["-p", package]);
    }
    // The folder of the profile `dev` is called otherwise.
    if profile_dir.file_name() == Some(OsStr::new("release")) {
        command.arg("--release");
    }
    if command.status().context("cargo cannot be started")?.success() {
        Ok(())
    } else {
        bail!("{name} could not be built: cargo build -p {name} says why")
    }
}

/// The program beside the one that runs, built if it is not there.
fn path(name: &str) -> Result<PathBuf> {
    let path = profile_dir()?.join(name);
    if !path.exists() {
        build(name)?;
    }
    Ok(path)
}

/// `target/PROFILE`, from `target/PROFILE/compare` or `target/PROFILE/deps/e2e-0123456789abcdef`.
fn profile_dir() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let dir = own.ancestors().skip(1).find(|dir| dir.file_name() != Some(OsStr::new("deps")));
    dir.map(Path::to_owned).context("the running program has no folder")
}
