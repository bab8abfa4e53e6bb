//! Hosts and networks that fail: the answer says so, the lines of the other hosts are complete, and
//! afterwards everything works again without a restart of anything else.

use crate::answer::{Answer, curl};
use crate::engine::{comes_true, docker, run};
use crate::fleet::{Fleet, SERVICES};
use std::fmt::Write as _;
use std::fs::Permissions;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The number of lines in each host's `app.log`.
const LINES: usize = 2000;

/// The size of `large.log`: much more than all buffers between a disk and a client.
const LARGE: u64 = 256 << 20;

/// The host that is broken.
const BROKEN: &str = "secondary-2";

/// How long a fleet may take until it is found to be well again: two probes and a start.
const RECOVERY_TIME: Duration = Duration::from_secs(20);

/// A fleet of hosts whose log lines are all known.
struct Known {
    fleet: Fleet,
    dirs: [TempDir; 3],
}

/// A directory that the container's user can read.
pub(crate) fn readable_dir() -> TempDir {
    let dir = tempfile::Builder::new().prefix("backscroll-test-").tempdir().unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    dir
}

fn line(host: &str, number: usize) -> String {
    let (hour, minute, second) = (number / 3600, number / 60 % 60, number % 60);
    format!("2026-11-01T{hour:02}:{minute:02}:{second:02}Z line {number} of {host}")
}

impl Known {
    fn start() -> Known {
        let dirs = SERVICES.map(|host| {
            let dir = readable_dir();
            let text = (0..LINES).fold(String::new(), |mut text, number| {
                writeln!(text, "{}", line(host, number)).unwrap();
                text
            });
            std::fs::write(dir.path().join("app.log"), text).unwrap();
            dir
        });
        let fleet = Fleet::over([0, 1, 2].map(|index: usize| -> &Path { dirs[index].path() }));
        let known = Known { fleet, dirs };
        known.assert_complete();
        known
    }

    fn write_large(&self) {
        backscroll_samples::write_large(&self.dirs[1].path().join("large.log"), LARGE).unwrap();
    }

    fn ask(&self) -> Answer {
        Answer::of(&self.fleet.url("/logs?filename=app.log"))
    }

    fn has_lines_of(answer: &Answer, host: &str) -> bool {
        answer.lines_of(host) == (0..LINES).rev().map(|number| line(host, number)).collect::<Vec<_>>()
    }

    /// The answer names the broken host, with one of `codes`, and has all lines of the others.
    fn assert_partial(&self, codes: &[&str]) {
        let answer = self.ask();
        assert_eq!(answer.status(), "partial", "{}", answer.shown());
        let verdict = &answer.end["hosts"][BROKEN];
        let is_told = codes.iter().any(|code| verdict["error"]["code"] == *code);
        assert!(is_told, "{verdict}: {}", answer.shown());
        for host in SERVICES.into_iter().filter(|host| *host != BROKEN) {
            assert!(Known::has_lines_of(&answer, host), "{host}: {}", answer.shown());
            assert_eq!(answer.end["hosts"][host]["status"], "complete");
        }
        // If there is no verdict to read, curl itself must fail.
        let (code, _) = curl(&["-o", "/dev/null", &self.fleet.url("/logs?filename=app.log")]);
        assert_eq!(code, Some(18));
        // A request for the broken host alone gets an error status.
        let by_name = self.fleet.url(&format!("/logs?hostname={BROKEN}&filename=app.log&n=1"));
        let (_, status) = curl(&["-o", "/dev/null", "-w", "%{http_code}", &by_name]);
        assert!(["502", "504"].contains(&status.as_str()), "{status}");
    }

    /// The answer is complete, at the latest after a probe has found the host again.
    fn assert_complete(&self) {
        let mut answer = self.ask();
        let whole = comes_true(RECOVERY_TIME, || {
            answer = self.ask();
            answer.status() == "complete"
        });
        assert!(whole && answer.code == Some(0), "{}", answer.shown());
        for host in SERVICES {
            assert!(Known::has_lines_of(&answer, host), "{host}: {}", answer.shown());
        }
        assert_eq!(answer.records.len(), SERVICES.len() * LINES);
    }

    /// Breaks the fleet and checks its answers, then repairs it and checks again.
    fn broken(&self, codes: &[&str], break_it: impl FnOnce(&Fleet), mend_it: impl FnOnce(&Fleet)) {
        let started = self.fleet.started(BROKEN);
        break_it(&self.fleet);
        self.assert_partial(codes);
        mend_it(&self.fleet);
        self.assert_complete();
        assert_eq!(self.fleet.started(BROKEN), started, "nothing else was started again");
    }
}

