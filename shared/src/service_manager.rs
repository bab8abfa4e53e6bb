//! Tells the service manager that started the program when it is ready and when it stops: systemd
//! with `Type=notify`, or another one that sets `NOTIFY_SOCKET`. Where it asks for that, it is also told
//! again and again that the program serves (`watchdog.rs`).

mod watchdog;

pub use watchdog::{Beat, Watchdog};

use sd_notify::NotifyState;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How long to wait for the manager. Usually it takes a message within microseconds.
const PATIENCE: Duration = Duration::from_millis(100);

/// Says that the program is ready: clients that connect get answers.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// Says that the program has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("answers in flight end")]);
}

/// If this fails, the program goes on and logs a warning. Sending blocks while the manager does not
/// read, so another thread sends.
fn tell(states: &[NotifyState<'_>]) {
    if std::env::var_os("NOTIFY_SOCKET").is_none_or(|socket| socket.is_empty()) {
        return;
    }
    let text = states.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let (told, sent) = channel();
    let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(move || {
        // The caller may have stopped waiting.
        let _ = told.send(sd_notify::notify(&[NotifyState::Custom(&text)]));
    });
    let outcome = match thread {
        Ok(_) => sent.recv_timeout(PATIENCE),
        Err(error) => Ok(Err(error)),
    };
    let why = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => "it does not read".to_owned(),
    };
    tracing::warn!(why, "the service manager at NOTIFY_SOCKET could not be notified");
}
