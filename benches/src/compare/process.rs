//! Programs that run once, from start to end: wall time, CPU time, output.

use super::stop::{self, Waiting};
use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{clock_getcpuclockid, clock_gettime};
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
    /// User and system time, its own and that of those it waited for.
    pub cpu_seconds: f64,
    /// What it wrote to standard output, where that was asked for.
    pub output: String,
}

/// Runs a program with its output thrown away. That a search finds nothing is no failure.
pub fn run(command: &mut Command) -> Result<Ran> {
    stop::go_on()?;
    let cpu_before = children_cpu_seconds()?;
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = child.with_context(|| format!("{command:?} cannot be started"))?;
    end(command, child, began, cpu_before, String::new())
}

/// Runs a program and keeps its output.
pub fn run_for_output(command: &mut Command) -> Result<Ran> {
    stop::go_on()?;
    let cpu_before = children_cpu_seconds()?;
    let began = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("{command:?} cannot be started"))?;
    let mut output = String::new();
    // Watched while it is read: one that hangs is ended, and then its output ends.
    let waiting = Waiting::new(Pid::from_child(&child), LONGEST);
    let read = child.stdout.take().context("stdout was piped")?.read_to_string(&mut output);
    drop(waiting);
    let ran = end(command, child, began, cpu_before, output)?;
    read.with_context(|| format!("{command:?}: its output is no text"))?;
    Ok(ran)
}

fn end(command: &Command, mut child: Child, began: Instant, cpu_before: f64, output: String) -> Result<Ran> {
    let pid = Pid::from_child(&child);
    let waiting = Waiting::new(pid, LONGEST);
    // Waited for, and not reaped yet: until it is, its id is nobody else's.
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other.map(|_| ())?,
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    drop(waiting);
    let status = child.wait()?;
    stop::go_on()?;
    let searches = ["rg", "sh", "grep"].iter().any(|name| command.get_program() == *name);
    let nothing_found = status.code() == Some(1) && searches;
    ensure!(seconds < LONGEST.as_secs_f64(), "{command:?} took more than {LONGEST:?} and was ended");
    if !status.success() && !nothing_found {
        bail!("{command:?}: {status}");
    }
    Ok(Ran { seconds, cpu_seconds: children_cpu_seconds()? - cpu_before, output })
}

/// CPU seconds of all children that have been reaped. Only one thread reaps any.
fn children_cpu_seconds() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a run")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

/// CPU seconds that living processes have used, all their threads together, those that have
/// ended included.
pub fn cpu_seconds(pids: &[u32]) -> Result<f64> {
    let mut sum = 0.0;
    for pid in pids {
        let clock = clock_getcpuclockid(nix::unistd::Pid::from_raw(i32::try_from(*pid)?))
            .with_context(|| format!("process {pid} has ended: see its log above"))?;
        sum += Duration::from(clock_gettime(clock)?).as_secs_f64();
    }
    Ok(sum)
}

/// The ids of the children that a process has now.
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
        let ran = run(Command::new("sh").args(["-c", "exit 1"])).unwrap();
        assert!(ran.seconds > 0.0 && ran.cpu_seconds >= 0.0);
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
    fn the_cpu_time_of_a_living_process_grows() {
        let own = [std::process::id()];
        let before = cpu_seconds(&own).unwrap();
        while cpu_seconds(&own).unwrap() <= before {
            std::hint::spin_loop();
        }
        // The last id that Linux gives: nobody has it.
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
