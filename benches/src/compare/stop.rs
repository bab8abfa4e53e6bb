//! Ctrl-C, and the processes that it must end. One thread watches both: it ends whatever is
//! under way when Ctrl-C comes, and whatever takes longer than it may.

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// Processes that are waited for, and until when each may take.
static WAITED_FOR: Mutex<Vec<(Pid, Instant)>> = Mutex::new(Vec::new());

/// How often processes are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Takes Ctrl-C and SIGTERM from here on: what is under way ends, every server is stopped,
/// and the gibibyte in the temporary folder goes.
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

/// Fails once Ctrl-C has come.
pub fn go_on() -> Result<()> {
    ensure!(!STOPPED.load(Relaxed), "stopped by Ctrl-C");
    Ok(())
}

fn end_overdue() {
    let stopped = STOPPED.load(Relaxed);
    let waited_for = WAITED_FOR.lock().unwrap_or_else(PoisonError::into_inner);
    for (pid, until) in waited_for.iter() {
        if stopped || Instant::now() >= *until {
            // It may just have ended; its id stays its own until it is reaped.
            let _ = kill_process(*pid, Signal::KILL);
        }
    }
}

/// A process that is waited for. Dropped *before* the process is reaped, so that nobody is
/// killed who has got its id since.
#[derive(Debug)]
pub struct Waiting(Pid);

impl Waiting {
    /// Waits for `pid`, for so long at most.
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

/// Rests, and ends early when Ctrl-C comes.
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
