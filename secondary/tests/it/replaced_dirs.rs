//! Log directories that are replaced: a deployment moves a link, a mount comes, a directory is
//! renamed. From then on the program serves what the path leads to, without a restart.

use crate::process::Process;
use crate::support::{Response, ask, raw, write};
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A directory of releases, each with a log, and a link to the current one.
struct Releases {
    dir: TempDir,
}

impl Releases {
    fn new() -> Releases {
        let releases = Releases { dir: tempfile::tempdir().unwrap() };
        for name in ["one", "two"] {
            write(&releases.dir.path().join(name).join("log/app.log"), format!("{name}\n").as_bytes());
        }
        write(&releases.dir.path().join("two/log/only.log"), b"only\n");
        write(&releases.dir.path().join("main/app.log"), b"main\n");
        releases.deploy("one");
        releases
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Moves the link to another release, as `ln -sfn` does.
    fn deploy(&self, name: &str) {
        let link = self.path("new");
        symlink(self.path(name), &link).unwrap();
        std::fs::rename(link, self.path("current")).unwrap();
    }

    /// Starts a program that serves the log directory behind the link. Returns the prefix of file
    /// names in it.
    fn start(&self, is_extra: bool) -> (Process, SocketAddr, &'static str) {
        let log = self.path("current/log");
        let mut command = Process::command();
        let prefix = if is_extra {
            command.arg("--log-dir").arg(self.path("main"));
            command.arg("--extra-log-dir").arg(format!("x={}", log.display()));
            "x/"
        } else {
            command.arg("--log-dir").arg(log);
            ""
        };
        let process = Process::start(&mut command);
        let (addr, _) = process.serving();
        (process, addr, prefix)
    }
}

/// A request as a primary sends it. To a primary, "not found" means that there is no such file.
fn relayed(addr: SocketAddr, target: &str) -> Response {
    let head = format!(
        "GET {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nbackscroll-relay: web1\r\n\r\n"
    );
    raw(addr, head.as_bytes())
}

/// Stops the program, and counts the log lines that say that a directory was replaced.
fn told(process: &Process) -> usize {
    process.terminate();
    let said = process.until(" stopped");
    said.iter().filter(|line| line.contains("has been replaced")).count()
}

#[test]
fn a_link_that_is_moved_is_followed_at_the_next_request_and_told_once() {
    for is_extra in [false, true] {
        let releases = Releases::new();
        let (process, addr, x) = releases.start(is_extra);
        assert_eq!(ask(addr, &format!("/logs?filename={x}app.log")).text(), "one\n");
        assert_eq!(relayed(addr, &format!("/logs?filename={x}only.log")).status, 404);
        releases.deploy("two");
        assert_eq!(ask(addr, &format!("/logs?filename={x}only.log")).text(), "only\n", "the first request");
        assert_eq!(ask(addr, &format!("/logs?filename={x}app.log")).text(), "two\n");
        assert!(ask(addr, "/files").text().contains(&format!("\t{x}only.log\n")));
        assert_eq!(ask(addr, "/readyz").status, 200);
        releases.deploy("one");
        let listing = ask(addr, "/files");
        assert!(!listing.text().contains("only.log"), "the first request is a listing: {listing:?}");
        assert_eq!(relayed(addr, &format!("/logs?filename={x}only.log")).status, 404);
        releases.deploy("two");
        assert_eq!(ask(addr, "/readyz").status, 200);
        assert_eq!(ask(addr, &format!("/logs?filename={x}app.log")).text(), "two\n");
        assert_eq!(told(&process), 3, "once each");
    }
}

#[test]
fn a_directory_that_is_gone_is_told_and_served_again_once_it_is_back() {
    for is_extra in [false, true] {
        let releases = Releases::new();
        let (process, addr, x) = releases.start(is_extra);
        let log = releases.path("one/log");
        let away = releases.path("one/away");
        let gone = |what: &str| {
            for target in
                [format!("/logs?filename={x}app.log"), format!("/logs?filename={x}none"), "/files".to_owned()]
            {
                for answer in [ask(addr, &target), relayed(addr, &target)] {
                    assert_eq!((answer.status, answer.code().as_str()), (500, "io_error"), "{what} {target}");
                    assert!(answer.text().contains("removed or renamed"), "{what} {answer:?}");
                    assert!(!answer.text().contains(releases.dir.path().to_str().unwrap()), "{answer:?}");
                }
            }
            let ready = ask(addr, "/readyz");
            assert_eq!(ready.status, 503, "{what}");
            assert!(ready.text().contains("served again as soon as"), "{what} {ready:?}");
            if is_extra {
                assert_eq!(ask(addr, "/logs?filename=app.log").text(), "main\n", "the other one is served");
            }
        };
        let served = |text: &str| {
            assert_eq!(ask(addr, &format!("/logs?filename={x}app.log")).text(), text);
            assert_eq!(ask(addr, "/readyz").status, 200);
        };
        served("one\n");
        std::fs::rename(&log, &away).unwrap();
        gone("renamed");
        std::fs::rename(&away, &log).unwrap();
        served("one\n");
        std::fs::remove_dir_all(&log).unwrap();
        gone("removed");
        write(&log.join("app.log"), b"anew\n");
        served("anew\n");
        std::fs::remove_file(releases.path("current")).unwrap();
        gone("the link is gone");
        symlink(releases.path("nowhere"), releases.path("current")).unwrap();
        gone("the link leads nowhere");
        std::fs::remove_file(releases.path("current")).unwrap();
        write(&releases.path("current"), b"a file");
        gone("no directory is on the way");
        std::fs::remove_file(releases.path("current")).unwrap();
        releases.deploy("two");
        served("two\n");
        assert_eq!(told(&process), 2, "made anew, and the link");
    }
}

#[test]
fn an_answer_under_way_keeps_the_file_that_it_opened() {
    use std::io::{Read as _, Write as _};
    let releases = Releases::new();
    let lines = "a line of the old release\n".repeat(200_000);
    write(&releases.path("one/log/app.log"), lines.as_bytes());
    let (_process, addr, _) = releases.start(false);
    let mut socket = std::net::TcpStream::connect(addr).unwrap();
    let request =
        "GET /logs?filename=app.log HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nte: trailers\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = vec![0; 1024];
    socket.read_exact(&mut answer).unwrap();
    releases.deploy("two");
    assert_eq!(ask(addr, "/logs?filename=app.log").text(), "two\n");
    let ended = socket.read_to_end(&mut answer).is_ok();
    let answer = Response::parse(&answer, ended);
    assert_eq!((answer.text(), answer.trailer("log-status")), (lines.as_str(), Some("complete")));
}

/// Runs a script in its own mount namespace. False if that is not allowed here.
fn in_a_namespace(script: &str, dir: &Path) -> bool {
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-euc", script, "sh"])
        .arg(dir)
        .arg(env!("CARGO_BIN_EXE_backscroll-secondary"));
    if !Command::new("unshare")
        .args(["--mount", "true"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
    {
        eprintln!("skipped: no mount namespace may be made here");
        return false;
    }
    let output = command.output().unwrap();
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    true
}

/// The beginning of each script: starts a secondary on `$1/logs`, and defines ways to ask it.
const BEGIN: &str = r#"
"$2" --listen 127.0.0.1:0 --hostname h --log-dir "$1/logs" 2>"$1/said" & pid=$!
trap 'kill $pid; wait $pid || :' EXIT
until grep -q ' serving ' "$1/said"; do kill -0 $pid; sleep 0.02; done
base=http://$(sed -n 's/.* serving .*listen=\([0-9.:]*\).*/\1/p' "$1/said")
get() { curl --noproxy '*' -sS "$base$1"; }
status() { curl --noproxy '*' -sS -o /dev/null -w '%{http_code}' "$base$1"; }
is() { test "$1" = "$2" || { echo "came: $1; should: $2"; exit 1; }; }
"#;

#[test]
fn what_is_mounted_over_a_directory_is_served_and_what_was_under_it_once_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("logs/app.log"), b"under\n");
    let script = format!(
        r#"{BEGIN}
        is "$(get '/logs?filename=app.log')" under
        mount -t tmpfs none "$1/logs"
        is "$(status '/readyz')" 503
        is "$(status '/logs?filename=app.log')" 404
        echo over > "$1/logs/app.log"
        is "$(get '/logs?filename=app.log')" over
        is "$(status '/readyz')" 200
        umount -l "$1/logs"
        is "$(get '/logs?filename=app.log')" under
        is "$(grep -c 'has been replaced' "$1/said")" 2
        "#
    );
    in_a_namespace(&script, dir.path());
}

/// A FUSE mount without a server: no process has its descriptor of `/dev/fuse` any more.
const DEAD_MOUNT: &str = r#"
dead() {
    exec 3<>/dev/fuse
    mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 none "$1"
    exec 3<&-
    ! ls "$1" 2>/dev/null
}
"#;

#[test]
fn a_dead_mount_is_a_failure_and_not_a_file_that_is_not_here() {
    if !Path::new("/dev/fuse").exists() || !rustix::process::geteuid().is_root() {
        eprintln!("skipped: nothing may be mounted by FUSE here");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join("logs/app.log"), b"line\n");
    write(&dir.path().join("logs/nfs/app.log"), b"line\n");
    let script = format!(
        r#"{BEGIN}{DEAD_MOUNT}
        is "$(status '/logs?filename=nfs/none.log')" 404
        dead "$1/logs/nfs"
        is "$(status '/logs?filename=nfs/app.log')" 500
        is "$(status '/logs?filename=nfs/none.log')" 500
        is "$(status '/files')" 500
        get '/logs?filename=nfs/app.log' | grep -q io_error
        is "$(get '/logs?filename=app.log')" line
        is "$(status '/readyz')" 200
        umount -l "$1/logs/nfs"
        is "$(status '/logs?filename=nfs/app.log')" 200
        dead "$1/logs"
        is "$(status '/logs?filename=app.log')" 500
        is "$(status '/logs?filename=none.log')" 500
        is "$(status '/files')" 500
        is "$(status '/readyz')" 503
        umount -l "$1/logs"
        is "$(get '/logs?filename=app.log')" line
        is "$(status '/readyz')" 200
        "#
    );
    in_a_namespace(&script, dir.path());
}
