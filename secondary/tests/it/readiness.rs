//! Log directories that cannot be served at first: the program says why, and serves them without a
//! restart as soon as it can.

use crate::process::Process;
use crate::support::{Response, Server, ask, raw, write};
use backscroll_secondary::config::ExtraLogDir;
use backscroll_secondary::run::RunError;
use backscroll_secondary::{Config, Io, run};
use std::fs::{Permissions, set_permissions};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A user and a group without rights. For root, permissions do not count.
const NOBODY: u32 = 65534;

fn allow(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Log directories, and a program whose rights depend only on their modes.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        allow(dir.path(), 0o755);
        write(&dir.path().join("logs/app.log"), b"line\n");
        write(&dir.path().join("more/more.log"), b"more\n");
        Place { dir }
    }

    fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    fn more(&self) -> PathBuf {
        self.dir.path().join("more")
    }

    /// A command that starts the program as a user for whom permissions count. If the test runs as
    /// root, that is [`NOBODY`]. The program is then copied, because that user may have no access to
    /// its directory.
    fn command(&self) -> Command {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_backscroll-secondary"));
        let mut command = if rustix::process::geteuid().is_root() {
            let copy = self.dir.path().join("program");
            if !copy.exists() {
                // Copied by another process. If this process had the copy open for writing, a
                // program that another test starts meanwhile could inherit the descriptor, and the
                // copy could not be run.
                let copied = Command::new("cp").arg(program).arg(&copy).status().unwrap();
                assert!(copied.success());
                allow(&copy, 0o755);
            }
            let mut command = Command::new(copy);
            command.uid(NOBODY).gid(NOBODY).current_dir(self.dir.path());
            command
        } else {
            Command::new(program)
        };
        command.args(["--listen", "127.0.0.1:0", "--io", "threads", "--log-dir"]).arg(self.logs());
        command
    }

    fn with_more(&self) -> Command {
        let mut command = self.command();
        command.arg("--extra-log-dir").arg(format!("more={}", self.more().display()));
        command
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A directory that cannot be read cannot be removed either.
        for path in [self.logs(), self.more()] {
            let _ = set_permissions(path, Permissions::from_mode(0o755));
        }
    }
}

/// The status and the reason in the answer of `/readyz`.
fn ready(addr: SocketAddr) -> (u16, String) {
    let response = ask(addr, "/readyz");
    let state: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(state["ready"], response.status == 200);
    (response.status, state["reason"].as_str().unwrap_or_default().to_owned())
}

fn warnings(said: &[String]) -> Vec<&String> {
    said.iter().filter(|line| line.contains("WARN")).collect()
}

const FORBIDDEN: &str = "the log directory may not be read by the secondary's own user: give it read and search permission, as with the group adm";

#[test]
fn a_directory_that_may_not_be_read_is_told_and_served_as_soon_as_it_may_be() {
    let place = Place::new();
    // No permission at all, only to read, and only to search.
    for mode in [0o000, 0o444, 0o111] {
        allow(&place.logs(), mode);
        let process = Process::start(&mut place.command());
        let (addr, said) = process.serving();
        let warned = warnings(&said);
        assert_eq!(warned.len(), 1, "{said:?}");
        let id =
            if rustix::process::geteuid().is_root() { NOBODY } else { rustix::process::geteuid().as_raw() };
        for words in [
            place.logs().to_str().unwrap(),
            &format!("uid={id} "),
            "gids=[",
            "group_add",
            "SupplementaryGroups=",
        ] {
            assert!(warned[0].contains(words), "{words}: {warned:?}");
        }
        assert_eq!(ready(addr), (503, FORBIDDEN.to_owned()), "{mode:o}");
        let listing = ask(addr, "/files");
        assert_eq!((listing.status, listing.code().as_str()), (500, "io_error"), "{mode:o}");
        assert!(listing.text().contains(FORBIDDEN), "{listing:?}");
        let log = ask(addr, "/logs?filename=app.log");
        if mode == 0o111 {
            assert_eq!(log.body, b"line\n", "the name of a file is enough to search for it");
        } else {
            assert_eq!((log.status, log.code().as_str()), (403, "forbidden"));
            assert!(log.text().contains("search permission on its directories"), "{log:?}");
            assert_eq!(ask(addr, "/logs?filename=none.log").status, 403, "what there is, nobody can tell");
        }
        for answer in [listing, log, ask(addr, "/readyz")] {
            assert!(!answer.text().contains(place.dir.path().to_str().unwrap()), "{answer:?}");
        }
        allow(&place.logs(), 0o555);
        assert_eq!(ready(addr), (200, String::new()));
        assert!(ask(addr, "/files").text().ends_with("\tapp.log\n"));
        assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
        allow(&place.logs(), mode);
        assert_eq!(ready(addr).0, 503, "and the other way round");
    }
}

