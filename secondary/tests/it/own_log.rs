//! The program's own log: with and without a reader, and on a full disk.

use crate::process::{PATIENCE, address};
use crate::support::{ask, endless, raw, sleep, write};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Two log directories, and a link that leads to one of them.
struct Logs {
    dir: TempDir,
}

impl Logs {
    fn new() -> Logs {
        let dir = tempfile::tempdir().unwrap();
        for name in ["0", "1"] {
            write(&dir.path().join(name).join("app.log"), b"line\n");
        }
        let logs = Logs { dir };
        logs.turn(0);
        logs
    }

    /// Changes where the link leads. The next request writes a log line about it.
    fn turn(&self, number: usize) {
        let next = self.dir.path().join("next");
        symlink((number % 2).to_string(), &next).unwrap();
        std::fs::rename(next, self.link()).unwrap();
    }

    fn link(&self) -> PathBuf {
        self.dir.path().join("logs")
    }
}

/// A running secondary. Killed, by its id, when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Running {
        Running(command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn signal(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Waits until the program ends by itself.
    fn code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < 2 * PATIENCE, "it does not end");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn command(logs: &Logs) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backscroll-secondary"));
    command.args(["--listen", "127.0.0.1:0", "--log-dir"]).arg(logs.link());
    command
}

/// The address that the program serves, once its log has said so, and the rest of the log, unread.
fn serving(running: &mut Running) -> (SocketAddr, impl std::io::Read + use<>) {
    let mut log = BufReader::with_capacity(1, running.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(" serving ") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended");
    }
    (address(&line, "listen="), log)
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_answer_and_no_end() {
    let logs = Logs::new();
    let mut running = Running::start(command(&logs).args(["--threads", "1"]));
    let (addr, mut log) = serving(&mut running);
    // Several times as much as a pipe holds.
    for number in 0..3000 {
        logs.turn(number + 1);
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    }
    // A reader that starts again is told with the next line how much was lost.
    let mut some = vec![0; 100_000];
    log.read_exact(&mut some).unwrap();
    logs.turn(0);
    assert_eq!(ask(addr, "/healthz").status, 200);
    running.signal();
    assert_eq!(running.code(), Some(0));
    drop(log);
}

#[test]
fn a_log_that_is_read_late_says_how_many_lines_are_missing() {
    let logs = Logs::new();
    let mut running = Running::start(command(&logs).args(["--threads", "1"]));
    let (addr, mut log) = serving(&mut running);
    for number in 0..8000 {
        logs.turn(number + 1);
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    }
    running.signal();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(running.code(), Some(0));
    let told = rest.lines().find(|line| line.contains("lines of this log were lost"));
    assert!(told.is_some_and(|line| line.contains("WARN") && line.contains("lines=")), "{}", rest.len());
}

#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn log_file(dir: &Path) -> Option<PathBuf> {
    Some(std::fs::read_dir(dir).ok()?.next()?.unwrap().path())
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn what_is_queued_is_written_at_the_end_however_it_ends() {
    for signals in [1, 2] {
        let logs = Logs::new();
        let target = endless(&logs.dir.path().join("0"));
        let own = logs.dir.path().join("own");
        let mut running = Running::start(command(&logs).arg("--log-file").arg(&own));
        let began = Instant::now();
        let serving = loop {
            // The folder is there a moment before the file in it.
            let text = log_file(&own).map_or_else(String::new, |file| std::fs::read_to_string(file).unwrap());
            if let Some(line) = text.lines().find(|line| line.contains(" serving ")) {
                break address(line, "listen=");
            }
            assert!(began.elapsed() < PATIENCE);
            sleep(Duration::from_millis(20));
        };
        let held = (signals == 2).then(|| {
            let mut socket = std::net::TcpStream::connect(serving).unwrap();
            let request = format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n");
            std::io::Write::write_all(&mut socket, request.as_bytes()).unwrap();
            socket.read_exact(&mut [0; 15]).unwrap();
            socket
        });
        running.signal();
        if signals == 2 {
            let draining = || std::fs::read_to_string(log_file(&own).unwrap()).unwrap().contains("draining");
            while !draining() {
                assert!(began.elapsed() < PATIENCE);
                sleep(Duration::from_millis(20));
            }
            running.signal();
        }
        assert_eq!(running.code(), Some(signals - 1));
        let text = std::fs::read_to_string(log_file(&own).unwrap()).unwrap();
        let last = if signals == 1 { "stopped" } else { "told to stop a second time" };
        assert!(text.lines().last().unwrap().contains(last), "{text}");
        drop(held);
    }
}

#[test]
fn a_disk_that_is_full_is_told_on_standard_error() {
    let logs = Logs::new();
    let own = logs.dir.path().join("own");
    std::fs::create_dir(&own).unwrap();
    // Yesterday, today and tomorrow, because the day may change during the test.
    for days in -1..=1 {
        let day = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_hours(24 * days)).unwrap();
        let name = format!("backscroll-secondary.{}.log", day.strftime("%Y-%m-%d"));
        symlink("/dev/full", own.join(name)).unwrap();
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_backscroll-secondary"));
    command.args(["--listen", &port.to_string(), "--log-dir"]).arg(logs.link());
    let mut running = Running::start(command.arg("--log-file").arg(&own));
    let mut log = BufReader::new(running.0.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("--log-file") && line.contains("No space left"), "{line}");
    let began = Instant::now();
    while std::net::TcpStream::connect(port).is_err() {
        assert!(began.elapsed() < PATIENCE);
        sleep(Duration::from_millis(20));
    }
    assert_eq!(
        raw(port, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").body,
        b"ok\n"
    );
    running.signal();
    assert_eq!(running.code(), Some(0));
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "once is enough");
}

#[test]
fn what_is_written_wrongly_is_answered_with_what_to_write() {
    let logs = Logs::new();
    let file = logs.dir.path().join("0/app.log").to_str().unwrap().to_owned();
    for (flags, words) in [
        (["--listen", "8001"], "did you mean 127.0.0.1:8001"),
        (["--listen", ":8001"], "did you mean 0.0.0.0:8001"),
        (["--log-file", &file], "it is a file, and a new one is begun each day: name a directory"),
    ] {
        let output = command(&logs).args(flags).output();
        let output = match flags[0] {
            // This flag may be given only once, so it must not be given a second time here.
            "--listen" => Command::new(env!("CARGO_BIN_EXE_backscroll-secondary")).args(flags).output(),
            _ => output,
        };
        let output = output.unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(64), 1), "{text}");
        assert!(text.contains(words), "{text}");
    }
}
