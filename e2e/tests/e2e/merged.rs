//! Several hosts in one answer, compared with an oracle that reads each file as a whole.

use crate::support::{curl, tac_grep_head};
use backscroll_e2e::fleet::{Fleet, Member};
use std::cmp::Reverse;
use std::collections::HashSet;
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
                // If a host has no log at all, it is not known whether its volume is missing.
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

/// A line, and the time in milliseconds at which it was written.
struct Line {
    text: String,
    written: i64,
    /// The line does not carry the time at which it was written, so its place in a merge is not
    /// certain.
    is_odd: bool,
}

/// Writes a growing log. Some lines have no time, singly and in runs longer than a block. Some have
/// odd times, singly and in runs: too old, too new, or from a clock that is not set.
fn log(random: &mut fastrand::Rng) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut now = 1_700_000_000_000 + random.i64(0..2000);
    let count = if random.u8(0..4) == 0 { random.usize(0..3000) } else { random.usize(0..40) };
    let timeless = random.u8(0..10) == 0;
    // Whether a line is odd shows only from the lines around it.
    let has_odd = random.bool();
    let mut normal = 0;
    while lines.len() < count {
        let word = WORDS[random.usize(0..WORDS.len())];
        if timeless || random.u8(0..6) == 0 {
            let run = if random.u8(0..30) == 0 { random.usize(200..1500) } else { random.usize(1..4) };
            // They get the time of the nearest older line, and are as uncertain.
            let (written, is_odd) =
                lines.last().map_or((i64::MIN, false), |line| (line.written, line.is_odd));
            let id = random.u32(..);
            let text = |n| format!("\tat {word} frame {n} of {id}");
            lines.extend((0..run).map(|n| Line { text: text(n), written, is_odd }));
            continue;
        }
        if has_odd && normal > 24 && random.u8(0..30) == 0 {
            normal = 0;
            let by = [-1500i64, -5000, -90_000, -7_200_000, -1_699_000_000_000, 1500, 90_000, 86_400_000];
            let by = by[random.usize(0..by.len())];
            // No run lasts longer than its times are wrong by.
            let run = match by {
                -1_699_000_000_000 => random.usize(1..400),
                by if by.abs() > 60_000 => random.usize(1..4),
                _ => 1,
            };
            for _ in 0..run {
                now += random.i64(1..150);
                let time = jiff::Timestamp::from_millisecond(now + by).unwrap();
                let text = format!("{time:.3} {word} odd {}", random.u32(..));
                lines.push(Line { text, written: now, is_odd: true });
            }
            continue;
        }
        normal += 1;
        now += random.i64(0..300);
        let time = jiff::Timestamp::from_millisecond(now).unwrap();
        let text = format!("{time:.3} {word} {}", random.u32(..));
        lines.push(Line { text, written: now, is_odd: false });
    }
    // An odd line at the very end or beginning has too few neighbours to be recognised.
    if let Some(last) = lines.iter().rposition(|line| !line.is_odd && line.written > i64::MIN) {
        lines.truncate(last + 1);
    }
    lines
}

/// The expected answer of the fleet: the matching lines, newest first by the time at which they
/// were written, with each host's lines in their own order. The times in the lines are not used.
fn oracle(logs: &[Option<Vec<Line>>], keyword: &str) -> Vec<(String, bool)> {
    let mut all: Vec<(i64, Reverse<usize>, usize, &Line)> = Vec::new();
    for (host, log) in logs.iter().enumerate() {
        let mut last = i64::MIN;
        for (place, line) in log.as_deref().unwrap_or_default().iter().enumerate().rev() {
            if line.text.contains(keyword) {
                // A line before all lines with a time keeps the time of the last record.
                last = if line.written == i64::MIN { last } else { line.written };
                all.push((last, Reverse(host), place, line));
            }
        }
    }
    all.sort_by_key(|(written, host, place, _)| Reverse((*written, *host, *place)));
    let told = |(_, Reverse(number), _, line): (_, _, _, &Line)| {
        (format!("{}\t{}", host(number), line.text), line.is_odd)
    };
    all.into_iter().map(told).collect()
}

