#![expect(clippy::disallowed_methods, reason = "a test's own thread may block")]

use super::*;
use std::cell::Cell;
use std::fs;
use tempfile::TempDir;

const BOUNDS: Bounds = Bounds { bytes: 10, files: 3 };

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn read(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

#[test]
fn each_day_has_a_file_and_so_has_what_does_not_fit_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let now = Cell::new(at("2026-11-26T23:59:59.999Z"));
    let mut files = LogFiles::open(dir.path(), "p", BOUNDS, || now.get()).unwrap();
    files.write_all(b"12345\n").unwrap();
    files.write_all(b"678\n").unwrap();
    files.write_all(b"9\n").unwrap();
    assert_eq!(names(&dir), ["p.2026-11-26.1.log", "p.2026-11-26.log"]);
    assert_eq!(read(&dir, "p.2026-11-26.log"), "12345\n678\n");
    assert_eq!(read(&dir, "p.2026-11-26.1.log"), "9\n");
    now.set(at("2026-11-27T00:00:00Z"));
    files.write_all(b"longer than a file\n").unwrap();
    assert_eq!(read(&dir, "p.2026-11-27.log"), "longer than a file\n");
    // The clock is set back: today's file stays.
    now.set(at("2026-11-26T12:00:00Z"));
    files.write_all(b"b\n").unwrap();
    assert_eq!(read(&dir, "p.2026-11-27.1.log"), "b\n");
    assert_eq!(names(&dir), ["p.2026-11-26.1.log", "p.2026-11-27.1.log", "p.2026-11-27.log"]);
}

#[test]
fn only_the_oldest_of_its_own_files_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let others = [
        "p.2020-01-01.log.gz",
        "p.2020-01-01.txt",
        "p.2020-13-01.log",
        "p.2020-01-01.01.log",
        "p.2020-01-01.0.log",
        "p.2020-01-01.x.log",
        "pp.2020-01-01.log",
        "q.2020-01-01.log",
        "p.log",
    ];
    let old = ["p.2020-01-01.log", "p.2020-01-01.2.log", "p.2020-01-01.10.log"];
    for name in others.iter().chain(&old) {
        fs::write(dir.path().join(name), "old\n").unwrap();
    }
    let now = Cell::new(at("2026-11-26T12:00:00Z"));
    let mut files = LogFiles::open(dir.path(), "p", BOUNDS, || now.get()).unwrap();
    let mut expected: Vec<&str> = others.to_vec();
    expected.extend(["p.2020-01-01.2.log", "p.2020-01-01.10.log", "p.2026-11-26.log"]);
    expected.sort_unstable();
    assert_eq!(names(&dir), expected);
    now.set(at("2026-11-28T12:00:00Z"));
    files.write_all(b"a\n").unwrap();
    assert!(!names(&dir).contains(&"p.2020-01-01.2.log".to_owned()));
    assert!(names(&dir).contains(&"p.2020-01-01.10.log".to_owned()));
}

#[test]
fn a_file_of_a_later_day_costs_no_file_of_today() {
    let dir = tempfile::tempdir().unwrap();
    for day in 1..=9 {
        fs::write(dir.path().join(format!("p.2030-01-0{day}.log")), "later\n").unwrap();
    }
    let mut files = LogFiles::open(dir.path(), "p", BOUNDS, || at("2026-11-26T12:00:00Z")).unwrap();
    files.write_all(b"a\n").unwrap();
    assert_eq!(read(&dir, "p.2026-11-26.log"), "a\n");
    assert_eq!(names(&dir).len(), 10);
}

#[test]
fn a_pipe_is_not_written_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("p.2026-11-26.log");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let opened = LogFiles::open(dir.path(), "p", BOUNDS, || at("2026-11-26T12:00:00Z"));
    assert!(opened.is_err(), "a pipe");
}

#[test]
fn a_new_run_goes_on_with_the_last_file_of_today_and_ends_its_last_line() {
    let dir = tempfile::tempdir().unwrap();
    let now = || at("2026-11-26T12:00:00Z");
    fs::write(dir.path().join("p.2026-11-26.log"), "12345\n").unwrap();
    fs::write(dir.path().join("p.2026-11-26.1.log"), "cut").unwrap();
    let mut files = LogFiles::open(dir.path(), "p", BOUNDS, now).unwrap();
    files.write_all(b"next\n").unwrap();
    files.write_all(b"more\n").unwrap();
    drop(files);
    assert_eq!(read(&dir, "p.2026-11-26.1.log"), "cut\nnext\n");
    assert_eq!(read(&dir, "p.2026-11-26.2.log"), "more\n");
    assert_eq!(read(&dir, "p.2026-11-26.log"), "12345\n");
}

#[test]
fn a_file_that_cannot_be_made_costs_no_line_that_fits_in_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let now = Cell::new(at("2026-11-26T12:00:00Z"));
    let mut files = LogFiles::open(dir.path(), "p", BOUNDS, || now.get()).unwrap();
    files.write_all(b"a\n").unwrap();
    // A directory has the name of tomorrow's file.
    fs::create_dir(dir.path().join("p.2026-11-27.log")).unwrap();
    now.set(at("2026-11-27T12:00:00Z"));
    files.write_all(b"b\n").unwrap();
    assert_eq!(read(&dir, "p.2026-11-26.log"), "a\nb\n");
    assert!(files.write_all(b"0123456789\n").is_err());
    fs::remove_dir(dir.path().join("p.2026-11-27.log")).unwrap();
    files.write_all(b"c\n").unwrap();
    assert_eq!(read(&dir, "p.2026-11-27.log"), "c\n");
}
