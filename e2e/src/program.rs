//! The real programs as separate processes, for what cannot be seen in one process: the effect of a
//! kill, memory, threads.

use anyhow::{Context as _, Result, bail};
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a program may take until it listens. A loaded machine with two cores is slow, but no
/// test may hang for ever.
const START_TIME: Duration = Duration::from_secs(30);

/// A program that was started. Dropping it kills it, by its id.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// The address it listens on, as its log says. Unspecified if that is a Unix socket.
    pub listen: SocketAddr,
    log: Arc<Mutex<VecDeque<String>>>,
}

/// Lines of a program's log that are kept.
const LOG_LINES: usize = 1000;

impl Program {
    /// Starts a program of this workspace, with `args` and `--listen 127.0.0.1:0`.
    pub fn start<S: AsRef<OsStr>>(name: &str, args: &[S]) -> Result<Program> {
        Program::run(Command::new(path(name)?), name, "127.0.0.1:0", args)
    }

    /// Starts it at this value of `--listen`.
    pub fn start_at<S: AsRef<OsStr>>(name: &str, listen: &str, args: &[S]) -> Result<Program> {
        Program::run(Command::new(path(name)?), name, listen, args)
    }

    /// Starts it with these variables, of which one says where it listens.
    pub fn start_with(name: &str, listen: &str, variables: &[(String, String)]) -> Result<Program> {
        let mut command = Command::new(path(name)?);
        command.envs(variables.iter().cloned());
        Program::run(command, name, listen, &[] as &[&str])
    }

    /// The folder in which the programs are, for the path of a shell.
    pub fn folder(name: &str) -> Result<PathBuf> {
        Ok(path(name)?.with_file_name(""))
    }

    /// Runs it to its end. For what it refuses.
    pub fn output<S: AsRef<OsStr>>(name: &str, args: &[S]) -> Result<Output> {
        Ok(Command::new(path(name)?).args(args).stdin(Stdio::null()).output()?)
    }

    /// Starts it in the network namespace of this name, on an address that exists there.
    pub fn start_within<S: AsRef<OsStr>>(
        namespace: &str,
        name: &str,
        listen: &str,
        args: &[S],
    ) -> Result<Program> {
        // `ip` is replaced by the program, so the process id is that of the program.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", namespace]).arg(path(name)?);
        Program::run(command, name, listen, args)
    }

    /// Starts it through `command`, which has to replace itself by the program that is its last
    /// argument, as `sh -c 'exec "$@"' sh` does.
    pub fn start_through<S: AsRef<OsStr>>(mut command: Command, name: &str, args: &[S]) -> Result<Program> {
        command.arg(path(name)?);
        Program::run(command, name, "127.0.0.1:0", args)
    }

    fn run<S: AsRef<OsStr>>(mut command: Command, name: &str, listen: &str, args: &[S]) -> Result<Program> {
        let child = command
            .args(["--listen", listen, "--log-level", "info", "--log-format", "json"])
            .args(args)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name} cannot be started"))?;
        // From here on the process is stopped if something below fails.
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Program { child, listen, log: Arc::default() };
        let log = program.child.stderr.take().context("stderr was piped")?;
        let (tell, told) = mpsc::channel();
        let kept = Arc::clone(&program.log);
        std::thread::spawn(move || read_log(log, &tell, &kept));
        program.listen = told.recv_timeout(START_TIME).with_context(|| {
            format!("{name} did not say within {START_TIME:?} where it listens: see its log above")
        })?;
        Ok(program)
    }

    /// The last lines of its log, which are JSON.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
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

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }

    /// The names of all its threads.
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

    /// The most memory that it has had resident so far, in bytes.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        self.memory_bytes("VmHWM:")
    }

    /// The memory that is resident now, in bytes.
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

/// Reports where the program listens, then reads on, so that the program never blocks on its log.
/// Lines before that, and errors after it, are shown: they say why a test failed.
fn read_log(log: ChildStderr, tell: &mpsc::Sender<SocketAddr>, kept: &Mutex<VecDeque<String>>) {
    let mut listens = false;
    for line in BufReader::new(log).lines().map_while(Result::ok) {
        if let Some(listen) = (!listens).then(|| listen_address(&line)).flatten() {
            // The receiver may have given up.
            let _ = tell.send(listen);
            listens = true;
        } else if !listens || line.contains("\"level\":\"ERROR\"") {
            eprintln!("{line}");
        }
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == LOG_LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// The address in a line of a program's log: the secondary's field is `listen`, the primary's is
/// `address`.
fn listen_address(line: &str) -> Option<SocketAddr> {
    let text = ["\"listen\":\"", "\"address\":\""]
        .iter()
        .find_map(|field| line.split(field).nth(1)?.split('"').next())?;
    if text.starts_with("unix:") { Some(SocketAddr::from(([0; 4], 0))) } else { text.parse().ok() }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The arguments of a program that is started by a cargo alias ending in `--`. Users of cargo may
/// write one more `--`, which is removed.
pub fn arguments() -> Vec<OsString> {
    let mut given: Vec<_> = std::env::args_os().collect();
    if given.get(1).is_some_and(|first| first == "--") {
        given.remove(1);
    }
    given
}

/// Raises the limit on open files, for this process and those that it starts, as far as the system
/// allows: a thousand clients need more than the usual 1,024.
pub fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If it cannot be raised, it stays: most rows of the comparison need few files.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

const SERVERS: [&str; 2] = ["backscroll-secondary", "backscroll-primary"];

/// Builds a program of this workspace in the folder of the running one, so that no older build is
/// measured. Does nothing if it is up to date.
pub fn build(name: &str) -> Result<()> {
    let profile_dir = profile_dir()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet"]).env("CARGO_TARGET_DIR", profile_dir.with_file_name(""));
    // Both servers are built together, as for the packages. Built alone, each would need its
    // dependencies with other features, and all would be compiled again.
    let together: &[&str] = if SERVERS.contains(&name) { &SERVERS } else { &[name] };
    for package in together {
        command.args(["-p", package]);
    }
    // The folder of the profile `dev` has another name.
    if profile_dir.file_name() == Some(OsStr::new("release")) {
        command.arg("--release");
    }
    if command.status().context("cargo cannot be started")?.success() {
        Ok(())
    } else {
        bail!("{name} could not be built: cargo build -p {name} says why")
    }
}

/// The program in the folder of the running one. It is built if it is not there.
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
