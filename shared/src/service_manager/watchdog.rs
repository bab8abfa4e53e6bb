//! The watchdog: tells the service manager again and again that the program serves (`WATCHDOG=1`). If it
//! is not told for the time of the unit's `WatchdogSec=`, it starts the program anew.
//!
//! A thread of its own asks each thread that serves to answer, and the service manager is told once
//! all have answered. A thread answers as soon as it takes its next turn. One that hangs does not,
//! and one that waits for a read of the disk does: it has other turns meanwhile.

use sd_notify::NotifyState;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// Asks the threads, and tells the service manager.
#[derive(Debug)]
pub struct Watchdog {
    /// Each change is a question.
    ask: watch::Sender<()>,
    /// The index of each thread that has answered.
    answers: Receiver<usize>,
    /// Of each thread, whether it goes on.
    threads: Vec<Weak<()>>,
    interval: Duration,
}

/// What one thread answers with.
#[derive(Debug)]
pub struct Beat {
    index: usize,
    asked: watch::Receiver<()>,
    answer: SyncSender<usize>,
    /// None once the thread has ended.
    goes_on: Option<Arc<()>>,
}

impl Watchdog {
    /// A watchdog of so many threads, and what each of them answers with. None if the service manager
    /// has not asked for one.
    pub fn of_environment(threads: usize) -> Option<(Watchdog, Vec<Beat>)> {
        let time = sd_notify::watchdog_enabled().filter(|time| !time.is_zero())?;
        // Half of the time, as sd_watchdog_enabled(3) advises.
        Some(Watchdog::new(threads, time / 2))
    }

    fn new(threads: usize, interval: Duration) -> (Watchdog, Vec<Beat>) {
        let (ask, asked) = watch::channel(());
        // Each thread answers once to each question, and once more when it ends.
        let (answer, answers) = sync_channel(2 * threads);
        let beat = |index| Beat {
            index,
            asked: asked.clone(),
            answer: answer.clone(),
            goes_on: Some(Arc::default()),
        };
        let beats: Vec<Beat> = (0..threads).map(beat).collect();
        let threads = beats.iter().filter_map(|beat| beat.goes_on.as_ref().map(Arc::downgrade)).collect();
        (Watchdog { ask, answers, threads, interval }, beats)
    }

    /// Begins. Call this once all threads serve.
    pub fn start(self) -> io::Result<()> {
        let tell = || {
            if let Err(error) = sd_notify::notify(&[NotifyState::Watchdog]) {
                tracing::warn!(%error, "the service manager could not be told that all threads serve");
            }
        };
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || self.run(tell)).map(drop)
    }

    /// Asks and tells until all threads have ended. One that has ended, as in a drain, is not asked.
    fn run(self, mut tell: impl FnMut()) {
        loop {
            let has_ended = |thread: &Weak<()>| thread.strong_count() == 0;
            let mut have_answered: Vec<bool> = self.threads.iter().map(has_ended).collect();
            self.ask.send_replace(());
            while let Some(silent) = have_answered.iter().position(|has| !has) {
                match self.answers.recv_timeout(self.interval) {
                    Ok(index) => have_answered[index] = true,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => tracing::error!(
                        thread = silent,
                        "a thread has not taken a turn for {:?}: the service manager gets no WATCHDOG=1",
                        self.interval
                    ),
                }
            }
            tell();
            match self.answers.recv_timeout(self.interval) {
                // Who was not asked answers only at its end.
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }
}

impl Beat {
    /// Answers each question, in the turns of the thread on which this is polled.
    pub async fn answer(mut self) {
        while self.asked.changed().await.is_ok() {
            // There is room for an answer of each.
            let _ = self.answer.try_send(self.index);
        }
    }
}

impl Drop for Beat {
    /// The thread has ended, and nobody is to wait for its answer.
    fn drop(&mut self) {
        // First, so that it is not asked again once this answer has been taken.
        self.goes_on = None;
        // There is room for this one, too.
        let _ = self.answer.try_send(self.index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::thread::{JoinHandle, spawn};

    const PATIENCE: Duration = Duration::from_secs(30);
    const SOON: Duration = Duration::from_millis(1);

    /// A thread that serves: it answers until `hang` brings something to wait for, and ends after that.
    fn server(beat: Beat, hang: tokio::sync::oneshot::Receiver<Receiver<()>>) -> JoinHandle<()> {
        spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                tokio::spawn(beat.answer());
                drop(hang.await.map(|held| held.recv()));
            });
        })
    }

    #[test]
    fn the_service_manager_is_told_only_while_every_thread_takes_turns() {
        let (watchdog, beats) = Watchdog::new(3, SOON);
        let (hangs, servers): (Vec<_>, Vec<_>) = beats
            .into_iter()
            .map(|beat| {
                let (hang, told) = tokio::sync::oneshot::channel();
                (hang, server(beat, told))
            })
            .unzip();
        let (tell, told) = channel();
        let watching = spawn(move || watchdog.run(|| tell.send(()).unwrap_or(())));
        for _ in 0..10 {
            told.recv_timeout(PATIENCE).unwrap();
        }
        // One thread of three hangs. Once it does, at most what was under way is told.
        let mut hangs = hangs.into_iter();
        let (release, held) = channel();
        hangs.next().unwrap().send(held).unwrap();
        let mut after = 0;
        while told.recv_timeout(Duration::from_millis(300)).is_ok() {
            after += 1;
            assert!(after < 10_000, "it is told that all is well although a thread hangs");
        }
        drop(release);
        for hang in hangs {
            let (_, released) = channel();
            hang.send(released).unwrap();
        }
        for server in servers {
            server.join().unwrap();
        }
        watching.join().unwrap();
    }

    #[test]
    fn a_thread_that_has_ended_is_left_out() {
        let (watchdog, beats) = Watchdog::new(3, SOON);
        let (mut ends, mut servers) = (Vec::new(), Vec::new());
        for beat in beats {
            let (end, told) = tokio::sync::oneshot::channel();
            ends.push(end);
            servers.push(server(beat, told));
        }
        let (tell, told) = channel();
        let watching = spawn(move || watchdog.run(|| tell.send(()).unwrap_or(())));
        for end in ends {
            // One after the other: the rest go on, and it is told of them.
            for _ in 0..10 {
                told.recv_timeout(PATIENCE).unwrap();
            }
            drop(end);
            servers.remove(0).join().unwrap();
        }
        watching.join().unwrap();
    }

    #[test]
    fn the_service_manager_is_told_once_the_last_thread_answers() {
        let (watchdog, mut beats) = Watchdog::new(2, SOON);
        let (late, quick) = (beats.pop().unwrap(), beats.pop().unwrap());
        let (end_quick, ends) = tokio::sync::oneshot::channel();
        let quick = server(quick, ends);
        let (tell, told) = channel();
        let watching = spawn(move || watchdog.run(|| tell.send(()).unwrap_or(())));
        // Asked many times over by now, and never told: nothing but the other thread can change that.
        assert!(told.recv_timeout(Duration::from_millis(100)).is_err());
        let (end_late, ends) = tokio::sync::oneshot::channel();
        let late = server(late, ends);
        told.recv_timeout(PATIENCE).unwrap();
        drop((end_quick, end_late));
        quick.join().unwrap();
        late.join().unwrap();
        watching.join().unwrap();
    }
}
