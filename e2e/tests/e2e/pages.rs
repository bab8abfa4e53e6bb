//! Page after page of a fleet, while its files grow and are renamed.

use crate::support::curl;
use backscroll_e2e::fleet::{Fleet, Member};
use serde_json::Value;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

const HOSTS: usize = 3;

struct Hosts {
    fleet: Fleet,
    dir: TempDir,
    /// The time of the next line, in milliseconds since 1970.
    now: i64,
}

impl Hosts {
    fn start() -> Hosts {
        let dir = tempfile::tempdir().unwrap();
        let member = |number: usize| {
            let name = format!("host-{number}");
            let log_dir = dir.path().join(&name);
            fs::create_dir(&log_dir).unwrap();
            Member { name, log_dir, port: 0 }
        };
        let members: Vec<Member> = (0..HOSTS).map(member).collect();
        let fleet = Fleet::start("127.0.0.1:0".parse().unwrap(), &members).unwrap();
        Hosts { fleet, dir, now: 1_700_000_000_000 }
    }

    fn path(&self, host: usize, file: &str) -> PathBuf {
        self.dir.path().join(format!("host-{host}")).join(file)
    }

    /// Appends so many lines to the file, each on a random host.
    fn grow(&mut self, random: &mut fastrand::Rng, file: &str, lines: usize) {
        for _ in 0..lines {
            self.now += random.i64(1..900);
            let time = jiff::Timestamp::from_millisecond(self.now).unwrap();
            let path = self.path(random.usize(0..HOSTS), file);
            let mut log = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(log, "{time:.3} {} {}", random.choice(["alpha", "beta"]).unwrap(), random.u32(..))
                .unwrap();
        }
    }

    /// Another file takes the name of this one on some hosts.
    fn rotate(&self, random: &mut fastrand::Rng, file: &str) {
        for host in (0..HOSTS).filter(|_| random.bool()) {
            let older = self.path(host, &format!("{file}.1"));
            if !older.exists() && fs::rename(self.path(host, file), older).is_ok() {
                fs::write(self.path(host, file), "").unwrap();
            }
        }
    }

    fn get(&self, target: &str) -> (i32, String) {
        let url = format!("http://{}{target}", self.fleet.primary);
        let got = curl(&["-H", "Accept: application/x-ndjson", &url]);
        (got.status.code().unwrap(), String::from_utf8(got.stdout).unwrap())
    }

    /// The records of a page, and its verdict.
    fn page(&self, target: &str) -> (Vec<Value>, Value) {
        let (_, text) = self.get(target);
        let mut objects: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let mut last = objects.pop().unwrap_or_else(|| panic!("{target}: nothing"));
        assert_eq!(last["end"]["status"], "complete", "{target}: {last}");
        (objects, last["end"].take())
    }
}

fn word(end: &Value, which: &str) -> Option<String> {
    end.get(which).map(|word| word.as_str().unwrap().to_owned())
}

#[test]
fn page_after_page_is_the_whole_answer_while_files_grow_and_are_renamed() {
    let mut hosts = Hosts::start();
    let first = fastrand::u64(..);
    for seed in first..first + 24 {
        let mut random = fastrand::Rng::with_seed(seed);
        let file = format!("{seed}.log");
        for host in 0..HOSTS {
            fs::write(hosts.path(host, &file), "").unwrap();
        }
        let lines = random.usize(0..120);
        hosts.grow(&mut random, &file, lines);
        let filter = if random.bool() { "" } else { "&keyword=beta" };
        let target = format!("/logs?filename={file}{filter}");
        let (whole, _) = hosts.page(&target);
        let (mut all, end) = hosts.page(&format!("{target}&n={}", random.usize(1..30)));
        let (mut older, newer) = (word(&end, "older"), word(&end, "newer").unwrap());
        let from = hosts.now;
        while let Some(cursor) = older {
            match random.u8(0..4) {
                0 => {
                    let lines = random.usize(0..30);
                    hosts.grow(&mut random, &file, lines);
                }
                1 => hosts.rotate(&mut random, &file),
                _ => {}
            }
            let (records, end) = hosts.page(&format!("{target}&n={}&cursor={cursor}", random.usize(1..30)));
            all.extend(records);
            older = word(&end, "older");
        }
        assert!(all == whole, "seed {seed}: {} records on pages, and {} in all", all.len(), whole.len());
        // What has come since, also in files that have another name now, comes once.
        let (mut since, mut cursor) = (Vec::new(), newer);
        loop {
            let (records, end) = hosts.page(&format!("{target}&cursor={cursor}"));
            since.extend(records);
            cursor = word(&end, "newer").unwrap();
            if end["more"] != true {
                break;
            }
        }
        let mut expected = Vec::new();
        for host in 0..HOSTS {
            for name in [&format!("{file}.1"), &file] {
                let text = fs::read_to_string(hosts.path(host, name)).unwrap_or_default();
                expected.extend(text.lines().map(str::to_owned));
            }
        }
        let is_new = |line: &String| {
            let time: jiff::Timestamp = line.split(' ').next().unwrap().parse().unwrap();
            time.as_millisecond() > from && (filter.is_empty() || line.contains("beta"))
        };
        expected.retain(is_new);
        let mut got: Vec<String> =
            since.iter().map(|record| record["line"].as_str().unwrap().to_owned()).collect();
        // A line of the same millisecond may be on either side; none here is.
        got.sort();
        expected.sort();
        assert_eq!(got, expected, "seed {seed}");
    }
}

#[test]
fn a_cursor_of_a_fleet_that_was_tampered_with_reads_no_other_file() {
    let mut hosts = Hosts::start();
    let mut random = fastrand::Rng::with_seed(7);
    hosts.grow(&mut random, "app.log", 60);
    for host in 0..HOSTS {
        fs::write(hosts.path(host, "secret.log"), "2023-11-14T22:13:20.000Z a secret\n").unwrap();
    }
    let (_, end) = hosts.page("/logs?filename=app.log&n=20");
    let cursor = word(&end, "older").unwrap();
    for at in 0..cursor.len() {
        let mut bytes = cursor.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'w' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        let (_, text) = hosts.get(&format!("/logs?filename=app.log&n=20&cursor={tampered}"));
        assert!(!text.contains("secret"), "{at}: {text}");
        assert!(text.contains("\"end\"") || text.contains("\"code\""), "{at}: {text}");
    }
    assert_eq!(hosts.page(&format!("/logs?filename=app.log&cursor={cursor}")).0.len(), 40);
}
