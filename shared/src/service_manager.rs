//! Tells the service manager that started the program how far it is: systemd's
//! `Type=notify`, and whoever else sets `NOTIFY_SOCKET`.

use sd_notify::NotifyState;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How long a manager is waited for, which takes what it is told in microseconds.
const PATIENCE: Duration = Duration::from_millis(100);

/// The program serves: whoever connects is answered.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// The program has begun to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("answers in flight end")]);
}

/// A failure is no reason not to serve. Neither is a manager that does not read: sending to
/// it would block, and so does not happen on the thread that calls.
fn tell(states: &[NotifyState<'_>]) {
    if std::env::var_os("NOTIFY_SOCKET").is_none_or(|socket| socket.is_empty()) {
        return;
    }
    let text = states.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let (told, sent) = channel();
    let thread = std::thread::Builder::new().name("notify".to_owned()).spawn(move || {
        // Nobody may be left to hear it.
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
    tracing::warn!(why, "the service manager at NOTIFY_SOCKET could not be told");
}
