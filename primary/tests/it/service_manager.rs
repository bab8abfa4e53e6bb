//! What a service manager is told: `Type=notify`, with a socket as systemd's.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Killed, by its id, when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    let child = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
        .args(["--listen", "127.0.0.1:0", "--secondary", "a=http://10.0.0.1:1"])
        .env("NOTIFY_SOCKET", &manager)
        .env("WATCHDOG_USEC", "20000")
        .env_remove("WATCHDOG_PID")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    // The threads may have answered the watchdog before it is announced that they serve.
    let mut ready = told(&socket);
    while ready.trim() == "WATCHDOG=1" {
        ready = told(&socket);
    }
    assert!(ready.lines().any(|line| line == "READY=1"), "{ready}");
    let addr = ready.lines().find_map(|line| line.strip_prefix("STATUS=serving on ")).unwrap();
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    // It wants a watchdog, too.
    for _ in 0..10 {
        assert_eq!(told(&socket).trim(), "WATCHDOG=1");
    }
    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    while !told(&socket).lines().any(|line| line == "STOPPING=1") {}
    assert!(running.0.wait().unwrap().success());
}
