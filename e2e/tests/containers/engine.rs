//! The engine's own tools, as a person calls them.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Seconds that any one command may take.
const COMMAND_SECONDS: &str = "120";

/// The repository, from which all commands are run: the older Compose looks for the profile
/// in the current folder.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// One fleet at a time: there are two cores, and tests with a deadline.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A command that is ended by force where it hangs.
pub(crate) fn command<S: AsRef<OsStr>>(line: &[S]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", COMMAND_SECONDS]).args(line).current_dir(root());
    command
}

/// What it printed, of both kinds, and whether it went well.
pub(crate) fn run<S: AsRef<OsStr>>(line: &[S]) -> (bool, String) {
    told(&command(line).output().unwrap())
}

pub(crate) fn told(output: &Output) -> (bool, String) {
    let text = [&output.stdout[..], &output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).trim().to_owned())
}

/// What `docker ARGS` prints, which must go well.
pub(crate) fn docker<S: AsRef<OsStr>>(args: &[S]) -> String {
    let output = command(&["docker"]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", told(&output).1);
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether `condition` comes to hold, in bounded time.
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

/// What all that this run starts has in its names and labels, so that whoever started the
/// run can take away what a killed one leaves.
pub(crate) fn run_id() -> String {
    std::env::var("BACKSCROLL_TEST_RUN").unwrap_or_else(|_| std::process::id().to_string())
}

/// A container that is removed when this is dropped.
pub(crate) struct Container(pub(crate) String);

impl Container {
    /// `docker run --detach ARGS`, in two steps: of one that cannot be started its container
    /// stays.
    pub(crate) fn start(args: &[&str]) -> Container {
        let label = format!("backscroll-test={}", run_id());
        let container = Container(docker(&[&["create", "--label", &label][..], args].concat()));
        docker(&["start", &container.0]);
        container
    }

    /// The exit status, once it has ended.
    pub(crate) fn exit_status(&self) -> String {
        docker(&["wait", &self.0])
    }

    /// All that it has said.
    pub(crate) fn said(&self) -> String {
        run(&["docker", "logs", &self.0]).1
    }

    /// Asks it from inside of its own network: its image has no curl, and nothing is published.
    pub(crate) fn curl(&self, target: &str) -> String {
        let pid = docker(&["inspect", "--format", "{{.State.Pid}}", &self.0]);
        let url = format!("http://127.0.0.1:8001{target}");
        run(&["nsenter", "--target", &pid, "--net", "curl", "-sS", "--max-time", "10", &url]).1
    }

    /// Whether its answer to `target` comes to hold `text`.
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
