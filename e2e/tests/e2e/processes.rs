//! The real programs: killed, told to stop, and examined under load.

use crate::support::curl;
use backscroll_e2e::program::Program;
use rustix::process::Signal;
use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A log much larger than all buffers between a disk and a client.
const LARGE: u64 = 128 << 20;

struct Pair {
    _dir: TempDir,
    secondary: Program,
    primary: Program,
}

impl Pair {
    fn start() -> Pair {
        let dir = tempfile::tempdir().unwrap();
        backscroll_samples::write_large(&dir.path().join("large.log"), LARGE).unwrap();
        let log_dir = dir.path().to_str().unwrap();
        let secondary = Program::start(
            "backscroll-secondary",
            &["--log-dir", log_dir, "--hostname", "one", "--threads", "2"],
        )
        .unwrap();
        let member = format!("one=http://{}", secondary.listen);
        let primary = Program::start("backscroll-primary", &["--secondary", &member]).unwrap();
        Pair { _dir: dir, secondary, primary }
    }

    fn url(&self) -> String {
        format!("http://{}/logs?hostname=one&filename=large.log", self.primary.listen)
    }
}

/// A curl of whose output `bytes` have been read, so that it is in the middle of the answer.
fn curl_in_the_middle(args: &[&str], bytes: usize) -> (Child, Vec<u8>) {
    let mut child = Command::new("curl")
        .arg("-sS")
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut seen = vec![0; bytes];
    child.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
    (child, seen)
}

fn rest(mut child: Child, mut seen: Vec<u8>) -> (Option<i32>, Vec<u8>) {
    child.stdout.take().unwrap().read_to_end(&mut seen).unwrap();
    (child.wait().unwrap().code(), seen)
}

#[test]
fn a_secondary_killed_in_the_middle_makes_curl_exit_with_18() {
    let pair = Pair::start();
    let (child, seen) = curl_in_the_middle(&[&pair.url()], 1 << 20);
    pair.secondary.signal(Signal::KILL).unwrap();
    let (code, seen) = rest(child, seen);
    assert_eq!(code, Some(18));
    assert!((seen.len() as u64) < LARGE && seen.ends_with(b"\n"), "only whole lines are delivered");
    // The secondary is gone: the next request gets a status that says so.
    let output = curl(&["-o", "/dev/null", "-w", "%{http_code}", &pair.url()]);
    assert_eq!(output.stdout, b"502");
}

#[test]
fn ndjson_of_a_killed_secondary_ends_with_a_failed_verdict() {
    let pair = Pair::start();
    let (child, seen) = curl_in_the_middle(&["-H", "Accept: application/x-ndjson", &pair.url()], 1 << 20);
    pair.secondary.signal(Signal::KILL).unwrap();
    let (code, seen) = rest(child, seen);
    assert_eq!(code, Some(18));
    let text = String::from_utf8(seen).unwrap();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let end = &objects.last().unwrap()["end"];
    assert_eq!(end["status"], "failed");
    assert_eq!(end["hosts"]["one"]["status"], "failed");
    assert!(objects.len() > 1000);
}

#[test]
fn trailers_say_that_a_secondary_was_killed_and_which() {
    let pair = Pair::start();
    let dir = tempfile::tempdir().unwrap();
    let fields = dir.path().join("fields");
    // curl writes the header fields, and after the body the trailer fields, to that file.
    let dump = ["-D", fields.to_str().unwrap(), "-H", "TE: trailers", &pair.url()];
    let (child, seen) = curl_in_the_middle(&dump, 1 << 20);
    pair.secondary.signal(Signal::KILL).unwrap();
    let (code, seen) = rest(child, seen);
    let fields = std::fs::read_to_string(fields).unwrap().to_ascii_lowercase();
    assert_eq!(code, Some(0), "the stream itself ends properly");
    assert!((seen.len() as u64) < LARGE);
    assert!(fields.contains("log-status: failed") && fields.contains("log-hosts-failed: one"), "{fields}");
}

#[test]
fn a_secondary_told_to_stop_ends_its_answer_first() {
    let mut pair = Pair::start();
    let (child, seen) = curl_in_the_middle(&[&pair.url()], 1 << 20);
    pair.secondary.signal(Signal::TERM).unwrap();
    let (code, seen) = rest(child, seen);
    assert_eq!(code, Some(0));
    assert!(seen.len() as u64 >= LARGE);
    assert_eq!(pair.secondary.wait().unwrap().code(), Some(0));
    pair.primary.signal(Signal::INT).unwrap();
    assert_eq!(pair.primary.wait().unwrap().code(), Some(0));
}

/// How often in a row a secondary may be seen with another thread: for a tenth of a second and
/// more.
const OTHERS_STAY: u32 = 20;

#[test]
fn under_load_a_secondary_has_its_ring_threads_and_no_other() {
    let pair = Pair::start();
    let scan = |listen: SocketAddr| {
        Command::new("curl")
            .args([
                "-s",
                "-o",
                "/dev/null",
                &format!("http://{listen}/logs?filename=large.log&keyword=absent-[1-20]"),
            ])
            .spawn()
            .unwrap()
    };
    let mut load: Vec<Child> = (0..8).map(|_| scan(pair.secondary.listen)).collect();
    let began = Instant::now();
    let (mut looks, mut more) = (0, 0);
    while load.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        let mut threads = pair.secondary.threads().unwrap();
        // These wait for what others give them: lines, requests that are over, readers of metrics.
        threads.retain(|thread| !["log-writer", "telemetry", "metrics"].contains(&&**thread));
        assert!(threads.len() >= 2, "{threads:?}");
        // A thread that checks the log directory for a probe comes and goes.
        more = if threads.len() > 2 { more + 1 } else { 0 };
        assert!(more < OTHERS_STAY, "{threads:?}");
        looks += 1;
        std::thread::sleep(Duration::from_millis(5));
        assert!(began.elapsed() < Duration::from_secs(100));
    }
    assert!(looks > 5, "{looks}");
    assert!(load.iter_mut().all(|child| child.wait().unwrap().success()));
}
