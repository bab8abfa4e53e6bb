//! FIFOs, sockets and devices. A request for one must not open it, because opening alone has an
//! effect: it releases a writer that waits at a FIFO, whose write then kills it.

use crate::support::{Server, sleep};
use backscroll_secondary::Io;
use rustix::fs::{CWD, FileType, RenameFlags, inotify, makedev, mknodat, renameat_with};
use rustix::io::Errno;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const BOTH: [Io; 2] = [Io::Uring, Io::Threads];

/// Sees each time that a file is opened, even if it was renamed. Opening it with `O_PATH` does not
/// count.
struct Openings(OwnedFd);

impl Openings {
    fn of(path: &Path) -> Openings {
        let seen = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK).unwrap();
        inotify::add_watch(&seen, path, inotify::WatchFlags::OPEN).unwrap();
        Openings(seen)
    }

    fn is_any(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        match inotify::Reader::new(&self.0, &mut buffer).next() {
            Ok(_) => true,
            Err(Errno::AGAIN) => false,
            Err(errno) => panic!("{errno}"),
        }
    }
}

/// Makes one of each kind below `dir`. Returns which ones it made: making devices needs rights.
fn make_special(dir: &Path) -> Vec<&'static str> {
    let mut made = vec!["socket"];
    drop(UnixListener::bind(dir.join("socket")).unwrap());
    for (name, kind) in
        [("fifo", FileType::Fifo), ("char", FileType::CharacterDevice), ("block", FileType::BlockDevice)]
    {
        match mknodat(CWD, dir.join(name), kind, 0o644.into(), makedev(1, 3)) {
            Ok(()) => made.push(name),
            Err(errno) => assert_eq!(errno, Errno::PERM, "{name}"),
        }
    }
    made
}

/// F9: four kinds × three clients × two methods, a hundred times.
#[test]
fn no_fifo_socket_or_device_is_opened_whoever_asks() {
    for io in BOTH {
        let server = Server::start(io);
        server.write("app.log", b"line\n");
        let made = make_special(server.dir.path());
        for name in made {
            let openings = Openings::of(&server.dir.path().join(name));
            for _ in 0..100 {
                for headers in ["", "accept: application/x-ndjson\r\n", "backscroll-relay: web1\r\n"] {
                    for method in ["GET", "HEAD"] {
                        let answer = server.request(method, &format!("/logs?filename={name}"), headers);
                        assert_eq!(answer.status, 404, "{name} {method} {headers}");
                    }
                }
            }
            assert!(server.get(&format!("/logs?filename={name}/x")).status == 404);
            assert_eq!(server.get("/files").text().lines().count(), 1);
            assert_eq!(server.get("/readyz").status, 200);
            assert!(!openings.is_any(), "{name} was opened");
        }
        // First check that the watch sees a file that is opened.
        let openings = Openings::of(&server.dir.path().join("app.log"));
        assert_eq!(server.get("/logs?filename=app.log").body, b"line\n");
        assert!(openings.is_any());
    }
}

/// F9.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own thread may block")]
fn a_writer_that_waits_at_a_fifo_goes_on_waiting() {
    for io in BOTH {
        let server = Server::start(io);
        server.write("app.log", b"line\n");
        let fifo = server.dir.path().join("fifo");
        mknodat(CWD, &fifo, FileType::Fifo, 0o644.into(), 0).unwrap();
        let path = fifo.clone();
        let writer = std::thread::spawn(move || {
            // Opening waits for a reader.
            std::fs::OpenOptions::new().write(true).open(path).unwrap()
        });
        for _ in 0..100 {
            assert_eq!(server.get("/logs?filename=fifo").status, 404);
            assert!(!writer.is_finished());
        }
        let reader = std::thread::spawn(move || std::fs::OpenOptions::new().read(true).open(fifo).unwrap());
        writer.join().unwrap();
        reader.join().unwrap();
    }
}

#[test]
fn a_fifo_that_takes_a_files_place_at_full_speed_is_never_opened() {
    for io in BOTH {
        let server = Server::start(io);
        server.write("app.log", b"line\n");
        let dir = server.dir.path().to_owned();
        mknodat(CWD, dir.join("fifo"), FileType::Fifo, 0o644.into(), 0).unwrap();
        let openings = Openings::of(&dir.join("fifo"));
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let exchanger = std::thread::spawn(move || {
            while !stopped.load(Relaxed) {
                let (one, other) = (dir.join("app.log"), dir.join("fifo"));
                renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut served, mut refused) = (0, 0);
        let until = Instant::now() + Duration::from_secs(2);
        while Instant::now() < until || served == 0 || refused == 0 {
            match server.get("/logs?filename=app.log").status {
                200 => served += 1,
                404 => refused += 1,
                other => panic!("{other}"),
            }
            assert!(until.elapsed() < Duration::from_secs(30), "{served} served, {refused} refused");
        }
        stop.store(true, Relaxed);
        exchanger.join().unwrap();
        sleep(Duration::from_millis(1));
        assert!(!openings.is_any(), "{served} served, {refused} refused");
    }
}

#[test]
fn a_404_says_why_and_what_to_do_and_nothing_of_what_is_outside() {
    let server = Server::start(Io::Uring);
    let dir = server.dir.path();
    server.write("app.log", b"line\n");
    server.write("sub/app.log", b"line\n");
    server.write(".git/x", b"x");
    make_special(dir);
    let outside = tempfile::tempdir().unwrap();
    let links = [
        ("in", "app.log"),
        ("out", outside.path().to_str().unwrap()),
        ("nowhere", "/none/at/all"),
        ("loop", "loop"),
    ];
    for (name, to) in links {
        std::os::unix::fs::symlink(to, dir.join(name)).unwrap();
    }
    let detail = |name: &str| {
        let answer = server.get(&format!("/logs?filename={name}"));
        assert_eq!((answer.status, answer.code().as_str()), (404, "not_found"), "{name}");
        let text = answer.text().to_owned();
        assert!(text.contains("GET /files"), "{name}: {text}");
        assert!(!text.contains(outside.path().to_str().unwrap()) && !text.contains("/none"), "{text}");
        text.replace(&format!("\\\"{name}\\\""), "NAME")
    };
    let link = detail("in");
    assert!(link.contains("symlinks are not followed") && link.contains("--extra-log-dir"), "{link}");
    for name in ["out", "nowhere", "loop", "out/x", "nowhere/x"] {
        assert_eq!(detail(name), link, "wherever it leads");
    }
    assert!(detail("sub").contains("is a directory"));
    assert!(detail("none").contains("there is no log file"));
    for name in ["fifo", "socket"] {
        assert!(detail(name).contains("only regular files"), "{name}");
    }
    let hidden = detail(".git/x");
    assert!(hidden.contains("hidden"), "{hidden}");
    assert_eq!(detail(".git/y"), hidden, "whether it is there or not");
}
