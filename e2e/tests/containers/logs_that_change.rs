//! Logs that are written, and rotated by the real `logrotate`, while they are read.

use crate::answer::{Answer, curl};
use crate::engine::{command, told};
use crate::faults::readable_dir;
use crate::fleet::Fleet;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tempfile::TempDir;

fn numbered(range: std::ops::Range<usize>) -> String {
    range.fold(String::new(), |mut text, number| {
        writeln!(text, "2026-11-01T00:00:00Z line {number:09}").unwrap();
        text
    })
}

/// A fleet in which `secondary-1` serves a log of `lines` lines.
fn with_log(lines: usize) -> (Fleet, [TempDir; 3]) {
    let dirs = [readable_dir(), readable_dir(), readable_dir()];
    for dir in &dirs {
        std::fs::write(dir.path().join("app.log"), numbered(0..lines)).unwrap();
    }
    (Fleet::over([dirs[0].path(), dirs[1].path(), dirs[2].path()]), dirs)
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_that_is_filled_while_it_is_read_is_told_as_it_was_at_the_beginning() {
    let lines = 1000;
    let (fleet, dirs) = with_log(lines);
    let url = fleet.url("/logs?hostname=secondary-1&filename=app.log");
    let is_over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut file = OpenOptions::new().append(true).open(dirs[0].path().join("app.log")).unwrap();
            let mut next = lines;
            while !is_over.load(Relaxed) && next < 1_000_000 {
                // Written in pieces that are not lines, so that the newest line may be incomplete.
                for piece in numbered(next..next + 100).as_bytes().chunks(1009) {
                    file.write_all(piece).unwrap();
                }
                next += 100;
            }
            next
        });
        let mut before = 0;
        for _ in 0..50 {
            let (code, text) = curl(&["--fail", &url]);
            assert_eq!(code, Some(0));
            let told: Vec<&str> = text.lines().collect();
            // Only the newest line may be incomplete.
            let whole = &told[1..];
            let expected: String = numbered(0..whole.len());
            assert!(expected.lines().rev().eq(whole.iter().copied()), "{} lines", told.len());
            assert!(told.len() >= before, "what was there before is there still");
            before = told.len();
        }
        is_over.store(true, Relaxed);
        writer.join().unwrap()
    });
    let (_, text) = curl(&["--fail", &url]);
    assert!(numbered(0..written).lines().rev().eq(text.lines()), "at the end nothing is missing");
}

/// Rotates `DIR/app.log` once, immediately.
fn logrotate(dir: &Path, how: &str) {
    let work = tempfile::tempdir().unwrap();
    let config = work.path().join("conf");
    let text = format!("su root root\n{}/app.log {{\n  rotate 2\n  {how}\n}}\n", dir.display());
    std::fs::write(&config, text).unwrap();
    let state = work.path().join("state");
    let args = ["--force", "--state", state.to_str().unwrap(), config.to_str().unwrap()];
    let (well, text) = told(&command(&["logrotate"]).args(args).output().unwrap());
    assert!(well, "{text}");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_that_is_rotated_in_the_middle_is_told_whole_and_the_next_answer_is_of_the_new_one() {
    let lines = 2_000_000;
    let (fleet, dirs) = with_log(lines);
    let url = fleet.url("/logs?hostname=secondary-1&filename=app.log");
    let mut child =
        Command::new("curl").args(["-sS", "--max-time", "60", &url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut body = vec![0; 1 << 20];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut body).unwrap();
    logrotate(dirs[0].path(), "create 0644 root root");
    std::fs::write(dirs[0].path().join("app.log"), "the first line after it\n").unwrap();
    out.read_to_end(&mut body).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(numbered(0..lines).lines().rev().eq(std::str::from_utf8(&body).unwrap().lines()));
    let (_, text) = curl(&["--fail", &url]);
    assert_eq!(text, "the first line after it\n");
    let (_, old) = curl(&["--fail", &fleet.url("/logs?hostname=secondary-1&filename=app.log.1&n=1")]);
    assert_eq!(old, numbered(lines - 1..lines));
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_that_is_cut_to_nothing_in_the_middle_never_looks_complete() {
    let (fleet, dirs) = with_log(2_000_000);
    let url = fleet.url("/logs?hostname=secondary-1&filename=app.log");
    let ndjson = ["-sS", "--max-time", "60", "-H", "Accept: application/x-ndjson", &url];
    let mut child =
        Command::new("curl").args(ndjson).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut body = vec![0; 1 << 20];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut body).unwrap();
    logrotate(dirs[0].path(), "copytruncate");
    out.read_to_end(&mut body).unwrap();
    let answer = Answer::read(child.wait().unwrap().code(), body);
    assert_eq!(answer.status(), "failed", "{}", answer.shown());
    assert_eq!(answer.end["error"]["code"], "file_shrunk", "{}", answer.shown());
    assert_eq!(answer.code, Some(18));
    assert!(answer.records.len() < 2_000_000);
}
