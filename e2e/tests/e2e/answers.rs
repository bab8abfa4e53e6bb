//! The answers of a fleet.

use crate::support::{Sample, body, curl, tac_grep_head};
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

#[test]
fn the_newest_20_matching_lines_are_those_of_tac_grep_and_head() {
    let sample = Sample::start();
    for host in ["secondary-1", "secondary-2", "secondary-3"] {
        for (file, keyword, n) in
            [("alternatives.log", "updated", 20), ("app.log", "ERROR", 7), ("dpkg.log", " git:", 500)]
        {
            let target =
                format!("/logs?hostname={host}&filename={file}&keyword={}&n={n}", keyword.replace(' ', "+"));
            let answer = body(&sample.url(&target));
            assert!(!answer.is_empty());
            assert!(answer == tac_grep_head(&sample.log(host, file), keyword, n), "{host} {file}");
        }
    }
}

#[test]
fn a_whole_log_is_what_tac_says_and_each_host_has_its_own() {
    let sample = Sample::start();
    let answers: Vec<Vec<u8>> = ["secondary-1", "secondary-2", "secondary-3"]
        .into_iter()
        .map(|host| {
            let answer = body(&sample.url(&format!("/logs?hostname={host}&filename=app.log")));
            assert!(answer == tac_grep_head(&sample.log(host, "app.log"), "", usize::MAX >> 1), "{host}");
            answer
        })
        .collect();
    assert!(answers[0] != answers[1] && answers[1] != answers[2]);
}

#[test]
fn a_log_that_grows_shows_its_newest_line() {
    let sample = Sample::start();
    let mut log =
        std::fs::OpenOptions::new().append(true).open(sample.log("secondary-1", "app.log")).unwrap();
    for count in 0..50 {
        writeln!(log, "grown line {count}").unwrap();
        let newest = body(&sample.url("/logs?hostname=secondary-1&filename=app.log&n=1"));
        assert_eq!(String::from_utf8(newest).unwrap(), format!("grown line {count}\n"));
    }
}

#[test]
fn a_log_read_while_it_grows_is_what_it_was_when_it_was_opened() {
    let sample = Sample::start();
    let path = sample.log("secondary-2", "app.log");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for count in (0..).take_while(|_| !stop.load(Relaxed)) {
                backscroll_samples::append_now(path.parent().unwrap(), "secondary-2", count).unwrap();
            }
        });
        // The writer is told to stop also if an assertion fails, since the scope waits for it.
        let _stopped = StopOnDrop(&stop);
        for _ in 0..20 {
            let before = std::fs::metadata(&path).unwrap().len();
            let dump = body(&sample.url("/logs?hostname=secondary-2&filename=app.log"));
            let now = std::fs::read(&path).unwrap();
            let mut lines: Vec<&[u8]> = dump.split_inclusive(|b| *b == b'\n').collect();
            lines.reverse();
            let forwards = lines.concat();
            // The newest line may have been read before it was completely written.
            let shown = forwards.strip_suffix(b"\n").unwrap();
            assert!(shown.len() as u64 + 1 >= before && now.starts_with(shown));
        }
    });
}

struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

#[test]
fn ndjson_ends_with_one_verdict_that_names_the_host() {
    let sample = Sample::start();
    let url = sample.url("/logs?hostname=secondary-3&filename=dpkg.log&keyword=openssl&n=3");
    let output = curl(&["-H", "Accept: application/x-ndjson", &url]);
    let text = String::from_utf8(output.stdout).unwrap();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 4);
    assert_eq!(objects[0]["host"], "secondary-3");
    assert!(objects[0]["time"].is_string());
    let end = &objects[3]["end"];
    assert_eq!((&end["status"], &end["lines"]), (&"complete".into(), &3.into()));
    assert_eq!(end["hosts"]["secondary-3"]["status"], "complete");
}

#[test]
fn the_verdict_comes_as_trailers_through_both() {
    let sample = Sample::start();
    let url = sample.url("/logs?hostname=secondary-2&filename=app.log&keyword=ERROR&n=3");
    // `-i` shows header fields when they arrive, and trailers arrive last.
    let output = curl(&["-i", "-H", "TE: trailers", &url]);
    assert!(output.status.success());
    let seen = String::from_utf8(output.stdout).unwrap().to_ascii_lowercase();
    let body = seen.split_once("\r\n\r\n").unwrap().1;
    assert!(body.contains("\nlog-status: complete\r\n") && body.contains("\nlog-lines: 3\r\n"), "{seen}");
}

#[test]
fn a_secondarys_own_statuses_pass_through_unchanged() {
    let sample = Sample::start();
    for (target, args, status, code) in [
        ("/logs?hostname=secondary-1&filename=none.log", &[][..], "404", "not_found"),
        ("/logs?hostname=secondary-1&filename=../x", &[], "400", "bad_parameter"),
        ("/logs?hostname=secondary-1&filename=app.log&n=-1", &[], "400", "bad_parameter"),
        ("/logs?hostname=secondary-1&filename=app.log&colour=x", &[], "400", "unknown_parameter"),
        ("/logs?hostname=secondary-1&filename=app.log&regex=%28", &[], "400", "bad_pattern"),
        (
            "/logs?hostname=secondary-1&filename=app.log",
            &["-H", "Accept: image/png"],
            "406",
            "not_acceptable",
        ),
        ("/logs?hostname=secondary-9&filename=app.log", &[], "404", "unknown_host"),
        ("/logs?hostname=127.0.0.1&filename=app.log", &[], "404", "unknown_host"),
        ("/logs?hostname=secondary-1&hostname=nobody&filename=app.log", &[], "404", "unknown_host"),
        ("/logs?hostname=tertiary-*&filename=app.log", &[], "404", "unknown_host"),
        ("/logs?filename=none.log", &[], "404", "not_found"),
        ("/nowhere", &[], "404", "no_route"),
        ("/logs", &["-X", "DELETE"], "405", "method_not_allowed"),
    ] {
        let url = sample.url(target);
        let output = curl(&[&["-w", "%{http_code}", &url], args].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        let (problem, seen) = text.split_at(text.len() - 3);
        let problem: serde_json::Value = serde_json::from_str(problem).unwrap();
        assert_eq!((seen, problem["code"].as_str().unwrap()), (status, code), "{target}");
        assert!(!problem.to_string().contains(sample.dir.path().to_str().unwrap()), "{problem}");
    }
}

#[test]
fn the_other_endpoints_answer_through_both() {
    let sample = Sample::start();
    let text = |target: &str| String::from_utf8(body(&sample.url(target))).unwrap();
    let files = text("/files?hostname=secondary-2");
    let names: Vec<&str> = files.lines().map(|line| line.rsplit('\t').next().unwrap()).collect();
    assert_eq!(names, ["alternatives.log", "app.log", "dpkg.log"]);
    assert_eq!(text("/files?hostname=secondary-2&glob=a*.log").lines().count(), 2);
    let hosts = text("/hosts");
    assert_eq!(hosts.lines().filter(|line| line.contains("\tready\t")).count(), 3, "{hosts}");
    assert_eq!(text("/healthz"), "ok\n");
    assert!(text("/readyz").contains("\"ready\":true"));
    assert!(text("/").contains("curl"));
    let head = curl(&["-I", &sample.url("/logs?hostname=secondary-2&filename=app.log")]);
    assert!(head.stdout.starts_with(b"HTTP/1.1 200"));
}