const UNREACHABLE: &[&str] = &["upstream_unreachable"];
/// The second time the host may already be known to be down.
const SILENT: &[&str] = &["upstream_timeout", "upstream_unreachable"];

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_secondary_that_is_killed_paused_or_cut_off_is_named_and_found_again() {
    let known = Known::start();
    let id = known.fleet.container(BROKEN);
    let docker_does = |args: &'static [&'static str]| {
        let id = id.clone();
        move |_: &Fleet| {
            docker(&[args, &[&id]].concat());
        }
    };
    // Its name is not resolved any more either.
    known.broken(UNREACHABLE, docker_does(&["kill"]), docker_does(&["start"]));
    // Connections are accepted, but not answered.
    known.broken(SILENT, docker_does(&["pause"]), docker_does(&["unpause"]));
    // The address stays the same, but does not answer.
    let drop_all = ["-A", "INPUT", "-p", "tcp", "-j", "DROP"];
    known.broken(SILENT, |fleet| fleet.filter(BROKEN, &drop_all), |fleet| fleet.filter(BROKEN, &["-F"]));
    let reset_all = ["-A", "INPUT", "-p", "tcp", "-j", "REJECT", "--reject-with", "tcp-reset"];
    known.broken(
        UNREACHABLE,
        |fleet| fleet.filter(BROKEN, &reset_all),
        |fleet| fleet.filter(BROKEN, &["-F"]),
    );
    // It leaves its network, and comes back with any address.
    let network = known.fleet.network();
    known.broken(
        SILENT,
        |_| drop(docker(&["network", "disconnect", &network, &id])),
        |_| drop(docker(&["network", "connect", "--alias", BROKEN, &network, &id])),
    );
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_host_whose_log_directory_has_become_empty_makes_the_answer_partial() {
    let known = Known::start();
    let dir = known.dirs[1].path();
    let kept = readable_dir();
    std::fs::copy(dir.join("app.log"), kept.path().join("app.log")).unwrap();
    std::fs::remove_file(dir.join("app.log")).unwrap();
    let answer = known.ask();
    assert_eq!(answer.status(), "partial", "{}", answer.shown());
    let error = &answer.end["hosts"][BROKEN]["error"];
    assert!(error.to_string().contains("is empty: is the volume mounted?"), "{}", answer.shown());
    let (_, hosts) = curl(&[&known.fleet.url("/hosts")]);
    assert!(hosts.contains("not_ready"), "{hosts}");
    std::fs::copy(kept.path().join("app.log"), dir.join("app.log")).unwrap();
    known.assert_complete();
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_process_that_dies_is_started_again_by_the_engine_alone() {
    let known = Known::start();
    let started = known.fleet.started(BROKEN);
    let pid = known.fleet.inspect(BROKEN, "{{.State.Pid}}");
    let killed = Command::new("kill").args(["-KILL", &pid]).status().unwrap();
    assert!(killed.success());
    known.assert_complete();
    assert_ne!(known.fleet.inspect(BROKEN, "{{.State.Pid}}"), pid);
    assert_eq!(known.fleet.inspect(BROKEN, "{{.RestartCount}}"), "1");
    assert_eq!(known.fleet.started(BROKEN), started, "nothing else was started again");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_primary_that_is_started_again_serves_at_once_and_the_secondaries_do_not_notice() {
    let known = Known::start();
    let started = known.fleet.started("primary");
    docker(&["restart", "--time", "9", &known.fleet.container("primary")]);
    known.assert_complete();
    assert_eq!(known.fleet.started("primary"), started);
}

/// A `curl` of whose output a first part has been read, so that it is in the middle of its answer.
fn in_the_middle(known: &Known, target: &str) -> (std::process::Child, Vec<u8>) {
    let mut child = Command::new("curl")
        .args(["-sS", "--max-time", "60", "-H", "Accept: application/x-ndjson", &known.fleet.url(target)])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut seen = vec![0; 1 << 20];
    child.stdout.as_mut().unwrap().read_exact(&mut seen).unwrap();
    (child, seen)
}

fn rest(mut child: std::process::Child, mut seen: Vec<u8>) -> Answer {
    child.stdout.take().unwrap().read_to_end(&mut seen).unwrap();
    Answer::read(child.wait().unwrap().code(), seen)
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_secondary_killed_in_the_middle_of_its_answer_never_looks_complete() {
    let known = Known::start();
    known.write_large();
    let id = known.fleet.container(BROKEN);
    for (target, status) in [
        (format!("/logs?hostname={BROKEN}&filename=large.log"), "failed"),
        ("/logs?filename=large.log".to_owned(), "partial"),
    ] {
        let (child, seen) = in_the_middle(&known, &target);
        docker(&["kill", &id]);
        let answer = rest(child, seen);
        // No other host has that file, so no part of the fleet's answer is complete.
        assert!(["failed", status].contains(&answer.status()), "{}", answer.shown());
        assert_ne!(answer.end["hosts"][BROKEN]["status"], "complete", "{}", answer.shown());
        assert_ne!(answer.code, Some(0), "{}", answer.shown());
        assert!(answer.records.len() > 1000);
        docker(&["start", &id]);
        known.assert_complete();
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_secondary_that_is_stopped_lets_a_short_answer_end_and_leaves_with_0() {
    let known = Known::start();
    let id = known.fleet.container(BROKEN);
    known.write_large();
    let url = known.fleet.url(&format!("/logs?hostname={BROKEN}&filename=large.log"));
    let mut child =
        Command::new("curl").args(["-sS", "--max-time", "60", &url]).stdout(Stdio::piped()).spawn().unwrap();
    let mut body = vec![0; 1 << 20];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut body).unwrap();
    let log = id.clone();
    let stop = std::thread::spawn(move || docker(&["stop", "--time", "10", &id]));
    // Waits until the container has been told to stop while the answer is still being sent.
    assert!(comes_true(Duration::from_secs(5), || run(&["docker", "logs", &log]).1.contains("draining")));
    let read = out.read_to_end(&mut body).unwrap();
    assert!(read > 0);
    assert_eq!(child.wait().unwrap().code(), Some(0), "what was under way has ended");
    let size = std::fs::metadata(known.dirs[1].path().join("large.log")).unwrap().len();
    assert_eq!(body.len() as u64, size);
    stop.join().unwrap();
    assert_eq!(known.fleet.inspect(BROKEN, "{{.State.ExitCode}}"), "0");
    docker(&["start", &known.fleet.container(BROKEN)]);
    known.assert_complete();
    std::io::stderr().flush().unwrap();
}
