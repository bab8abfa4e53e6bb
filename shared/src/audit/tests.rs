#![expect(clippy::disallowed_methods, reason = "a test's own thread may block")]

use super::*;
use crate::conn::exchange::{Ending, Recorder, Recorders};
use crate::wire::code::Code;
use crate::wire::verdict::{Status, Verdict};
use http::{Method, Request, Response, StatusCode};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn begin(audit: &Audit) -> Ending {
    begin_with(audit, Method::GET, "/logs")
}

fn begin_with(audit: &Audit, method: Method, endpoint: &'static str) -> Ending {
    let recorder: Arc<dyn Recorder> = Arc::new(audit.clone());
    let mut request = Request::new(());
    *request.method_mut() = method;
    Ending::begin(
        &Recorders::from_iter([recorder]),
        &request,
        endpoint,
        Some("10.0.0.9:4711".parse().unwrap()),
    )
}

#[test]
fn a_line_says_who_asked_what_of_whom_with_which_outcome() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path).unwrap();
    let ending = begin(&audit);
    ending.exchange().note(|noted| {
        noted.caller = Some("ci".to_owned());
        noted.hostnames = vec!["web*".to_owned()];
        noted.filename = Some(b"app.log".to_vec());
        noted.real_filename = Some(b"real.log".to_vec());
        (noted.filters.regexes, noted.filters.ignore_case) = (2, true);
        (noted.has_range, noted.has_cursor) = (true, true);
    });
    ending.exchange().note_hosts(["web1", "web2"].into_iter());
    ending.answered(&mut Response::new(()));
    let verdict = Verdict { lines: 3, ..Verdict::failed(Code::IoError, "disk".to_owned()) };
    ending.exchange().note_verdict(&Verdict { status: Status::Partial, ..verdict });
    drop(ending);
    // One that is refused, and one whose client left before it was answered.
    let refused = begin(&audit);
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::UNAUTHORIZED;
    answer.extensions_mut().insert(Code::Unauthorized);
    refused.exchange().note(|noted| noted.filename = Some(b"\xff".to_vec()));
    refused.answered(&mut answer);
    drop(refused);
    drop(begin(&audit));
    audit.finish();
    let lines = lines(&path);
    let first = &lines[0];
    assert!(first["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert!(first["duration_ms"].is_u64());
    for (key, expected) in [
        ("method", serde_json::json!("GET")),
        ("endpoint", "/logs".into()),
        ("caller", "ci".into()),
        ("client", "10.0.0.9:4711".into()),
        ("hostnames", serde_json::json!(["web*"])),
        ("filename", "app.log".into()),
        ("real_filename", "real.log".into()),
        ("regexes", 2.into()),
        ("ignore_case", true.into()),
        ("time_range", true.into()),
        ("cursor", true.into()),
        ("hosts", serde_json::json!(["web1", "web2"])),
        ("hosts_asked", 2.into()),
        ("status", 200.into()),
        ("code", "io_error".into()),
        ("verdict", "partial".into()),
        ("lines", 3.into()),
        ("whole", false.into()),
    ] {
        assert_eq!(first[key], expected, "{key}");
    }
    for key in ["regexes", "excludes", "time_range"] {
        assert!(lines[1].get(key).is_none(), "{key} is not asked for");
    }
    assert_eq!((&lines[1]["status"], &lines[1]["code"]), (&401.into(), &"unauthorized".into()));
    assert_eq!((&lines[1]["caller"], &lines[1]["filename_base64"]), (&().into(), &"/w==".into()));
    assert_eq!((&lines[2]["status"], lines.len()), (&().into(), 3));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE_OF_FILES);
}

const MODE_OF_FILES: u32 = 0o600;

