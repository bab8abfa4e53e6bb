//! The real programs: a secondary that leaves the fleet is missed, and one that comes back is found.

use crate::support::curl;
use backscroll_e2e::program::Program;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A secondary with one line in `app.log`, under the name that it gives itself.
fn secondary(dir: &Path, name: &str) -> Program {
    let log_dir = dir.join(name);
    std::fs::create_dir(&log_dir).unwrap();
    std::fs::write(log_dir.join("app.log"), format!("2026-11-01T00:00:00Z of {name}\n")).unwrap();
    let args = ["--log-dir", log_dir.to_str().unwrap(), "--hostname", name, "--threads", "1"];
    Program::start("backscroll-secondary", &args).unwrap()
}

/// Puts another file in its place.
fn put(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    std::fs::write(&fresh, text).unwrap();
    std::fs::rename(fresh, path).unwrap();
}

/// The file of a fleet whose hosts name themselves.
fn fleet(addresses: &[SocketAddr]) -> String {
    serde_json::json!([{ "targets": addresses }]).to_string()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks until the answer is as it should be.
fn until(url: &str, flags: &[&str], wanted: impl Fn(&Output) -> bool) -> Output {
    let since = Instant::now();
    loop {
        let output = curl(&[flags, &[url]].concat());
        if wanted(&output) {
            return output;
        }
        assert!(since.elapsed() < PATIENCE, "{url}: {output:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_secondary_that_leaves_the_fleet_is_missed_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (secondary(dir.path(), "node-1"), secondary(dir.path(), "node-2"));
    let (path, expected) = (dir.path().join("fleet.json"), dir.path().join("expected.toml"));
    put(&path, &fleet(&[one.listen, two.listen]));
    put(&expected, "hosts = [\"node-1\", \"node-2\"]\ncount = 2\n");
    let args = ["--fleet-file", path.to_str().unwrap(), "--expected-file", expected.to_str().unwrap()];
    let primary = Program::start("backscroll-primary", &args).unwrap();
    let url = |target: &str| format!("http://{}{target}", primary.listen);
    let logs = url("/logs?filename=app.log");
    for _ in 0..2 {
        let whole = until(&logs, &[], |output| output.status.code() == Some(0));
        assert_eq!(text(&whole).lines().count(), 2, "{whole:?}");

        put(&path, &fleet(&[one.listen]));
        let cut = until(&logs, &["-i"], |output| output.status.code() == Some(18));
        assert!(text(&cut).contains("log-hosts-failed: node-2\r\n"), "{cut:?}");
        assert!(text(&cut).ends_with("node-1\t2026-11-01T00:00:00Z of node-1\n"), "{cut:?}");
        let ended = text(&curl(&["-i", "-H", "TE: trailers", &logs]));
        assert!(
            ended.contains("log-status: partial") && ended.contains("no source of the fleet knows"),
            "{ended}"
        );
        let ndjson = text(&curl(&["-H", "Accept: application/x-ndjson", &logs]));
        let end: serde_json::Value = serde_json::from_str(ndjson.lines().last().unwrap()).unwrap();
        assert_eq!(end["end"]["hosts"]["node-2"]["status"], "failed", "{end}");
        let hosts = text(&curl(&[&url("/hosts")]));
        assert!(hosts.contains("node-2\t\tmissing\tit is expected (--expected-file)"), "{hosts}");
        let alone = text(&curl(&["-i", &url("/logs?hostname=node-2&filename=app.log")]));
        assert!(alone.starts_with("HTTP/1.1 502 ") && alone.contains("node-2 is missing"), "{alone}");
        let other = curl(&[&url("/logs?hostname=*-1&filename=app.log")]);
        assert_eq!(other.status.code(), Some(0), "{other:?}");
        let since = Instant::now();
        let is_told = || {
            primary
                .log()
                .iter()
                .any(|line| line.contains("expected hosts are missing") && line.contains("node-2"))
        };
        while !is_told() {
            assert!(since.elapsed() < PATIENCE, "{:?}", primary.log());
            std::thread::sleep(Duration::from_millis(50));
        }

        put(&path, &fleet(&[one.listen, two.listen]));
    }
    until(&logs, &[], |output| output.status.code() == Some(0));
    // A third one is expected, which nobody has started.
    put(&expected, "count = 3\n");
    let cut = until(&logs, &["-i"], |output| output.status.code() == Some(18));
    assert!(text(&cut).contains("log-hosts-failed: +1\r\n"), "{cut:?}");
    let ready = text(&curl(&[&url("/readyz")]));
    assert!(ready.contains("3 hosts are expected, 2 are in the fleet"), "{ready}");
    let three = secondary(dir.path(), "node-3");
    put(&path, &fleet(&[one.listen, two.listen, three.listen]));
    let whole = until(&logs, &[], |output| output.status.code() == Some(0));
    assert_eq!(text(&whole).lines().count(), 3, "{whole:?}");
}
