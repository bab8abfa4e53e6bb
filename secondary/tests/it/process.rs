//! The real program, running as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running secondary. Killed, by its id, when dropped.
pub(crate) struct Process {
    child: Child,
    log: Receiver<String>,
}

impl Process {
    /// A command that starts the program on a free port of the loopback address.
    pub(crate) fn command() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backscroll-secondary"));
        command.args(["--listen", "127.0.0.1:0"]);
        command
    }

    pub(crate) fn start(command: &mut Command) -> Process {
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (tell, log) = channel();
        // Reads the log to its end, so that the program never has to wait for its reader.
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        Process { child, log }
    }

    /// The lines of the log up to and including the next one that holds `words`.
    pub(crate) fn until(&self, words: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.contains(words)) {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(why) => panic!("{why}: {words:?} is not said: {lines:#?}"),
            }
        }
        lines
    }

    /// Waits until the program serves. Returns its address, and the log lines until then.
    pub(crate) fn serving(&self) -> (SocketAddr, Vec<String>) {
        let lines = self.until(" serving ");
        (address(lines.last().unwrap(), "listen="), lines)
    }

    /// Bytes of memory that the program uses.
    #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
    pub(crate) fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let resident = status.split("VmRSS:").nth(1).unwrap().split_whitespace().next().unwrap();
        resident.parse::<usize>().unwrap() << 10
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address that follows `before` in a text.
pub(crate) fn address(text: &str, before: &str) -> SocketAddr {
    let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in {text:?}"));
    rest.split([' ', '\n']).next().unwrap().parse().unwrap()
}
