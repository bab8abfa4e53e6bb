//! Several hosts in one answer, against an oracle that reads every file whole.

use crate::support::{curl, tac_grep_head};
use backscroll_benches::fleet::{Fleet, Member};
use std::cmp::Reverse;
use std::fmt::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

const HOSTS: usize = 4;
const WORDS: [&str; 3] = ["alpha", "beta", "gamma"];

struct Fleets {
    fleet: Fleet,
    dir: TempDir,
}

impl Fleets {
    fn start() -> Fleets {
        let dir = tempfile::tempdir().unwrap();
        let members: Vec<Member> = (0..HOSTS)
            .map(|number| {
                let (name, log_dir) = (host(number), dir.path().join(host(number)));
                std::fs::create_dir(&log_dir).unwrap();
                // Of a host without any log nobody knows whether its volume is missing.
                std::fs::write(log_dir.join("other.log"), "another one\n").unwrap();
                Member { name, log_dir, port: 0 }
            })
            .collect();
        Fleets { fleet: Fleet::start("127.0.0.1:0".parse().unwrap(), &members).unwrap(), dir }
    }

    fn path(&self, host_number: usize, file: &str) -> PathBuf {
        self.dir.path().join(host(host_number)).join(file)
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.fleet.primary)
    }
}

fn host(number: usize) -> String {
    format!("host-{number}")
}

/// A line and the time, in milliseconds, that it carries.
struct Line {
    text: String,
    at: Option<i64>,
}

/// A log whose times mostly go up, as it grows, with lines that carry none, alone and in runs
/// that no block holds.
fn log(random: &mut fastrand::Rng) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 1_700_000_000_000 + random.i64(0..2000);
    let count = if random.u8(0..4) == 0 { random.usize(0..3000) } else { random.usize(0..40) };
    let timeless = random.u8(0..10) == 0;
    while lines.len() < count {
        let word = WORDS[random.usize(0..WORDS.len())];
        if timeless || random.u8(0..6) == 0 {
            let run = if random.u8(0..30) == 0 { random.usize(200..1500) } else { random.usize(1..4) };
            lines.extend((0..run).map(|n| Line { text: format!("\tat {word} frame {n}"), at: None }));
            continue;
        }
        at += if random.u8(0..20) == 0 { -random.i64(0..500) } else { random.i64(0..300) };
        let time = jiff::Timestamp::from_millisecond(at).unwrap();
        lines.push(Line { text: format!("{time:.3} {word} {}", random.u32(..)), at: Some(at) });
    }
    lines
}

/// What the fleet has to say: the matching lines, each by its own time or that of the nearest
/// older line, each host's in its own order.
fn oracle(logs: &[Option<Vec<Line>>], keyword: &str, n: usize) -> String {
    let mut streams: Vec<Vec<(i64, &str)>> = Vec::new();
    for log in logs {
        let mut known = None;
        let mut matching: Vec<(Option<i64>, &str)> = Vec::new();
        for line in log.iter().flatten() {
            known = line.at.or(known);
            if line.text.contains(keyword) {
                matching.push((known, &line.text));
            }
        }
        let mut last = None::<i64>;
        let keyed = matching.into_iter().rev().map(|(key, text)| {
            last = key.map(|key| last.map_or(key, |last| last.min(key))).or(last);
            (last.unwrap_or(i64::MIN), text)
        });
        streams.push(keyed.collect());
    }
    let mut next = vec![0; streams.len()];
    let mut out = String::new();
    for _ in 0..n {
        let heads = (0..streams.len()).filter(|stream| next[*stream] < streams[*stream].len());
        let Some(newest) = heads.max_by_key(|stream| (streams[*stream][next[*stream]].0, Reverse(*stream)))
        else {
            break;
        };
        writeln!(out, "{}\t{}", host(newest), streams[newest][next[newest]].1).unwrap();
        next[newest] += 1;
    }
    out
}

