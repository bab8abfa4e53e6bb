//! The health port while a program stops.

use super::{PROGRAMS, asked, large_log, of_large_log, slow_request, start, wait_for};
use backscroll_e2e::program::Program;
use rustix::process::Signal;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

#[test]
fn while_answers_in_flight_end_the_health_port_says_so_to_the_last() {
    let logs = large_log();
    let (host, _) = start("backscroll-secondary", &logs, &[]);
    let fleet = ["--secondary", &format!("web1=http://{}", host.listen)];
    for name in PROGRAMS {
        let more: &[&str] = if name == "backscroll-primary" { &fleet } else { &[] };
        let (mut program, health) = start(name, &logs, more);
        // A connection that has been there before goes on, too.
        let mut kept = TcpStream::connect(&health).unwrap();
        let ask = |stream: &mut TcpStream| {
            stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
            let mut answer = [0; 4096];
            let len = stream.read(&mut answer).unwrap();
            String::from_utf8_lossy(&answer[..len]).into_owned()
        };
        assert!(ask(&mut kept).starts_with("HTTP/1.1 200 "));
        let held = slow_request(&program.listen.to_string(), of_large_log(name));
        program.signal(Signal::TERM).unwrap();
        wait_for("a main port that is closed", || TcpStream::connect(program.listen).err());
        let url = |target: &str| format!("http://{health}{target}");
        let told =
            wait_for("draining", || Some(asked(&[&url("/readyz")])).filter(|told| told.starts_with("503 ")));
        assert!(told.contains("\"reason\":\"draining\""), "{name}: {told}");
        assert!(ask(&mut kept).starts_with("HTTP/1.1 503 "), "{name}");
        assert_eq!(asked(&[&url("/healthz")]), "200 ok\n");
        let metrics = asked(&[&url("/metrics")]);
        assert!(
            metrics.starts_with("200 #") && metrics.contains("\nbackscroll_ready 0\n"),
            "{name}: {metrics}"
        );
        assert_eq!(program.ended().unwrap(), None, "{name}: it still drains");
        drop(held);
        assert!(program.wait().unwrap().success(), "{name}");
        assert!(TcpStream::connect(&health).is_err());
    }
}

#[test]
fn a_stranger_is_told_no_more_than_that_it_is_not_ready() {
    let logs = large_log();
    let output = Program::output("backscroll-primary", &["token", "new", "--id", "all"]).unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (token, entry) = text.split_once('\n').unwrap();
    let secondary = start("backscroll-secondary", &logs, &[]).0;
    let file = logs.path().join("tokens.toml");
    std::fs::write(&file, entry).unwrap();
    let url = format!("web1=http://{}", secondary.listen);
    let more =
        ["--token-file", file.to_str().unwrap(), "--secondary", &url, "--health-listen", "127.0.0.1:0"];
    let mut primary = Program::start("backscroll-primary", &more).unwrap();
    let health = format!("http://{}/readyz", super::health_of(&primary));
    assert_eq!(asked(&[&health]), "200 {\"ready\":true}\n");
    let target =
        format!("/logs?hostname=web1&filename=large.log HTTP/1.1\r\nauthorization: Bearer {token}\r\nx:");
    let held = slow_request(&primary.listen.to_string(), &target);
    primary.signal(Signal::TERM).unwrap();
    let told = wait_for("draining", || Some(asked(&[&health])).filter(|told| told.starts_with("503 ")));
    assert_eq!(told, "503 {\"ready\":false}\n");
    drop(held);
    assert!(primary.wait().unwrap().success());
}
