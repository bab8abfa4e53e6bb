//! Sample logs that differ between runs only in their times: `alternatives.log`, `dpkg.log` and
//! `app.log` for each host, and one large file for measurements.
//!
//! The program `backscroll-samples` writes them to directories and lets `app.log` grow, for the
//! fleet of `docker-compose.yml`.

#![forbid(unsafe_code)]

use jiff::civil::{DateTime, datetime};
use jiff::{SignedDuration, Zoned};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// The number of lines in each host's logs, together about 4 MiB.
const ALTERNATIVES_LINES: u64 = 6_000;
const DPKG_LINES: u64 = 20_000;
const APP_LINES: u64 = 20_000;

const GROUPS: &[&str] = &["editor", "pager", "awk", "vi", "c++", "cc", "nc", "rsh", "python3", "java"];
const PACKAGES: &[&str] =
    &["man-db", "libc-bin", "curl", "openssl", "vim-common", "nginx", "tzdata", "rsync", "git", "zlib1g"];
const ROUTES: &[&str] = &["/", "/login", "/api/v1/items", "/api/v1/orders", "/health", "/static/app.js"];

/// Pseudo-random numbers that are the same in each run (Marsaglia's xorshift, 2003).
#[derive(Debug)]
struct Numbers(u64);

impl Numbers {
    /// The numbers for the large file. The speed of the scan was measured with these.
    fn of_file(name: &str) -> Numbers {
        Numbers(Numbers::hash(name) | 1)
    }

    fn hash(name: &str) -> u64 {
        name.bytes().fold(0x9e37_79b9_7f4a_7c15, |n, b| n.rotate_left(7) ^ u64::from(b))
    }