#[test]
fn the_newest_of_the_fleet_are_those_of_all_its_logs_read_whole() {
    let fleets = Fleets::start();
    let first = fastrand::u64(..);
    for seed in first..first + 120 {
        let mut random = fastrand::Rng::with_seed(seed);
        let file = format!("{seed}.log");
        let logs: Vec<Option<Vec<Line>>> =
            (0..HOSTS).map(|_| (random.u8(0..6) > 0).then(|| log(&mut random))).collect();
        for (number, log) in logs.iter().enumerate() {
            if let Some(log) = log {
                let mut text = String::new();
                for line in log {
                    writeln!(text, "{}", line.text).unwrap();
                }
                std::fs::write(fleets.path(number, &file), text).unwrap();
            }
        }
        for (keyword, n) in
            [("", 7), ("", usize::MAX), ("beta", 20), ("at gamma", usize::MAX), ("absent", 5), (" alpha ", 1)]
        {
            let count = if n == usize::MAX { String::new() } else { format!("&n={n}") };
            let target = format!("/logs?filename={file}&keyword={}{count}", keyword.replace(' ', "+"));
            let got = curl(&["-w", "%{http_code}", &fleets.url(&target)]);
            let expected = if logs.iter().all(Option::is_none) {
                assert!(got.stdout.ends_with(b"404"), "seed {seed}: {target}");
                continue;
            } else {
                format!("{}200", oracle(&logs, keyword, n))
            };
            assert!(got.status.success(), "seed {seed}: {target}");
            let got = String::from_utf8(got.stdout).unwrap();
            assert!(got == expected, "seed {seed}: {target}\n{}", difference(&got, &expected));
        }
        for number in 0..HOSTS {
            // One that was never there is no matter.
            let _ = std::fs::remove_file(fleets.path(number, &file));
        }
    }
}

fn difference(got: &str, expected: &str) -> String {
    let at = got.lines().zip(expected.lines()).position(|(got, expected)| got != expected);
    let at = at.unwrap_or(got.lines().count().min(expected.lines().count()));
    let near = |text: &str| text.lines().skip(at.saturating_sub(1)).take(3).collect::<Vec<_>>().join("\n");
    format!("at line {at}, got\n{}\nexpected\n{}", near(got), near(expected))
}

#[test]
fn a_host_whose_newest_lines_carry_no_time_is_not_forgotten() {
    let fleets = Fleets::start();
    let mut dump = String::from("2024-11-25T12:00:00Z stuck\n");
    for number in 0..12_000 {
        writeln!(dump, "\tat some.thread.of.many(Frame{number:06})").unwrap();
    }
    assert!(dump.len() > 400_000);
    std::fs::write(fleets.path(0, "a.log"), dump).unwrap();
    std::fs::write(fleets.path(1, "a.log"), "2024-11-20T12:00:00Z older\n".repeat(9)).unwrap();
    let got = curl(&[&fleets.url("/logs?filename=a.log&n=2")]).stdout;
    let expected =
        "host-0\t\tat some.thread.of.many(Frame011999)\nhost-0\t\tat some.thread.of.many(Frame011998)\n";
    assert_eq!(String::from_utf8(got).unwrap(), expected);
}

#[test]
fn records_of_several_lines_and_of_any_bytes_are_merged_too() {
    let fleets = Fleets::start();
    std::fs::write(fleets.path(0, "a.log"), b"1700000001 x\n\tat \xff\x00\n1700000005 y\r\n").unwrap();
    std::fs::write(fleets.path(1, "a.log"), b"1700000003 x\n\tat z\n1700000004 y").unwrap();
    let got = curl(&[&fleets.url("/logs?filename=a.log&keyword=x%0A%09at")]);
    let expected = b"host-1\t1700000003 x\nhost-1\t\tat z\nhost-0\t1700000001 x\nhost-0\t\tat \xff\x00\n";
    assert_eq!(got.stdout, expected);
    let got = curl(&["-H", "Accept: application/x-ndjson", &fleets.url("/logs?filename=a.log&n=3")]);
    let objects: Vec<serde_json::Value> = got
        .stdout
        .split_inclusive(|b| *b == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(objects[0]["line"], "1700000005 y\r");
    assert_eq!((&objects[1]["host"], &objects[1]["offset"]), (&"host-1".into(), &19.into()));
    assert_eq!(objects[1]["time"], "2023-11-14T22:13:24Z");
    assert_eq!(objects[2]["line"], "\tat z");
    assert!(objects[2].get("time").is_none(), "it has an older line's");
    let end = &objects[3]["end"];
    assert_eq!((&end["status"], &end["lines"]), (&"complete".into(), &3.into()));
    assert_eq!(end["hosts"]["host-0"]["lines"], 1);
    assert_eq!(end["hosts"]["host-2"]["status"], "not_found");
}

#[test]
fn one_host_by_a_pattern_has_its_name_on_each_line_and_by_its_name_has_not() {
    let fleets = Fleets::start();
    std::fs::write(fleets.path(2, "a.log"), "one\ntwo\n").unwrap();
    let bare = curl(&[&fleets.url("/logs?filename=a.log&hostname=host-2")]).stdout;
    assert_eq!(bare, tac_grep_head(&fleets.path(2, "a.log"), "", 9));
    for pattern in ["host-%3F", "*2", "host-2&hostname=host-2", "*"] {
        let got = curl(&[&fleets.url(&format!("/logs?filename=a.log&hostname={pattern}"))]).stdout;
        assert_eq!(String::from_utf8(got).unwrap(), "host-2\ttwo\nhost-2\tone\n", "{pattern}");
    }
}
