//! Tests that nothing outside the log directory is ever read.

use crate::process::Process;
use crate::support::{Server, ask, find, write};
use backscroll_secondary::Io;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const CANARY: &[u8] = b"canary-outside-of-the-log-directory";

/// P2: what a name can be.
#[test]
fn whatever_is_no_plain_file_does_not_exist() {
    let server = Server::start(Io::Uring);
    let dir = server.dir.path();
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("secret"), CANARY);
    server.write("app.log", b"line\n");
    server.write("sub/app.log", b"line\n");
    server.write(".hidden", CANARY);
    server.write(".dir/app.log", CANARY);
    symlink(outside.path().join("secret"), dir.join("out")).unwrap();
    symlink("app.log", dir.join("in")).unwrap();
    symlink("loop", dir.join("loop")).unwrap();
    symlink(outside.path(), dir.join("dir-out")).unwrap();
    symlink("/proc/self/root", dir.join("magic")).unwrap();
    for (name, kind) in
        [("fifo", rustix::fs::FileType::Fifo), ("null", rustix::fs::FileType::CharacterDevice)]
    {
        let device = rustix::fs::makedev(1, 3);
        rustix::fs::mknodat(rustix::fs::CWD, dir.join(name), kind, 0o644.into(), device)
            .or_else(|errno| if errno == rustix::io::Errno::PERM { Ok(()) } else { Err(errno) })
            .unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(dir.join("socket")).unwrap();
    let long = "n".repeat(256);
    let names = [
        "sub",
        "fifo",
        "socket",
        "null",
        "out",
        "in",
        "loop",
        "dir-out/secret",
        "dir-out",
        "magic/etc/passwd",
        ".hidden",
        ".dir/app.log",
        "sub/.x",
        "app.log/x",
        "none",
        "%FF",
        "sub%5Capp.log",
        &long,
        "app.log%20",
        "APP.LOG",
        "%C0%AE%C0%AE/x",
        "...",
        "~root",
        "a%C2%85b",
    ];
    for name in names {
        let response = server.get(&format!("/logs?filename={name}"));
        assert_eq!((response.status, response.code().as_str()), (404, "not_found"), "{name}");
    }
    for name in ["app.log/", "sub/", "/app.log", "sub//app.log"] {
        let response = server.get(&format!("/logs?filename={name}"));
        assert_eq!((response.status, response.code().as_str()), (400, "bad_parameter"), "{name}");
    }
    server.write("sub/\u{fc} b", b"odd\n");
    assert_eq!(server.get("/logs?filename=sub/%C3%BC+b").body, b"odd\n");
}

/// How many paths are made for P1. Each is asked for as it stands, escaped, and escaped twice.
const PATHS: usize = 6_700;

/// P1: paths that lead out, however they are written, against the real program.
#[test]
fn no_generated_path_leads_out() {
    let around = tempfile::tempdir().unwrap();
    let (inside, dir, extra) = ("logs", around.path().join("logs"), around.path().join("other"));
    write(&extra.join("app.log"), b"line\n");
    write(&dir.join("app.log"), b"line\n");
    write(&dir.join("sub/app.log"), b"line\n");
    write(&around.path().join(format!("{inside}-canary")), CANARY);
    let mut command = Process::command();
    command.arg("--log-dir").arg(&dir).arg("--extra-log-dir").arg(format!("extra={}", extra.display()));
    let program = Process::start(&mut command);
    let (address, _) = program.serving();
    let part = prop_oneof![
        3 => prop::sample::select(vec!["..", ".", "", "sub", "extra", "app.log", "etc", "passwd", "proc", "self", "root"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["%2e%2e", "%252e%252e", "..%2f", "%c0%ae%c0%ae", "..;", "..\\", "%00", "..%00", "%0a", "\u{2025}", "....//", "%ef%bc%8e%ef%bc%8e", "~", "C:", "file:"]).prop_map(str::to_owned),
        1 => Just(format!("{inside}-canary")),
        1 => "[^&#+% \r\n\t\u{0}]{0,4}",
    ];
    let paths = (
        prop::collection::vec(part, 1..9),
        prop::sample::select(vec!["/", "//", "%2f", "%252f", "\\", "%5c"]),
        any::<bool>(),
    )
        .prop_map(|(parts, separator, absolute)| {
            format!("{}{}", if absolute { "/" } else { "" }, parts.join(separator))
        });
    let mut runner = TestRunner::deterministic();
    let mut resident = 0;
    for round in 0..PATHS {
        let path = paths.new_tree(&mut runner).unwrap().current();
        for path in [path.clone(), escaped(&path), escaped(&escaped(&path))] {
            let target: String =
                format!("/logs?filename={path}").bytes().fold(String::new(), |mut out, b| {
                    if b.is_ascii_graphic() {
                        out.push(char::from(b));
                    } else {
                        write!(out, "%{b:02X}").unwrap();
                    }
                    out
                });
            let response = ask(address, &target);
            assert!(response.status < 500, "{target}: {}", response.status);
            assert!(
                find(&response.body, CANARY).is_none() && find(&response.body, b"root:").is_none(),
                "{target}"
            );
            if response.status == 200 {
                assert_eq!(response.body, b"line\n", "{target}");
            }
        }
        if round == PATHS / 10 {
            resident = program.resident();
        }
    }
    let grown = program.resident().saturating_sub(resident);
    assert!(grown < 8 << 20, "{grown} bytes more than after a tenth of the paths");
}

fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        write!(out, "%{b:02X}").unwrap();
        out
    })
}

/// P3. It runs for 3 s, and for 60 s with `BACKSCROLL_FAULTS=long`.
#[test]
fn a_file_exchanged_with_a_symlink_at_full_speed_never_leads_out() {
    let server = Server::start(Io::Uring);
    let outside = tempfile::tempdir().unwrap();
    write(&outside.path().join("app.log"), CANARY);
    server.write("a/app.log", b"line\n");
    symlink(outside.path(), server.dir.path().join("b")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let (dir, stopped) = (server.dir.path().to_owned(), Arc::clone(&stop));
    let exchanger = std::thread::spawn(move || {
        while !stopped.load(Relaxed) {
            let flags = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(rustix::fs::CWD, dir.join("a"), rustix::fs::CWD, dir.join("b"), flags)
                .unwrap();
        }
    });
    let (mut served, mut refused) = (0, 0);
    let is_long = std::env::var("BACKSCROLL_FAULTS").is_ok_and(|value| value == "long");
    let until = Instant::now() + Duration::from_secs(if is_long { 60 } else { 3 });
    while Instant::now() < until || served == 0 || refused == 0 {
        let response = server.get("/logs?filename=a/app.log");
        assert!(find(&response.body, CANARY).is_none());
        match response.status {
            200 => served += 1,
            404 => refused += 1,
            other => panic!("{other}"),
        }
        assert!(until.elapsed() < Duration::from_secs(30), "{served} served, {refused} refused");
    }
    stop.store(true, Relaxed);
    exchanger.join().unwrap();
}