    /// The numbers for a host's lines from this line on. Those of neighbouring lines are unrelated
    /// (the finalizer of `SplitMix64`, Steele and others 2014).
    fn of_line(host: &str, count: u64) -> Numbers {
        let mut n = Numbers::hash(host).wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Numbers((n ^ (n >> 31)) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let count = choices.len() as u64;
        choices[usize::try_from(self.below(count)).expect("as many as the choices")]
    }
}

/// The days that sample logs cover, give or take some hours.
pub const DAYS: i64 = 14;

/// How often each `app.log` grows by one line in the demo and in containers.
pub const GROWTH: Duration = Duration::from_millis(250);

/// The time at which sample logs have to start so that they end about now.
pub fn recent_start() -> DateTime {
    Zoned::now().datetime() - SignedDuration::from_hours(24 * (DAYS + 1))
}

/// Writes a host's sample logs to `dir`: about [`DAYS`] days, from `start` on.
pub fn write_logs(dir: &Path, host: &str, start: DateTime) -> io::Result<()> {
    let mut numbers = Numbers::of_line(host, 0);
    write_lines(
        &dir.join("alternatives.log"),
        start,
        ALTERNATIVES_LINES,
        400,
        &mut numbers,
        alternatives_line,
    )?;
    write_lines(&dir.join("dpkg.log"), start, DPKG_LINES, 120, &mut numbers, dpkg_line)?;
    let mut count = 0;
    write_lines(&dir.join("app.log"), start, APP_LINES, 120, &mut numbers, |at, n| {
        count += 1;
        counted(&app_line(host, at, n), count)
    })
}

/// Writes a file of at least `bytes` bytes in lines of about 100, none of which holds
/// [`ABSENT`].
pub fn write_large(path: &Path, bytes: u64) -> io::Result<()> {
    let mut numbers = Numbers::of_file("large");
    let mut at = datetime(2026, 11, 1, 0, 0, 0, 0);
    // Only one mebibyte is made, and repeated, since only the search is measured.
    let mut chunk = Vec::new();
    while chunk.len() < 1 << 20 {
        at += SignedDuration::from_millis(250);
        chunk.extend_from_slice(app_line("large", at, &mut numbers).as_bytes());
    }
    let mut file = create(path)?;
    let mut written = 0;
    while written < bytes {
        file.write_all(&chunk)?;
        written += chunk.len() as u64;
    }
    file.flush()
}

/// A keyword that is in no sample log.
pub const ABSENT: &str = "no-line-holds-this";

/// Appends one line with the current time to `app.log` in `dir`. `count` goes on from the lines
/// before.
#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
pub fn append_now(dir: &Path, host: &str, count: u64) -> io::Result<()> {
    let request = APP_LINES + 1 + count;
    let mut numbers = Numbers::of_line(host, request);
    let line = counted(&app_line(host, Zoned::now().datetime(), &mut numbers), request);
    OpenOptions::new().append(true).create(true).open(dir.join("app.log"))?.write_all(line.as_bytes())
}

/// The size of an `app.log` above which [`rotate`] begins a new one: about two days of growth.
const ROTATE_BYTES: u64 = 64 << 20;

/// Begins a new `app.log` in `dir` if the old one is large, and keeps that as `app.log.1`.
pub fn rotate(dir: &Path) -> io::Result<()> {
    rotate_past(dir, ROTATE_BYTES)
}

#[expect(clippy::disallowed_methods, reason = "no ring thread comes here")]
fn rotate_past(dir: &Path, bytes: u64) -> io::Result<()> {
    let log = dir.join("app.log");
    if std::fs::metadata(&log)?.len() > bytes {
        std::fs::rename(&log, dir.join("app.log.1"))?;
    }
    Ok(())
}

fn create(path: &Path) -> io::Result<BufWriter<File>> {
    Ok(BufWriter::with_capacity(1 << 20, File::create(path)?))
}

fn write_lines(
    path: &Path,
    start: DateTime,
    lines: u64,
    max_step_seconds: u64,
    numbers: &mut Numbers,
    mut line: impl FnMut(DateTime, &mut Numbers) -> String,
) -> io::Result<()> {
    let mut file = create(path)?;
    let mut at = start;
    for _ in 0..lines {
        at += SignedDuration::from_secs(i64::try_from(numbers.below(max_step_seconds)).unwrap_or(0));
        file.write_all(line(at, numbers).as_bytes())?;
    }
    file.flush()
}

fn stamp(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

fn alternatives_line(at: DateTime, numbers: &mut Numbers) -> String {
    let group = numbers.of(GROUPS);
    let version = numbers.below(20);
    match numbers.below(3) {
        0 => format!(
            "update-alternatives {}: run with --install /usr/bin/{group} {group} /usr/bin/{group}-{version} {version}0\n",
            stamp(at)
        ),
        _ => format!(
            "update-alternatives {}: link group {group} updated to point to /usr/bin/{group}-{version}\n",
            stamp(at)
        ),
    }
}

fn dpkg_line(at: DateTime, numbers: &mut Numbers) -> String {
    let package = numbers.of(PACKAGES);
    let state =
        numbers.of(&["unpacked", "half-configured", "half-installed", "installed", "triggers-pending"]);
    format!("{} status {state} {package}:amd64 1.{}.{}-1\n", stamp(at), numbers.below(30), numbers.below(10))
}

fn app_line(host: &str, at: DateTime, numbers: &mut Numbers) -> String {
    let level = if numbers.below(50) == 0 { "ERROR" } else { "INFO" };
    let status = if level == "ERROR" { 500 } else { 200 };
    format!(
        "{}.{:03} {level} {host} worker-{} GET {} status={status} bytes={} took={}ms\n",
        stamp(at),
        at.millisecond(),
        numbers.below(16),
        numbers.of(ROUTES),
        numbers.below(90_000),
        numbers.below(400)
    )
}

/// A line with the number of its request, so that no two lines of a host are the same. A repeated
/// line would look like a mistake of the merge.
fn counted(line: &str, request: u64) -> String {
    format!("{} request={request}\n", line.trim_end())
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
mod tests {
    use super::*;

    fn logs(host: &str) -> Vec<Vec<u8>> {
        let dir = tempfile::tempdir().unwrap();
        write_logs(dir.path(), host, datetime(2026, 11, 1, 0, 0, 0, 0)).unwrap();
        ["alternatives.log", "app.log", "dpkg.log"]
            .map(|name| std::fs::read(dir.path().join(name)).unwrap())
            .into()
    }

    #[test]
    fn sample_logs_are_the_same_at_every_run_and_differ_between_hosts() {
        let (one, again) = (logs("secondary-1"), logs("secondary-1"));
        assert!(one == again);
        let text = |log: &[u8], host: &str| String::from_utf8(log.to_vec()).unwrap().replace(host, "HOST");
        let (two, three) = (logs("secondary-2"), logs("secondary-3"));
        for (at, log) in one.iter().enumerate() {
            let texts =
                [text(log, "secondary-1"), text(&two[at], "secondary-2"), text(&three[at], "secondary-3")];
            assert!(texts[0] != texts[1] && texts[1] != texts[2] && texts[0] != texts[2]);
        }
        let bytes: usize = one.iter().map(Vec::len).sum();
        assert!((3 << 20..5 << 20).contains(&bytes), "{bytes}");
    }

    #[test]
    fn lines_that_are_appended_are_in_order_and_no_two_look_alike() {
        let dir = tempfile::tempdir().unwrap();
        write_logs(dir.path(), "secondary-1", recent_start()).unwrap();
        for count in 0..2000 {
            append_now(dir.path(), "secondary-1", count).unwrap();
        }
        let log = std::fs::read_to_string(dir.path().join("app.log")).unwrap();
        let lines: Vec<&str> = log.lines().collect();
        assert!(lines.is_sorted_by_key(|line| &line[..23]), "their times are in order");
        let requests: Vec<u64> =
            lines.iter().map(|line| line.rsplit_once("request=").unwrap().1.parse().unwrap()).collect();
        assert!(requests.is_sorted_by(|a, b| a < b));
        // The text between the time and the number is as varied as in the old lines.
        let messages = |lines: &[&str]| {
            let texts = lines.iter().map(|line| line[24..].rsplit_once(" request=").unwrap().0);
            texts.collect::<std::collections::HashSet<_>>().len()
        };
        let (old, new) = lines.split_at(lines.len() - 2000);
        assert_eq!(messages(&old[..2000]), 2000);
        assert_eq!(messages(new), 2000);
    }

    #[test]
    fn a_large_app_log_is_kept_under_another_name_and_begun_anew() {
        let dir = tempfile::tempdir().unwrap();
        append_now(dir.path(), "secondary-1", 0).unwrap();
        rotate_past(dir.path(), 1 << 10).unwrap();
        assert!(!dir.path().join("app.log.1").exists());
        rotate_past(dir.path(), 10).unwrap();
        append_now(dir.path(), "secondary-1", 1).unwrap();
        let [old, new] = ["app.log.1", "app.log"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
        assert!(!old.is_empty() && !new.is_empty() && old != new);
    }

    #[test]
    fn the_large_log_has_the_size_asked_for_and_lines_of_about_100_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.log");
        write_large(&path, 3 << 20).unwrap();
        let log = std::fs::read(&path).unwrap();
        assert!((3 << 20..4 << 20).contains(&log.len()));
        let lines = log.split(|b| *b == b'\n').count();
        assert!((80..=120).contains(&(log.len() / lines)), "{}", log.len() / lines);
        assert!(!String::from_utf8(log).unwrap().contains(ABSENT));
    }
}
