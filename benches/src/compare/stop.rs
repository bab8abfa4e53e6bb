//! Handles Ctrl-C, and the processes that it must end. One thread watches both: it kills running
//! processes at Ctrl-C, and each process that exceeds its time.

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// The processes that are waited for, and the time at which each is killed.
static WAITED_FOR: Mutex<Vec<(Pid, Instant)>> = Mutex::new(Vec::new());

/// How often processes are checked.
const LOOK: Duration = Duration::from_millis(50);

/// Catches Ctrl-C and SIGTERM from here on, so that running processes end, all servers are stopped,
/// and the gibibyte in the temporary folder is removed.
pub fn watch() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    std::thread::Builder::new().name("stop".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut look = tokio::time::interval(LOOK);
            loop {
                tokio::select! {
                    _ = interrupt.recv() => STOPPED.store(true, Relaxed),
                    _ = terminate.recv() => STOPPED.store(true, Relaxed),
                    _ = look.tick() => end_overdue(),
                }
            }
        });
    })?;
    Ok(())
}

/// Fails after Ctrl-C.
pub fn go_on() -> Result<()> {
    ensure!(!STOPPED.load(Relaxed), "stopped by Ctrl-C");
    Ok(())
}

fn end_overdue() {
    let stopped = STOPPED.load(Relaxed);
    let waited_for = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    for (pid, until) in waited_for.iter() {
        if stopped || Instant::now() >= *until {
            // It may just have ended. No other process can get its id before it is reaped.
            let _ = kill_process(*pid, Signal::KILL);
        }
    }
}

/// A process that is waited for. It must be dropped *before* the process is reaped, so that another
/// process that gets the same id is not killed.
#[derive(Debug)]
pub struct Waiting(Pid);

impl Waiting {
    /// Watches `pid`, and kills it after `time`.
    pub fn new(pid: Pid, time: Duration) -> Waiting {
        WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner).push((pid, Instant::now() + time));
        Waiting(pid)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waited_for = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
        waited_for.retain(|(pid, _)| *pid != self.0);
    }
}

/// Sleeps for `time`. Ends early, with an error, at Ctrl-C.
pub fn rest(time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    loop {
        go_on()?;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(LOOK));
    }
}
