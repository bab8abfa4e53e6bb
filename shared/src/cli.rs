//! The command line of both programs, and the messages with which they end.

pub mod access;
pub mod health_port;
pub mod healthcheck;
pub mod token;

use clap::Parser;
use clap::error::ErrorKind;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Exit status for bad configuration (`EX_USAGE` of `sysexits.h`).
pub const EXIT_USAGE: u8 = 64;

/// Parses the command line and the environment. A mistake is reported in one line.
///
/// The error is the exit status of a program that has nothing more to do.
pub fn parse<A: Parser>(program: &str) -> Result<A, u8> {
    taken(program, A::try_parse())
}

/// The same for what was parsed already.
pub fn taken<A>(program: &str, parsed: Result<A, clap::Error>) -> Result<A, u8> {
    parsed.map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            0
        }
        _ => {
            let text = error.render().to_string();
            let first: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
            let line = first.join(" ");
            complain(program, &format!("{}; try --help", line.strip_prefix("error: ").unwrap_or(&line)));
            EXIT_USAGE
        }
    })
}

/// How long the caller waits until a complaint has been written.
const COMPLAINT_TIME: Duration = Duration::from_secs(1);

/// The most complaints that may wait to be written. Further ones are dropped.
const COMPLAINTS: usize = 4;

static WAITING: AtomicUsize = AtomicUsize::new(0);

/// Writes one line to standard error: why the program ends, or something else that its user has to
/// know. If nobody reads standard error, the program goes on all the same.
pub fn complain(program: &str, why: &str) {
    let line = format!("{program}: {why}\n");
    let (written, wait) = channel::<()>();
    if WAITING.fetch_add(1, SeqCst) >= COMPLAINTS {
        WAITING.fetch_sub(1, SeqCst);
        return;
    }
    let thread = std::thread::Builder::new().name("complaint".to_owned()).spawn(move || {
        // If standard error fails, there is no other place to report it.
        let _ = std::io::stderr().write_all(line.as_bytes());
        WAITING.fetch_sub(1, SeqCst);
        drop(written);
    });
    if thread.is_ok() {
        // It ends with an error once the line has been written and the sender is dropped.
        let _ = wait.recv_timeout(COMPLAINT_TIME);
    } else {
        WAITING.fetch_sub(1, SeqCst);
    }
}
