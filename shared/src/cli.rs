//! The command line of both programs, and the messages with which they end.

pub mod healthcheck;

use clap::Parser;
use clap::error::ErrorKind;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Exit status for bad configuration (`EX_USAGE` of `sysexits.h`).
pub const EXIT_USAGE: u8 = 64;

/// Parses the value of `--listen`. The error suggests what was probably meant.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let advice = |meant: String| format!("write ADDR:PORT; did you mean {meant}?");
        if text.parse::<u16>().is_ok() {
            return advice(format!("127.0.0.1:{text}"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return advice(SocketAddr::new(address, EXAMPLE_PORT).to_string());
        }
        match text.rsplit_once(':') {
            Some(("", port)) if port.parse::<u16>().is_ok() => {
                advice(format!("0.0.0.0:{port} for every address of this host, or 127.0.0.1:{port}"))
            }
            Some(("localhost", port)) if port.parse::<u16>().is_ok() => advice(format!("127.0.0.1:{port}")),
            _ => "write ADDR:PORT, with an address and not a name, as in 127.0.0.1:8001 or [::1]:8001"
                .to_owned(),
        }
    })
}

/// The port in suggestions.
const EXAMPLE_PORT: u16 = 8001;

/// Parses the command line and the environment. A mistake is reported in one line.
///
/// The error is the exit status of a program that has nothing more to do.
pub fn parse<A: Parser>(program: &str) -> Result<A, u8> {
    taken(program, A::try_parse())
}

fn taken<A>(program: &str, parsed: Result<A, clap::Error>) -> Result<A, u8> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_none_is_answered_with_one_that_is() {
        assert_eq!(listen("[::1]:8001"), Ok("[::1]:8001".parse().unwrap()));
        for (given, meant) in [
            ("8001", "did you mean 127.0.0.1:8001?"),
            ("10.0.0.1", "did you mean 10.0.0.1:8001?"),
            ("::1", "did you mean [::1]:8001?"),
            (":8001", "did you mean 0.0.0.0:8001"),
            ("localhost:80", "did you mean 127.0.0.1:80?"),
            ("web1:8001", "an address and not a name"),
            ("nowhere", "ADDR:PORT"),
            ("", "ADDR:PORT"),
            ("127.0.0.1:99999", "ADDR:PORT"),
        ] {
            let why = listen(given).unwrap_err();
            assert!(why.contains(meant), "{given}: {why}");
        }
    }
}
