//! The watchdog of systemd, and a disk whose reads, or whose files to open, get no answer.

use crate::fuse::{Disk, Entry, Fault};
use crate::support::{PATIENCE, skipped, until};
use backscroll_e2e::program::Program;
use std::io::Write as _;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

const LINES: u64 = 32_768;

/// The time of the watchdog here.
const WATCHDOG_USEC: &str = "200000";

/// A read that hangs in the kernel is no thread that hangs. To open a file waits on the thread, and
/// there a restart is all that helps.
#[test]
#[ignore = "needs root and FUSE: run by .ci/faults"]
fn a_read_that_hangs_does_not_stop_the_watchdogs_messages_and_a_thread_that_hangs_does() {
    let entry = |name: &str, fault| Entry { name: name.to_owned(), lines: LINES, fault };
    let entries = vec![entry("reads.log", Fault::Hangs(0..LINES * 64)), entry("opens.log", Fault::HangsOpen)];
    let disk = match Disk::mount(entries) {
        Ok(disk) => disk,
        Err(why) => return skipped(&why),
    };
    let run = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(run.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 4096];
        manager.recv(&mut bytes).map(|len| String::from_utf8_lossy(&bytes[..len]).into_owned())
    };
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$@\"", "sh"]).env("NOTIFY_SOCKET", run.path().join("notify"));
    command.env("WATCHDOG_USEC", WATCHDOG_USEC).env_remove("WATCHDOG_PID");
    let args = ["--log-dir", disk.path().to_str().unwrap(), "--threads", "2"];
    let host = Program::start_through(command, "backscroll-secondary", &args).unwrap();
    let ask = |file: &str| {
        let mut socket = TcpStream::connect(host.listen).unwrap();
        let head = format!("GET /logs?filename={file} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        socket.write_all(head.as_bytes()).unwrap();
        socket
    };
    assert!(next().unwrap().contains("READY=1"));
    // On both threads.
    let _held: Vec<_> = (0..8).map(|_| ask("reads.log")).collect();
    until("reads hang", || disk.hanging() > 0);
    for _ in 0..20 {
        assert_eq!(next().unwrap().trim(), "WATCHDOG=1");
    }
    // One thread hangs; the other one would answer.
    let _waits = ask("opens.log");
    until("a thread hangs", || disk.opening() > 0);
    manager.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut after = 0;
    while next().is_ok() {
        after += 1;
        assert!(after < 100, "it is said that all threads serve, although one hangs");
    }
    until("the log says so", || host.log().iter().any(|line| line.contains("has not taken a turn")));
    disk.release();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(next().unwrap().trim(), "WATCHDOG=1", "once it goes on, all is well again");
}
