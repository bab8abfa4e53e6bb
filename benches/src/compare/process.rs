//! Runs programs from start to end, and takes their wall time, CPU time and output.

use super::stop::{self, Waiting};
use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{clock_getcpuclockid, clock_gettime};
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long one program may take.
const LONGEST: Duration = Duration::from_mins(2);

/// A program that has run.
#[derive(Debug)]
pub struct Ran {
    /// From before its start until after its end.
    pub seconds: f64,
    /// User and system time, its own and that of the children it waited for.
    pub cpu_seconds: f64,
    /// Its standard output, if that was kept.
    pub output: String,
}

/// Runs a program and drops its output. It is no failure if a search finds nothing.
pub fn run(command: &mut Command) -> Result<Ran> {
    let began = Began::now()?;
    let running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
    running.end()?;
    began.ran(String::new())
}

/// Runs a program and keeps its output.
pub fn run_for_output(command: &mut Command) -> Result<Ran> {
    let began = Began::now()?;
    let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let mut output = String::new();
    let stdout = running.child.stdout.take();
    let read = stdout.context("stdout was piped")?.read_to_string(&mut output);
    running.end()?;
    read.with_context(|| format!("{command:?}: its output is not text"))?;
    began.ran(output)
}

/// Runs two programs in a pipe.
pub fn run_pipe(first: &mut Command, second: &mut Command) -> Result<Ran> {
    let began = Began::now()?;
    let mut writer = Running::start(first.stdin(Stdio::null()).stdout(Stdio::piped()))?;
    let pipe = writer.child.stdout.take().context("stdout was piped")?;
    let reader = Running::start(second.stdin(Stdio::from(pipe)).stdout(Stdio::null()))?;
    // The command still holds its end of the pipe. Unless it is replaced, the writer would not
    // notice that the reader has gone.
    second.stdin(Stdio::null());
    reader.end()?;
    writer.end()?;
    began.ran(String::new())
}

/// The time at which something began, and the CPU time used until then.
struct Began {
    at: Instant,
    cpu_seconds: f64,
}

impl Began {
    fn now() -> Result<Began> {
        stop::go_on()?;
        Ok(Began { cpu_seconds: children_cpu_seconds()?, at: Instant::now() })
    }

    fn ran(self, output: String) -> Result<Ran> {
        let seconds = self.at.elapsed().as_secs_f64();
        Ok(Ran { seconds, cpu_seconds: children_cpu_seconds()? - self.cpu_seconds, output })
    }
}

/// A running program. It is killed, by its id, when this is dropped, at Ctrl-C, and when it takes
/// too long.
struct Running {
    child: Child,
    what: String,
    searches: bool,
    began: Instant,
    waiting: Option<Waiting>,
}

impl Running {
    fn start(command: &mut Command) -> Result<Running> {
        let what = format!("{command:?}");
        let searches = ["rg", "grep"].iter().any(|name| command.get_program() == *name);
        let began = Instant::now();
        let child = command.spawn().with_context(|| format!("{what} cannot be started"))?;
        let waiting = Some(Waiting::new(Pid::from_child(&child), LONGEST));
        Ok(Running { child, what, searches, began, waiting })
    }

    /// Waits until it has ended successfully.
    fn end(mut self) -> Result<()> {
        let pid = Pid::from_child(&self.child);
        // Waits without reaping it. Until it is reaped, no other process can get its id.
        loop {
            match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
                Err(Errno::INTR) => {}
                other => break other.map(|_| ())?,
            }
        }
        self.waiting.take();
        let (status, what) = (self.child.wait()?, &self.what);
        stop::go_on()?;
        ensure!(self.began.elapsed() < LONGEST, "{what} took more than {LONGEST:?} and was ended");
        let nothing_found = status.code() == Some(1) && self.searches;
        ensure!(status.success() || nothing_found, "{what}: {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The watch ends before that: once it is reaped, another process may get its id.
        self.waiting.take();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The CPU seconds of all children that have been reaped. Only one thread reaps children.
fn children_cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// The CPU seconds that running processes have used in all their threads, ended threads included.
pub fn cpu_seconds(pids: &[u32]) -> Result<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let clock = clock_getcpuclockid(nix::unistd::Pid::from_raw(i32::try_from(*pid)?))
            .with_context(|| format!("process {pid} has ended: see its log above"))?;
        sum += Duration::from(clock_gettime(clock)?).as_secs_f64();
    }
    Ok(sum)
}

/// The ids of the current children of a process.
pub fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("children"))?;
        children.extend(text.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_that_finds_nothing_is_no_failure_and_others_are() {
        let ran = run(Command::new("grep").args(["-F", "absent", "/dev/null"])).unwrap();
        assert!(ran.seconds > 0.0 && ran.cpu_seconds >= 0.0);
        assert!(run(Command::new("grep").args(["-F", "absent", "/there/is/no/such/file"])).is_err());
        assert!(run(Command::new("sh").args(["-c", "exit 2"])).is_err());
        assert!(run(&mut Command::new("false")).is_err());
        assert!(run(&mut Command::new("there-is-no-such-program")).is_err());
    }

    #[test]
    fn output_is_kept_where_it_is_asked_for() {
        let ran = run_for_output(Command::new("sh").args(["-c", "echo here"])).unwrap();
        assert_eq!(ran.output, "here\n");
    }

    #[test]
    fn a_pipe_ends_when_both_have_and_fails_when_either_does() {
        let sh = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        run_pipe(&mut sh("echo here"), Command::new("grep").arg("here")).unwrap();
        assert!(run_pipe(&mut sh("exit 2"), Command::new("grep").arg("here")).is_err());
        assert!(run_pipe(&mut sh("sleep 100"), &mut Command::new("there-is-no-such-program")).is_err());
        // A reader that ends early does not keep the writer waiting.
        assert!(run_pipe(&mut sh("yes"), &mut sh("exit 0")).is_err());
    }

    #[test]
    fn the_cpu_time_of_a_living_process_grows() {
        let own = [std::process::id()];
        let before = cpu_seconds(&own).unwrap();
        while cpu_seconds(&own).unwrap() <= before {
            std::hint::spin_loop();
        }
        // The largest process id of Linux, which is not in use.
        assert!(cpu_seconds(&[(1 << 22) - 1]).is_err());
    }

    #[test]
    fn children_are_listed() {
        let mut child = Command::new("sleep").arg("10").spawn().unwrap();
        let listed = children(std::process::id()).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(listed.contains(&child.id()));
    }
}
