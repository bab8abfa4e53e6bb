//! The demo: the lines that it prints work as they are, and it stops when it is told to.

use rustix::process::{Pid, Signal, kill_process};
use std::io::Read as _;
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long the demo may take until it prints its lines. It writes sample logs first.
const START_TIME: Duration = Duration::from_mins(1);

/// A running demo. Dropping it kills it, by its id.
struct Demo {
    child: Child,
    curls: Vec<String>,
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Demo {
    fn start(args: &[&str]) -> Demo {
        let mut child = Command::new(env!("CARGO_BIN_EXE_demo"))
            .args(["--", "--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        let mut demo = Demo { child, curls: Vec::new() };
        let (tell, told) = std::sync::mpsc::channel();
        // The lines arrive in one write, and the pipe stays open afterwards.
        std::thread::spawn(move || {
            let mut text = vec![0; 64 << 10];
            let len = out.read(&mut text).unwrap();
            tell.send(String::from_utf8(text[..len].to_vec()).unwrap())
        });
        let text = told.recv_timeout(START_TIME).unwrap();
        demo.curls = text.lines().filter(|line| line.starts_with("curl ")).map(str::to_owned).collect();
        demo
    }

    fn stop(mut self, signal: Signal) {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{signal:?}");
        // One second is promised; the rest allows for a loaded machine.
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

fn shell(line: &str) -> Output {
    Command::new("sh").args(["-c", line]).output().unwrap()
}

#[test]
fn every_line_of_the_demo_works_as_it_stands() {
    let demo = Demo::start(&[]);
    assert!(demo.curls.len() >= 6, "{:?}", demo.curls);
    for line in &demo.curls {
        let output = shell(line);
        assert!(output.status.success() && !output.stdout.is_empty(), "{line}");
        if line.contains("TE: trailers") {
            let shown = String::from_utf8(output.stdout).unwrap().to_ascii_lowercase();
            assert!(shown.contains("\nlog-status: complete"), "{shown}");
        }
    }
    let newest = String::from_utf8(shell(&demo.curls[0]).stdout).unwrap();
    assert_eq!(newest.lines().filter(|line| line.contains("updated")).count(), 20, "{newest}");
    demo.stop(Signal::INT);
}

#[test]
fn the_demo_serves_a_folder_of_ones_own_with_a_file_found_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("it's mine.log"), "older\nnewer\n").unwrap();
    let demo = Demo::start(&["--log-dir", dir.path().to_str().unwrap()]);
    assert_eq!(shell(&demo.curls[0]).stdout, b"newer\nolder\n", "{}", demo.curls[0]);
    assert_eq!(shell(&demo.curls[1]).stdout, b"older\n", "{}", demo.curls[1]);
    demo.stop(Signal::TERM);
}

#[test]
fn a_client_that_does_not_read_does_not_keep_the_demo_from_stopping() {
    let dir = tempfile::tempdir().unwrap();
    backscroll_samples::write_large(&dir.path().join("large.log"), 64 << 20).unwrap();
    let demo = Demo::start(&["--log-dir", dir.path().to_str().unwrap()]);
    let url = demo.curls[0].trim_start_matches("curl ").trim_matches('\'').replace("&n=20", "");
    let mut reader = Command::new("curl")
        .args(["-sS", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut out = reader.stdout.take().unwrap();
    out.read_exact(&mut vec![0; 1 << 16]).unwrap();
    demo.stop(Signal::INT);
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert_eq!(reader.wait().unwrap().code(), Some(18), "an answer that is cut never looks complete");
}

#[test]
fn a_port_that_is_taken_is_one_clear_line_and_status_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let output = Command::new(env!("CARGO_BIN_EXE_demo")).args(["--listen", &listen]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("demo: ")).collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(lines[0].contains(&listen) && lines[0].contains("--listen"), "{told}");
    assert!(output.stdout.is_empty());
}