#[test]
fn a_file_that_is_moved_away_is_made_anew_and_an_old_one_is_appended_to() {
    let dir = tempfile::tempdir().unwrap();
    let (path, old) = (dir.path().join("audit"), dir.path().join("audit.1"));
    fs::write(&path, "{\"old\":1}\n").unwrap();
    let mut file = AuditFile::open(&path).unwrap();
    file.line("{\"n\":1}\n").unwrap();
    fs::rename(&path, &old).unwrap();
    file.line("{\"n\":2}\n").unwrap();
    file.look();
    file.line("{\"n\":3}\n").unwrap();
    file.look();
    file.line("{\"n\":4}\n").unwrap();
    assert_eq!((lines(&old).len(), lines(&path).len()), (3, 2));
}

#[test]
fn a_line_that_a_killed_run_left_unfinished_spoils_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    fs::write(&path, "{\"time\":\"2026-11-26T1").unwrap();
    let audit = Audit::open(&path).unwrap();
    drop(begin(&audit));
    audit.finish();
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(serde_json::from_str::<serde_json::Value>(lines[1]).is_ok(), "{text}");
}

#[test]
fn what_a_client_sends_makes_no_line_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path).unwrap();
    let ending = begin_with(&audit, Method::from_bytes(&vec![b'X'; 50_000]).unwrap(), "/logs");
    let names: Vec<String> = (0..1000).map(|number| format!("{number}{}", "\u{1}é".repeat(400))).collect();
    ending.exchange().note_hostnames(&names);
    drop(ending);
    audit.finish();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() < 100_000, "{}", text.len());
    assert_eq!(lines(&path)[0]["method"], "other");
}

#[test]
fn what_is_no_file_to_write_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("none/audit")] {
        let why = Audit::open(&path).unwrap_err().to_string();
        assert!(why.starts_with("--audit-file /") && why.ends_with("may write to"), "{why}");
    }
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(Audit::open(&pipe).is_err());
}

/// A disk that can be full, and that can hang.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_full: bool,
    lines: Vec<String>,
}

impl Output for Disk {
    fn line(&mut self, line: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.is_full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.lines.push(line.to_owned());
        Ok(())
    }

    fn look(&mut self) {}
}

/// The lines, and what those about losses say in all.
fn counted(disk: &Disk) -> (u64, u64) {
    let (mut requests, mut lost) = (0, 0);
    for line in &disk.0.lock().unwrap().lines {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        match line["lost"].as_u64() {
            Some(count) => lost += count,
            None => requests += 1,
        }
    }
    (requests, lost)
}

#[test]
fn lines_that_a_full_disk_does_not_take_are_counted() {
    let disk = Disk::default();
    let audit = Audit::start(disk.clone(), 8).unwrap();
    disk.0.lock().unwrap().is_full = true;
    for _ in 0..5 {
        drop(begin(&audit));
    }
    audit.finish();
    assert_eq!(counted(&disk), (0, 0));
    disk.0.lock().unwrap().is_full = false;
    drop(begin(&audit));
    audit.finish();
    assert_eq!(counted(&disk), (1, 5));
    assert!(disk.0.lock().unwrap().lines[0].contains("\"lost\":5"), "the loss comes where it happened");
}

#[test]
fn lines_that_find_the_queue_full_are_counted_and_nobody_waits() {
    let disk = Disk::default();
    let audit = Audit::start(disk.clone(), 8).unwrap();
    {
        // While this is held, the disk hangs.
        let _hung = disk.0.lock().unwrap();
        for _ in 0..100 {
            drop(begin(&audit));
        }
    }
    audit.finish();
    audit.finish();
    let (requests, lost) = counted(&disk);
    assert!(requests + lost == 100 && lost >= 90, "{requests} {lost}");
}

#[test]
fn who_asks_how_the_server_is_leaves_no_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit");
    let audit = Audit::open(&path).unwrap();
    for endpoint in ["/healthz", "/readyz", "/metrics", "/files"] {
        drop(begin_with(&audit, Method::GET, endpoint));
    }
    audit.finish();
    assert_eq!(lines(&path).len(), 1);
}
