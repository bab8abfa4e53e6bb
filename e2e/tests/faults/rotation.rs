//! F2, F8: the real logrotate, while a writer writes and clients read.

use crate::support::{curl, primary, run, secondary, seconds, skipped};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// What is written in `/etc/logrotate.d`, and whether the file under its name is emptied in place.
const CONFIGURATIONS: [(&str, &str, bool); 4] = [
    ("create", "create 0644", false),
    ("copytruncate", "copytruncate", true),
    ("compress, delaycompress", "create 0644\n  compress\n  delaycompress", false),
    (
        "dateext, olddir",
        "create 0644\n  dateext\n  dateformat -%Y%m%d-%s\n  olddir old\n  createolddir 0755",
        false,
    ),
];

const CLIENTS: usize = 4;

/// Writes numbered lines, as a program that opens its log again once the file has been moved away.
fn write_on(log: &Path, is_over: &AtomicBool) {
    let open = || OpenOptions::new().append(true).create(true).open(log).unwrap();
    let inode = |file: &File| file.metadata().unwrap().ino();
    let (mut file, mut number) = (open(), 0_u64);
    while !is_over.load(Relaxed) {
        let text: String = (number..number + 4000).map(|number| numbered(number) + "\n").collect();
        file.write_all(text.as_bytes()).unwrap();
        number += 4000;
        std::thread::sleep(Duration::from_millis(40));
        if std::fs::metadata(log).map(|new| new.ino()).ok() != Some(inode(&file)) {
            file = open();
        }
    }
}

fn numbered(number: u64) -> String {
    format!("2026-11-25T10:00:00Z number={number:09} {}", "x".repeat(40))
}

/// The number of a line that was written like this.
fn number(line: &str) -> Option<u64> {
    let number = line.split("number=").nth(1)?.split(' ').next()?.parse().ok()?;
    (line == numbered(number)).then_some(number)
}

#[derive(Debug, Default)]
struct Seen {
    whole: AtomicUsize,
    cut: AtomicUsize,
    /// There was no file of this name at that moment.
    absent: AtomicUsize,
    wrong: Mutex<Vec<String>>,
}

/// Asks for the whole file, reads slowly, and checks that each line follows the one before it.
fn read_once(address: SocketAddr, of: &str, seen: &Seen) {
    let got = curl(address, &format!("/logs?filename=app.log{of}"), &["--limit-rate", "8M"]);
    match (got.exit, got.status) {
        (0, 200) => &seen.whole,
        (18, 200) => &seen.cut,
        (0, 404 | 502) => {
            seen.absent.fetch_add(1, Relaxed);
            return;
        }
        // Found out before the first byte.
        (0, 500) if got.text().contains("truncated while it was read") => &seen.cut,
        other => return seen.wrong.lock().unwrap().push(format!("{other:?}: {}", got.text())),
    }
    .fetch_add(1, Relaxed);
    if got.status != 200 {
        return;
    }
    let mut text = got.text();
    if got.exit == 18 {
        // What comes last of an answer that is cut may be a part of a line.
        text = text.rfind('\n').map_or("", |at| &text[..=at]);
    }
    // The newest line may have been read while it was written.
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let numbers: Vec<Option<u64>> = lines.iter().map(|line| number(line)).collect();
    for (at, pair) in numbers.windows(2).enumerate() {
        if pair[0].is_none() || pair[1].is_none() || pair[0] != pair[1].map(|older| older + 1) {
            let around = &lines[at..at + 2];
            let wrong = format!("exit {}, line {at} of {}: {pair:?} {around:?}", got.exit, lines.len());
            return seen.wrong.lock().unwrap().push(wrong);
        }
    }
}

/// F2 with the real logrotate: four configurations, each rotated many times under a writer and four
/// clients, through a secondary and a primary. An answer that ends properly has each line once and
/// no gap. Only an answer from a file that is emptied in place may be cut.
#[test]
#[ignore = "needs logrotate: run by .ci/faults"]
fn f2_with_the_real_logrotate_each_answer_is_whole_or_says_that_it_is_not() {
    if let Err(why) = run(&["logrotate", "--version"]) {
        return skipped(&why);
    }
    for (name, rules, is_emptied) in CONFIGURATIONS {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        let log = logs.join("app.log");
        std::fs::write(&log, b"").unwrap();
        let configuration = dir.path().join("logrotate.conf");
        let text = format!("{} {{\n  {rules}\n  rotate 3\n  missingok\n  size 1\n}}\n", log.display());
        std::fs::write(&configuration, text).unwrap();
        let host = secondary(&logs, "s1", &[]);
        let primary = primary(&[("s1", host.listen)], &[]);
        let until = Instant::now() + seconds(6, 60);
        let (is_over, seen) = (AtomicBool::new(false), Seen::default());
        let mut rotations = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| write_on(&log, &is_over));
            for client in 0..CLIENTS {
                let (address, of) =
                    if client % 2 == 0 { (host.listen, "") } else { (primary.listen, "&hostname=s1") };
                let seen = &seen;
                scope.spawn(move || {
                    while Instant::now() < until {
                        read_once(address, of, seen);
                    }
                });
            }
            let state = dir.path().join("state");
            while Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1100));
                let rotated = run(&[
                    "logrotate",
                    "--force",
                    "--state",
                    state.to_str().unwrap(),
                    configuration.to_str().unwrap(),
                ]);
                match rotated {
                    Ok(_) => rotations += 1,
                    Err(why) => seen.wrong.lock().unwrap().push(why),
                }
            }
            is_over.store(true, Relaxed);
        });
        eprintln!("F2, {name}: {rotations} rotations, {seen:?}");
        assert!(seen.wrong.lock().unwrap().is_empty(), "{name}: {seen:?}");
        assert!(rotations > 2 && seen.whole.load(Relaxed) > 0, "{name}: {rotations} {seen:?}");
        assert!(is_emptied || seen.cut.load(Relaxed) == 0, "{name}: {seen:?}");
    }
}

/// The real logrotate leaves members under names that the notice knows: one in plain, one compressed.
#[test]
#[ignore = "needs logrotate: run by .ci/faults"]
fn members_that_the_real_logrotate_leaves_are_told_beside_the_verdict() {
    if let Err(why) = run(&["logrotate", "--version"]) {
        return skipped(&why);
    }
    for (name, rules) in [
        ("numbers", "create 0644\n  compress\n  delaycompress"),
        ("dateext", "create 0644\n  dateext\n  dateformat -%Y%m%d-%s\n  compress\n  delaycompress"),
        ("extension", "create 0644\n  extension .log\n  compress\n  delaycompress"),
        ("copytruncate", "copytruncate"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        let log = logs.join("app.log");
        let configuration = dir.path().join("logrotate.conf");
        let text = format!("{} {{\n  {rules}\n  rotate 5\n}}\n", log.display());
        std::fs::write(&configuration, text).unwrap();
        let (state, of) = (dir.path().join("state"), configuration.to_str().unwrap().to_owned());
        let host = secondary(&logs, "s1", &[]);
        for rotations in 0..4_u64 {
            std::fs::write(&log, "a line\n").unwrap();
            let got = curl(host.listen, "/logs?filename=app.log", &["-H", "Accept: application/x-ndjson"]);
            let end = got.end();
            let found = end["notices"][0]["count"].as_u64().unwrap_or(0);
            assert_eq!(found, rotations, "{name}: {end}");
            // A date that is made of seconds has to be another one.
            std::thread::sleep(Duration::from_millis(1100));
            run(&["logrotate", "--force", "--state", state.to_str().unwrap(), &of]).unwrap();
        }
    }
}
