//! io_uring is refused: the error names the cause, or the program falls back to threads.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

const PROGRAM: &str = env!("CARGO_BIN_EXE_backscroll-secondary");

fn refused_with(errno: &str, io: &str) -> Command {
    refused_from(1, errno, io)
}

/// A command that runs the program. In each thread, every ring from number `first` on is refused with
/// `errno`.
fn refused_from(first: usize, errno: &str, io: &str) -> Command {
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-o",
        "/dev/null",
        "-e",
        &format!("inject=io_uring_setup:error={errno}:when={first}+"),
    ]);
    command.args([PROGRAM, "--io", io, "--listen", "127.0.0.1:0", "--log-dir", "/", "--threads", "3"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

pub(crate) fn strace_works() -> bool {
    let works = Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success());
    if !works {
        eprintln!("skipped: there is no strace here, or it may not trace");
    }
    works
}

/// U1.
#[test]
fn io_uring_asked_for_by_name_refuses_to_start_and_says_why() {
    if !strace_works() {
        return;
    }
    for (errno, words) in [
        ("EPERM", "seccomp profile refuses"),
        ("ENOSYS", "kernel has no io_uring"),
        ("ENOMEM", "memlock limit"),
    ] {
        let output = refused_with(errno, "uring").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errno}: {stderr}");
        assert!(stderr.contains(words) && stderr.contains("--io threads"), "{errno}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

#[test]
fn openat2_refused_is_exit_64_and_said() {
    if !strace_works() {
        return;
    }
    // EACCES also comes from a directory that may not be read.
    for errno in ["ENOSYS", "EPERM", "EACCES"] {
        let output = Command::new("strace")
            .args(["-f", "-o", "/dev/null", "-e", &format!("inject=openat2:error={errno}")])
            // If the program starts in spite of that, `timeout` ends it, and the test fails.
            .args(["timeout", "20", PROGRAM, "--listen", "127.0.0.1:0", "--log-dir", "/"])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(64), 1), "{errno}: {stderr}");
        assert!(stderr.contains("openat2 is refused"), "{errno}: {stderr}");
    }
}

/// U1.
#[test]
fn io_auto_falls_back_to_threads_and_says_so() {
    if !strace_works() {
        return;
    }
    let mut child = refused_with("EPERM", "auto").spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let told: Vec<String> = lines.map(Result::unwrap).take(2).collect();
    stop_traced(&mut child);
    assert!(told[0].contains("WARN") && told[0].contains("seccomp profile refuses"), "{told:?}");
    assert!(told[1].contains("io_engine=\"threads\""), "{told:?}");
}

/// U1.
#[test]
fn a_ring_that_is_refused_after_others_were_made_is_no_other_matter() {
    if !strace_works() {
        return;
    }
    // strace counts the calls of each thread. The first thread makes two rings, one of them for the
    // probe; each of the others makes one.
    for (first, errno, words) in [(2, "ENOMEM", "memlock limit"), (2, "EPERM", "seccomp profile refuses")] {
        let output = refused_from(first, errno, "uring").output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errno}: {stderr}");
        assert!(stderr.contains(words) && stderr.contains("--io threads"), "{errno}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        let mut child = refused_from(first, errno, "auto").spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let told: Vec<String> = lines.map(Result::unwrap).take(2).collect();
        let address = crate::process::address(&told[1], "listen=");
        let ready = crate::support::ask(address, "/readyz");
        stop_traced(&mut child);
        assert!(told[0].contains("WARN") && told[0].contains(words), "{told:?}");
        assert!(told[1].contains("io_engine=\"threads\""), "{told:?}");
        let ready: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
        assert!(ready["io_fallback"].as_str().unwrap().contains(words), "{ready}");
    }
}

/// Ends the program that strace traces. strace then ends too.
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
pub(crate) fn stop_traced(strace: &mut std::process::Child) {
    let pid = strace.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    for child in children.split_whitespace() {
        let pid = rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
    strace.wait().unwrap();
}

#[test]
fn bad_configuration_is_one_line_and_exit_64() {
    for (args, words) in [
        (&["--threads", "0"][..], "--threads 0"),
        (&["--threads", "many"], "invalid value"),
        (&["--hostname", "a b"], "--hostname"),
        (&["--log-dir", "/nowhere"], "/nowhere cannot be opened"),
        (&["--listen", "here"], "invalid value"),
        (&["--io", "magic"], "magic"),
        (&["--wrong"], "--wrong"),
        (&["--log-level", "a=b=c"], "--log-level"),
    ] {
        let output = Command::new(PROGRAM).args(["--listen", "127.0.0.1:0"]).args(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if args[0] == "--listen" {
            assert_eq!(output.status.code(), Some(64), "{stderr}");
            continue;
        }
        assert_eq!(output.status.code(), Some(64), "{args:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args:?}: {stderr}");
        assert!(stderr.contains(words), "{args:?}: {stderr}");
    }
}

#[test]
fn a_port_in_use_is_exit_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = Command::new(PROGRAM).args(["--listen", &addr]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&addr));
}
