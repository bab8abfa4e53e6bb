//! Runs the container engine's tools, as a person would.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long one command may take, in seconds.
const COMMAND_SECONDS: &str = "120";

/// The repository, in which all commands are run: older versions of Compose look for the seccomp
/// profile in the current folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Only one fleet runs at a time, since there are two cores and the tests have deadlines.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command that is killed if it hangs.
pub(crate) fn command<S: AsRef<OsStr>>(line: &[S]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", COMMAND_SECONDS]).args(line).current_dir(root());
    command
}

/// The output of a command, from both streams, and whether it succeeded.
pub(crate) fn run<S: AsRef<OsStr>>(line: &[S]) -> (bool, String) {
    told(&command(line).output().unwrap())
}

pub(crate) fn told(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

/// The output of `docker ARGS`, which must succeed.
pub(crate) fn docker<S: AsRef<OsStr>>(args: &[S]) -> String {
    let output = command(&["docker"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", told(&output).1);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether `condition` becomes true in bounded time.
pub(crate) fn comes_true(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if began.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The id of this run. All that it starts has the id in its name or labels, so that the script that
/// started the run can remove what a killed test leaves.
pub(crate) fn run_id() -> String {
    std::env::var("BACKSCROLL_TEST_RUN").unwrap_or_else(|_| std::process::id().to_string())
}

/// A container. Dropping it removes it.
pub(crate) struct Container(pub(crate) String);

impl Container {
    /// `docker run --detach ARGS`, without authentication, in two steps: if the start fails, the container would stay
    /// otherwise.
    pub(crate) fn start(args: &[&str]) -> Container {
        let label = format!("backscroll-test={}", run_id());
        let container = Container(docker(
            &[&["create", "--label", &label, "--env", "BACKSCROLL_INSECURE=true"][..], args].concat(),
        ));
        docker(&["start", &container.0]);
        container
    }

    /// Waits until it has ended, and returns the exit status.
    pub(crate) fn exit_status(&self) -> String {
        docker(&["wait", &self.0])
    }

    /// Everything that it has printed.
    pub(crate) fn said(&self) -> String {
        run(&["docker", "logs", &self.0]).1
    }

    /// The answer to a request from inside its network: the image has no curl, and no port is
    /// published.
    pub(crate) fn curl(&self, target: &str) -> String {
        self.curl_with(&["--max-time", "10"], target)
    }

    /// The status of the answer to a request that may take a while, when all of it has arrived.
    pub(crate) fn status(&self, target: &str) -> String {
        self.curl_with(&["--max-time", "100", "-f", "-o", "/dev/null", "-w", "%{http_code}"], target)
    }

    fn curl_with(&self, args: &[&str], target: &str) -> String {
        let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &self.0]);
        let url = format!("http://127.0.0.1:8001{target}");
        let enter = ["nsenter", "--target", &pid, "--net", "curl", "-sS"];
        run(&[&enter[..], args, &[&url]].concat()).1
    }

    /// Whether its answer to `target` contains `text` after some time.
    pub(crate) fn comes_to_answer(&self, target: &str, text: &str) -> bool {
        comes_true(Duration::from_secs(15), || self.curl(target).contains(text))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let (well, text) = run(&["docker", "rm", "--force", "--volumes", &self.0]);
        if !well {
            eprintln!("a container is left behind: {text}");
        }
    }
}
