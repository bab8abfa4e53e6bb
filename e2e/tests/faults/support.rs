//! What the tests share: `curl`, the programs, and how long things may take.

use backscroll_e2e::program::Program;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a test waits for what has to come. No limit on speed: a test must not hang for ever.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Whether the tests are to take as long as the targets say.
pub(crate) fn is_long() -> bool {
    std::env::var("BACKSCROLL_FAULTS").is_ok_and(|value| value == "long")
}

/// So many seconds: the first figure in CI, the second where the tests may take long.
pub(crate) fn seconds(short: u64, long: u64) -> Duration {
    Duration::from_secs(if is_long() { long } else { short })
}

/// A secondary that serves `dir`.
pub(crate) fn secondary(dir: &Path, name: &str, args: &[&str]) -> Program {
    let own = ["--log-dir", dir.to_str().unwrap(), "--hostname", name];
    Program::start("backscroll-secondary", &[&own, args].concat()).unwrap()
}

/// A primary of these secondaries.
pub(crate) fn primary(hosts: &[(&str, SocketAddr)], args: &[&str]) -> Program {
    Program::start("backscroll-primary", &fleet_args(hosts, args)).unwrap()
}

pub(crate) fn fleet_args(hosts: &[(&str, SocketAddr)], args: &[&str]) -> Vec<String> {
    let members = hosts.iter().flat_map(|(name, at)| ["--secondary".into(), format!("{name}=http://{at}")]);
    members.chain(args.iter().map(|arg| (*arg).to_owned())).collect()
}

/// An answer as curl received it.
#[derive(Debug)]
pub(crate) struct Curled {
    pub(crate) exit: i32,
    pub(crate) status: u16,
    /// Head and trailers, in lower case.
    pub(crate) fields: String,
    pub(crate) body: Vec<u8>,
}

impl Curled {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The verdict of an NDJSON answer.
    pub(crate) fn end(&self) -> serde_json::Value {
        let last: serde_json::Value = serde_json::from_str(self.text().lines().last().unwrap()).unwrap();
        last["end"].clone()
    }
}

pub(crate) fn curl(address: SocketAddr, target: &str, flags: &[&str]) -> Curled {
    let dir = tempfile::tempdir().unwrap();
    let fields = dir.path().join("fields");
    let output = Command::new("curl")
        .args(["-s", "--max-time", "120", "-D", fields.to_str().unwrap()])
        .args(flags)
        .arg(format!("http://{address}{target}"))
        .output()
        .expect("curl is installed");
    let fields = std::fs::read_to_string(fields).unwrap_or_default().to_ascii_lowercase();
    let status = fields.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Curled { exit: output.status.code().unwrap(), status, fields, body: output.stdout }
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Runs a command that has to succeed.
pub(crate) fn run(line: &[&str]) -> Result<String, String> {
    let output = Command::new(line[0]).args(&line[1..]).output().map_err(|why| format!("{line:?}: {why}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!("{line:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Says that a test did nothing, and why.
pub(crate) fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// Lines of 64 bytes, each with its number and a time, newest last.
pub(crate) fn lines(count: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(usize::try_from(count * 64).unwrap());
    for number in 0..count {
        text.extend_from_slice(line(number).as_bytes());
    }
    text
}

/// The line with this number: 64 bytes with its line feed.
pub(crate) fn line(number: u64) -> String {
    let (second, minute, hour) = (number % 60, number / 60 % 60, number / 3600 % 24);
    let day = 1 + number / 86_400 % 28;
    format!(
        "2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}Z {number:012} a line of 64 bytes in all....\n"
    )
}

#[test]
fn a_line_has_64_bytes() {
    assert_eq!(line(123_456).len(), 64);
}
