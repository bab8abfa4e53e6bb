//! The messages to a service manager: `Type=notify`, with a socket like systemd's.

use crate::process::{Process, address};
use crate::support::{ask, write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

fn under(manager: &Path, dir: &TempDir) -> Command {
    write(&dir.path().join("logs/app.log"), b"line\n");
    let mut command = Process::command();
    command.arg("--log-dir").arg(dir.path().join("logs")).env("NOTIFY_SOCKET", manager);
    command
}

fn told(socket: &UnixDatagram) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut bytes = [0; 4096];
    let len = socket.recv(&mut bytes).expect("the service manager is told nothing");
    String::from_utf8(bytes[..len].to_vec()).unwrap()
}

#[test]
fn a_service_manager_is_told_when_requests_are_answered_and_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let manager = dir.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    let mut process = Process::start(under(&manager, &dir).args(["--threads", "3"]));
    let ready = told(&socket);
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    let addr = address(&ready, "STATUS=serving on ");
    assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    process.terminate();
    let stopping = told(&socket);
    assert!(stopping.lines().any(|line| line == "STOPPING=1"), "{stopping}");
    assert!(process.wait().success());
}

#[test]
fn a_service_manager_that_wants_a_watchdog_is_told_again_and_again_that_all_threads_serve() {
    let dir = tempfile::tempdir().unwrap();
    let manager = dir.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    for io in ["uring", "threads"] {
        let mut command = under(&manager, &dir);
        command.args(["--threads", "3", "--io", io]).env("WATCHDOG_USEC", "20000").env_remove("WATCHDOG_PID");
        let mut process = Process::start(&mut command);
        // The threads may have answered before it is announced that they serve.
        let mut ready = told(&socket);
        while ready.trim() == "WATCHDOG=1" {
            ready = told(&socket);
        }
        assert!(ready.contains("READY=1"), "{ready}");
        for _ in 0..10 {
            assert_eq!(told(&socket).trim(), "WATCHDOG=1");
        }
        let addr = address(&ready, "STATUS=serving on ");
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
        process.terminate();
        while !told(&socket).contains("STOPPING=1") {}
        assert!(process.wait().success());
    }
}

#[test]
fn a_service_manager_that_wants_no_watchdog_is_told_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let manager = dir.path().join("notify");
    let socket = UnixDatagram::bind(&manager).unwrap();
    // That of another process.
    let mut command = under(&manager, &dir);
    command.env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1");
    let mut process = Process::start(&mut command);
    let ready = told(&socket);
    let addr = address(&ready, "STATUS=serving on ");
    for _ in 0..20 {
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    }
    process.terminate();
    assert!(told(&socket).contains("STOPPING=1"));
    assert!(process.wait().success());
}

#[test]
fn a_service_manager_that_cannot_be_told_is_a_warning_and_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let full = dir.path().join("full");
    let _unread = UnixDatagram::bind(&full).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.set_nonblocking(true).unwrap();
    while sender.send_to(b"X=1", &full).is_ok() {}
    for manager in [dir.path().join("nowhere"), full] {
        let mut process = Process::start(&mut under(&manager, &dir));
        let (addr, _) = process.serving();
        let warned = process.until("NOTIFY_SOCKET");
        assert!(warned.last().unwrap().contains("WARN"), "{warned:?}");
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
        process.terminate();
        process.until(" stopped");
        assert!(process.wait().success());
    }
}

#[test]
fn without_a_service_manager_nobody_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(&mut under(Path::new(""), &dir));
    process.serving();
    process.terminate();
    let lines = process.until(" stopped");
    assert!(!lines.iter().any(|line| line.contains("WARN")), "{lines:?}");
}