#[test]
fn an_extra_directory_that_may_not_be_read_is_told_by_its_name() {
    let place = Place::new();
    allow(&place.more(), 0o000);
    let process = Process::start(&mut place.with_more());
    let (addr, said) = process.serving();
    let warned = warnings(&said);
    assert!(warned.len() == 1 && warned[0].contains(place.more().to_str().unwrap()), "{said:?}");
    let reason = FORBIDDEN.replace("directory", "directory \"more\"");
    assert_eq!(ready(addr), (503, reason.clone()));
    let listing = ask(addr, "/files");
    assert_eq!(
        (listing.status, listing.code().as_str()),
        (500, "io_error"),
        "not a part of it as if it were all"
    );
    assert!(listing.text().contains("the log directory \\\"more\\\" may not be read"), "{listing:?}");
    assert_eq!(ask(addr, "/logs?filename=more/more.log").status, 403);
    assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    allow(&place.logs(), 0o000);
    assert_eq!(ready(addr), (503, format!("{FORBIDDEN}; {reason}")));
    allow(&place.logs(), 0o555);
    allow(&place.more(), 0o555);
    assert_eq!(ready(addr), (200, String::new()));
    assert_eq!(ask(addr, "/logs?filename=more/more.log").body, b"more\n");
}

#[test]
fn a_directory_that_cannot_be_come_to_or_is_none_is_exit_64() {
    let place = Place::new();
    write(&place.more().join("inner/x.log"), b"x\n");
    allow(&place.more(), 0o000);
    for path in [place.logs().join("none"), place.logs().join("app.log"), place.more().join("inner")] {
        let flag = format!("x={}", path.display());
        let output = place.command().arg("--extra-log-dir").arg(flag).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(64), 1), "{stderr}");
        assert!(
            stderr.contains("--extra-log-dir \"x\"") && stderr.contains(path.to_str().unwrap()),
            "{stderr}"
        );
    }
}

#[test]
fn an_empty_directory_is_told_and_ready_once_something_is_in_it() {
    let place = Place::new();
    for path in [place.logs(), place.more()] {
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
    }
    let process = Process::start(&mut place.with_more());
    let (addr, said) = process.serving();
    let warned = warnings(&said);
    assert_eq!(warned.len(), 2, "{said:?}");
    for (line, path) in warned.iter().zip([place.logs(), place.more()]) {
        assert!(line.contains("is empty") && line.contains(path.to_str().unwrap()), "{line}");
    }
    let reasons = [
        "the log directory is empty: is the volume mounted?",
        "the log directory \"more\" is empty: is the volume mounted?",
    ];
    assert_eq!(ready(addr), (503, reasons.join("; ")));
    let listing: Response = ask(addr, "/files");
    assert_eq!((listing.status, listing.body.len()), (200, 0));
    assert_eq!(ask(addr, "/logs?filename=app.log").status, 404);
    // Otherwise a primary would take an answer of the whole fleet for complete.
    for target in ["/logs?filename=app.log", "/logs?filename=more/app.log", "/files"] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nbackscroll-relay: web1\r\n\r\n"
        );
        let relayed = raw(addr, request.as_bytes());
        assert_eq!((relayed.status, relayed.code().as_str()), (500, "io_error"), "{target}");
        assert!(relayed.text().contains("is empty: is the volume mounted?"), "{relayed:?}");
    }
    write(&place.logs().join("app.log"), b"line\n");
    assert_eq!(ready(addr), (503, reasons[1].to_owned()));
    // A hidden file is not served, but the directory is not empty.
    write(&place.more().join(".hidden"), b"x");
    assert_eq!(ready(addr), (200, String::new()));
    assert_eq!(ask(addr, "/logs?filename=app.log").body, b"line\n");
    std::fs::remove_file(place.logs().join("app.log")).unwrap();
    assert_eq!(ready(addr), (503, reasons[0].to_owned()), "and not that it is gone");
    process.terminate();
    let said = process.until(" stopped");
    assert_eq!(warnings(&said).len(), 0, "it is warned of once: {said:?}");
}

#[test]
fn a_ring_sees_the_same_of_its_directories() {
    let more = tempfile::tempdir().unwrap();
    let given = format!("more={}", more.path().display());
    let server = Server::with(|config| {
        config.io = Io::Uring;
        config.extra_log_dirs = ExtraLogDir::list(&[given.into()]).unwrap();
    });
    assert_eq!(ready(server.addr).0, 503);
    for number in 0..3000 {
        server.write(&format!("{number}.log"), b"");
    }
    write(&more.path().join("x"), b"");
    assert_eq!(ready(server.addr), (200, String::new()));
}

#[test]
fn a_health_listener_that_cannot_be_taken_over_fails_the_start() {
    use backscroll_shared::listen::Listeners;
    use std::os::fd::OwnedFd;
    for io in [Io::Threads, Io::Auto] {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::new(dir.path().to_owned(), "here".to_owned());
        (config.io, config.threads) = (io, 2);
        let main = TcpListener::bind("127.0.0.1:0").unwrap();
        // Nobody can listen at a socket that is connected.
        let health = TcpStream::connect(main.local_addr().unwrap()).unwrap();
        let health = TcpListener::from(OwnedFd::from(health));
        let listeners = Listeners { main: main.into(), health: Some(health.into()) };
        let ended = run(config, listeners, std::future::pending());
        assert!(matches!(ended, Err(RunError::Start(_))), "{ended:?}");
    }
}