/// How an answer differs from the expected one, if it does. Lines with odd times may have another
/// place among the lines of other hosts; they must not move other lines.
fn flaw(got: &str, expected: &[(String, bool)], n: usize) -> Option<String> {
    let odd: HashSet<&str> =
        expected.iter().filter(|(_, is_odd)| *is_odd).map(|(line, _)| line.as_str()).collect();
    let lines: Vec<&str> = got.lines().collect();
    if lines.len() != expected.len().min(n) {
        return Some(format!("{} lines, and not {}", lines.len(), expected.len().min(n)));
    }
    let normal: Vec<&str> = lines.iter().copied().filter(|line| !odd.contains(line)).collect();
    let wanted = expected.iter().filter(|(_, is_odd)| !is_odd).map(|(line, _)| line.as_str());
    let wanted: Vec<&str> = wanted.take(normal.len()).collect();
    if let Some(at) = (0..normal.len()).find(|at| normal[*at] != wanted[*at]) {
        let near = |lines: &[&str]| {
            lines.iter().skip(at.saturating_sub(2)).take(6).copied().collect::<Vec<_>>().join("\n")
        };
        return Some(format!(
            "of lines that are not odd, got\n{}\nand not\n{}",
            near(&normal),
            near(&wanted)
        ));
    }
    // The lines of each host are its newest, in their own order.
    for number in 0..HOSTS {
        let prefix = format!("{}\t", host(number));
        let of_host = lines.iter().filter(|line| line.starts_with(&prefix));
        let all = expected.iter().map(|(line, _)| line.as_str()).filter(|line| line.starts_with(&prefix));
        if let Some(at) = of_host.zip(all).position(|(got, wanted)| *got != wanted) {
            return Some(format!("line {at} of {prefix} differs"));
        }
    }
    None
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
            let got = String::from_utf8(got.stdout).unwrap();
            if logs.iter().all(Option::is_none) {
                assert!(got.ends_with("404"), "seed {seed}: {target}");
                continue;
            }
            let got = got.strip_suffix("200").unwrap_or_else(|| panic!("seed {seed}: {target}: {got}"));
            let expected = oracle(&logs, keyword);
            if let Some(flaw) = flaw(got, &expected, n) {
                panic!("seed {seed}: {target}: {flaw}");
            }
        }
        for number in 0..HOSTS {
            // A file that never existed is no failure.
            let _ = std::fs::remove_file(fleets.path(number, &file));
        }
    }
}

/// F10.
#[test]
fn one_odd_time_hides_no_host() {
    let fleets = Fleets::start();
    let odd = "2026-11-25 10:00:01Z before\n2026-11-25 10:00:03Z before\n1970-01-01 00:00:10Z starts\n1970-01-01 00:00:12Z starts\n2026-11-25 10:00:09Z set\n2026-11-25 10:00:11Z on\n";
    std::fs::write(fleets.path(0, "a.log"), odd).unwrap();
    let even: String = (0..6).fold(String::new(), |mut text, n| {
        writeln!(text, "2026-11-25 10:00:{:02}Z b", 2 * n).unwrap();
        text
    });
    std::fs::write(fleets.path(1, "a.log"), even).unwrap();
    let got = curl(&["-H", "Accept: application/x-ndjson", &fleets.url("/logs?filename=a.log")]);
    let objects: Vec<serde_json::Value> = got
        .stdout
        .split_inclusive(|b| *b == b'\n')
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    let (end, records) = objects.split_last().unwrap();
    let order: String = records.iter().map(|record| &record["host"].as_str().unwrap()[5..]).collect();
    assert_eq!(order, "010111000101");
    assert_eq!(
        records[6]["time"], "1970-01-01T00:00:12.000000000Z",
        "a record tells the time that it carries"
    );
    // From the last line before the restart to the first line after it.
    assert_eq!(end["end"]["disorder_ms"], 1_795_600_793_000_u64 + 10_000 - 10_000, "{end}");
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
    assert_eq!(objects[1]["time"], "2023-11-14T22:13:24.000000000Z");
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
    // A host that is named twice is still asked as one host.
    let twice = curl(&[&fleets.url("/logs?filename=a.log&hostname=host-2&hostname=host-2")]).stdout;
    assert_eq!(twice, bare);
    for pattern in ["host-%3F", "*2", "*"] {
        let got = curl(&[&fleets.url(&format!("/logs?filename=a.log&hostname={pattern}"))]).stdout;
        assert_eq!(String::from_utf8(got).unwrap(), "host-2\ttwo\nhost-2\tone\n", "{pattern}");
    }
}
