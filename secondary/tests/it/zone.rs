//! A host whose time zone is not known.

use crate::process::{Process, address};
use crate::refused_ring::{stop_traced, strace_works};
use crate::support::{ask, raw, write};

/// The warnings in `/readyz`, the warnings in the log at the start, and the time of a line without
/// a zone.
fn told(tz: &str, tzdir: Option<&str>) -> (Vec<String>, Vec<String>, String) {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("app.log"), b"2026-11-05 10:11:12 x\n");
    let mut command = Process::command();
    command.arg("--log-dir").arg(dir.path()).env("TZ", tz);
    if let Some(tzdir) = tzdir {
        command.env("TZDIR", tzdir);
    }
    let process = Process::start(&mut command);
    let (addr, said) = process.serving();
    let ready = ask(addr, "/readyz");
    assert_eq!(ready.status, 200, "it can serve all the same");
    let state: serde_json::Value = serde_json::from_slice(&ready.body).unwrap();
    let warnings = serde_json::from_value(state["warnings"].clone()).unwrap();
    let request = "GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: application/x-ndjson\r\n\r\n";
    let answer = raw(addr, request.as_bytes());
    let record: serde_json::Value = serde_json::from_str(answer.text().lines().next().unwrap()).unwrap();
    let warned = said.into_iter().filter(|line| line.contains("WARN")).collect();
    (warnings, warned, record["time"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_zone_that_is_not_known_is_a_warning_at_the_start_and_in_readyz() {
    for tz in ["Foo/Bar", "TZ=America/Chicago", "Europe/Berlin ", "Europe/Pariss"] {
        let (warnings, warned, time) = told(tz, None);
        assert_eq!((warnings.len(), warned.len()), (1, 1), "{tz}: {warnings:?} {warned:?}");
        assert!(
            warnings[0].contains(&format!("{tz:?}")) && warnings[0].contains("read as UTC"),
            "{warnings:?}"
        );
        assert!(warned[0].contains("TZ is") && warned[0].contains("read as UTC"), "{warned:?}");
        assert!(time.starts_with("2026-11-05T10:11:12"), "{time}");
    }
}

#[test]
fn a_zone_that_is_known_is_no_warning() {
    for (tz, time) in [("UTC", "10:11:12"), ("", "10:11:12"), ("EST5EDT,M3.2.0,M11.1.0", "15:11:12")] {
        let (warnings, warned, found) = told(tz, None);
        assert_eq!((warnings, warned), (vec![], vec![]), "{tz}");
        let utc: jiff::Timestamp = found.parse().unwrap();
        assert!(utc.to_string().contains(time), "{tz}: {found}");
    }
}

#[test]
fn the_zones_files_are_read_before_anybody_is_served() {
    if !strace_works() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("app.log"), b"2026-11-05 10:11:12 x\n2026-11-05 10:11:12 Asia/Kolkata x\n");
    let trace = dir.path().join(".trace");
    let mut traced = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=%file", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_backscroll-secondary"))
        .args(["--listen", "127.0.0.1:0", "--log-dir"])
        .arg(dir.path())
        .env("TZ", "Europe/Berlin")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(traced.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(" serving ") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0, "it has not started");
    }
    #[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
    let looks = || {
        let calls = std::fs::read_to_string(&trace).unwrap();
        let of_zones = |call: &&str| ["zoneinfo", "localtime", "TZif"].iter().any(|word| call.contains(word));
        (calls.lines().filter(of_zones).count(), calls.contains("app.log"))
    };
    let before = looks();
    let request = "GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\naccept: application/x-ndjson\r\n\r\n";
    let answer = raw(address(&line, "listen="), request.as_bytes());
    stop_traced(&mut traced);
    assert!(answer.text().contains("\"time\""), "{answer:?}");
    let after = looks();
    assert!(before.0 > 0 && !before.1 && after.1, "{before:?} {after:?}");
    assert_eq!(before.0, after.0, "calls about zones");
}
