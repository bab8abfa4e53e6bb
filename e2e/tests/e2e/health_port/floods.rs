//! Many connections to one port, and a request to the other.

use super::{
    PROGRAMS, asked, health_of, large_log, logs, of_large_log, ready_args, slow_request, start, wait_for,
};
use backscroll_e2e::program::Program;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

/// The connections of a program that may open 200 files, without those for health checks.
const PLACES: usize = 36;

/// A program with so few connections.
fn small(name: &str, logs: &tempfile::TempDir, more: &[&str]) -> (Program, String) {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 200 && exec \"$@\"", "sh"]);
    let args = [&ready_args(name, logs)[..], &["--health-listen", "127.0.0.1:0"], more].concat();
    let program = Program::start_through(command, name, &args).unwrap();
    let health = health_of(&program);
    (program, health)
}

#[test]
fn a_flood_at_one_port_does_not_reach_the_other() {
    let logs = large_log();
    let (host, _) = start("backscroll-secondary", &logs, &[]);
    let fleet = ["--secondary", &format!("web1=http://{}", host.listen)];
    for name in PROGRAMS {
        let more: &[&str] = if name == "backscroll-primary" { &fleet } else { &[] };
        let (program, health) = small(name, &logs, more);
        let main = program.listen.to_string();
        let get = |at: &str, target: &str| asked(&[&format!("http://{at}{target}")]);
        // All places of the main port.
        let held: Vec<_> = (0..PLACES).map(|_| slow_request(&main, of_large_log(name))).collect();
        let told = get(&main, "/");
        assert!(told.starts_with("503 ") && told.contains("overloaded"), "{name}: {told}");
        for _ in 0..2 * PLACES {
            let told = get(&health, "/readyz");
            assert!(told.starts_with("200 {"), "{name}: {told}");
        }
        drop(held);
        wait_for("room at the main port", || get(&main, "/").starts_with("200 ").then_some(()));

        // All places of the health port, and more. Those of the main port are not among them.
        let idle: Vec<_> = (0..3 * PLACES).map(|_| TcpStream::connect(&health).unwrap()).collect();
        for _ in 0..5 {
            let told = get(&main, "/");
            assert!(told.starts_with("200 "), "{name}: {told}");
        }
        // Connections that ask nothing make room for those that do.
        wait_for("room at the health port", || get(&health, "/readyz").starts_with("200 ").then_some(()));
        drop(idle);
    }
}

#[test]
fn connections_at_the_health_port_that_ask_nothing_end_one_day_too() {
    let logs = logs();
    let (_program, health) = small("backscroll-secondary", &logs, &[]);
    let mut half = TcpStream::connect(&health).unwrap();
    half.write_all(b"GET /readyz HTTP/1.1\r\n").unwrap();
    // The time for a head is 10 s. What ends it is the sweep of the health port.
    half.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let ended = half.read_to_end(&mut Vec::new());
    let is_over = !matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(is_over, "{ended:?}");
}

/// The places of the health port.
const HEALTH_PLACES: usize = 32;

#[test]
fn idle_connections_make_room_at_once_for_a_request_at_the_health_port() {
    let logs = logs();
    for name in PROGRAMS {
        let (_program, health) = start(name, &logs, &[]);
        for _ in 0..3 {
            let mut idle: Vec<_> = (0..HEALTH_PLACES).map(|_| TcpStream::connect(&health).unwrap()).collect();
            std::thread::sleep(std::time::Duration::from_millis(1500));
            let told = asked(&[&format!("http://{health}/healthz")]);
            assert_eq!(told, "200 ok\n", "{name}");
            idle.clear();
        }
    }
}

#[test]
fn clients_that_ask_without_a_pause_and_read_nothing_leave_room_at_the_health_port() {
    let logs = logs();
    for name in PROGRAMS {
        let (_program, health) = start(name, &logs, &[]);
        let busy: Vec<_> = (0..HEALTH_PLACES)
            .map(|_| {
                let mut stream = TcpStream::connect(&health).unwrap();
                let asks = "GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1000);
                // It is cut when its answer ends.
                let _ = stream.write_all(asks.as_bytes());
                stream
            })
            .collect();
        wait_for("room at the health port", || {
            asked(&[&format!("http://{health}/readyz")]).starts_with("200 ").then_some(())
        });
        drop(busy);
    }
}
