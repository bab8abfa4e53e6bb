//! The port for health checks and metrics of the real programs, as `curl` and `healthcheck` see it.

mod drain;
mod floods;
mod rules;

use backscroll_e2e::program::Program;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PROGRAMS: [&str; 2] = ["backscroll-secondary", "backscroll-primary"];

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A log directory with a file of three lines.
fn logs() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), "one\ntwo\nthree\n").unwrap();
    dir
}

/// One with a file that is too large for the buffers between a program and its client.
fn large_log() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    backscroll_samples::write_large(&dir.path().join("large.log"), 64 << 20).unwrap();
    dir
}

/// What asks a program for all of that file; a primary, through its host `web1`.
fn of_large_log(name: &str) -> &'static str {
    match name {
        "backscroll-secondary" => "/logs?filename=large.log",
        _ => "/logs?hostname=web1&filename=large.log",
    }
}

/// A request whose answer is too large for the buffers between, and of which nothing more is read than
/// its first bytes.
fn slow_request(address: &str, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 64]).unwrap();
    stream
}

/// What each program needs to be ready.
fn ready_args<'a>(name: &str, logs: &'a TempDir) -> Vec<&'a str> {
    match name {
        "backscroll-secondary" => vec!["--threads", "2", "--log-dir", logs.path().to_str().unwrap()],
        _ => vec!["--secondary", "nobody=http://127.0.0.1:1"],
    }
}

/// A program with a health port on loopback, and that port's address.
fn start(name: &str, logs: &TempDir, more: &[&str]) -> (Program, String) {
    let args = [&ready_args(name, logs)[..], &["--health-listen", "127.0.0.1:0"], more].concat();
    let program = Program::start(name, &args).unwrap();
    let health = health_of(&program);
    (program, health)
}

/// Where its log says that the health port is.
fn health_of(program: &Program) -> String {
    wait_for("the address of the health port", || {
        let line = program.log().into_iter().find(|line| line.contains("\"health_listen\":\""))?;
        Some(line.split("\"health_listen\":\"").nth(1)?.split('"').next()?.to_owned())
    })
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn curl(args: &[&str]) -> Output {
    Command::new("curl").args(["-sS", "--max-time", "50"]).args(args).output().expect("curl is installed")
}

/// The status of an answer, a space, and its body.
fn asked(args: &[&str]) -> String {
    let output = curl(&[&["-w", "%{stderr}%{http_code} "], args].concat());
    let [status, body] = [&output.stderr, &output.stdout].map(|text| String::from_utf8_lossy(text));
    format!("{status}{body}")
}

/// The exit status of the program's `healthcheck`, and what it says.
fn healthcheck(name: &str, flags: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = Program::folder(name).unwrap().join(name);
    let mut command = Command::new(program);
    command.arg("healthcheck").args(flags).env_clear().envs(variables.iter().copied());
    let output = command.output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn the_health_port_answers_health_and_metrics_and_nothing_else() {
    let logs = logs();
    for name in PROGRAMS {
        let (program, health) = start(name, &logs, &[]);
        let url = |target: &str| format!("http://{health}{target}");
        assert_eq!(asked(&[&url("/healthz")]), "200 ok\n");
        assert!(asked(&[&url("/readyz")]).starts_with("200 {"), "{name}");
        assert!(asked(&[&url("/metrics")]).starts_with("200 #"), "{name}");
        for target in ["/", "/logs?filename=app.log", "/files", "/hosts", "/healthz/", "/nope"] {
            for more in [&[][..], &["-d", "filename=app.log"], &["-X", "DELETE"]] {
                let told = asked(&[&[url(target).as_str()][..], more].concat());
                assert!(told.starts_with("404 ") && told.contains("\"no_route\""), "{name} {target}: {told}");
                assert!(told.contains("/readyz") && told.contains("--listen"), "{told}");
                assert!(!told.contains("three"), "{told}");
            }
        }
        // A connection goes on after an answer, also after such a one.
        let more = ["-w", "%{num_connects}", "-o", "/dev/null", "-o", "/dev/null", "-o", "/dev/null"];
        let urls = [url("/nope"), url("/readyz"), url("/metrics")];
        let connects = curl(&[&more[..], &urls.each_ref().map(String::as_str)].concat());
        assert_eq!(String::from_utf8_lossy(&connects.stdout), "100", "{name}");
        // The main port is as it was.
        for target in ["/healthz", "/readyz", "/metrics", "/"] {
            assert!(asked(&[&format!("http://{}{target}", program.listen)]).starts_with("200 "), "{target}");
        }
    }
}

#[test]
fn both_ports_may_be_unix_sockets_and_each_has_the_rules_of_its_kind() {
    let logs = logs();
    let run = tempfile::tempdir().unwrap();
    for name in PROGRAMS {
        let path = run.path().join(name);
        let at = format!("unix:{}", path.display());
        // A port, and the health port on a socket: any name will do there, and not at the port.
        let program = {
            let args = [&ready_args(name, &logs)[..], &["--health-listen", &at]].concat();
            Program::start(name, &args).unwrap()
        };
        let socket = ["--unix-socket", path.to_str().unwrap()];
        let status = asked(&[&socket[..], &["http://any.example/readyz"]].concat());
        assert!(status.starts_with("200 {"), "{name}: {status}");
        let port = format!("http://{}/readyz", program.listen);
        assert!(asked(&["-H", "Host: any.example", &port]).starts_with("403 "), "{name}");
        assert_eq!(healthcheck(name, &["--health-listen", &at], &[]), (Some(0), String::new()));
        drop(program);
        // The other way round.
        std::fs::remove_file(&path).unwrap();
        let args = [&ready_args(name, &logs)[..], &["--health-listen", "127.0.0.1:0"]].concat();
        let program = Program::start_at(name, &at, &args).unwrap();
        let port = format!("http://{}/readyz", health_of(&program));
        assert!(asked(&["-H", "Host: any.example", &port]).starts_with("403 "), "{name}");
        assert!(asked(&[&port]).starts_with("200 {"), "{name}");
        assert!(asked(&[&socket[..], &["http://any.example/"]].concat()).starts_with("200 "), "{name}");
        drop(program);
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_health_check_goes_to_the_health_port_if_one_is_given() {
    let logs = logs();
    for name in PROGRAMS {
        let (program, health) = start(name, &logs, &[]);
        let main = program.listen.to_string();
        let nowhere = "127.0.0.1:1";
        let is_ready = |flags: &[&str], variables: &[(&str, &str)]| healthcheck(name, flags, variables).0;
        let own = [("BACKSCROLL_LISTEN", nowhere), ("BACKSCROLL_HEALTH_LISTEN", &*health)];
        assert_eq!(is_ready(&[], &own), Some(0));
        assert_eq!(is_ready(&["--health-listen", &health], &own[..1]), Some(0));
        let other = [("BACKSCROLL_LISTEN", &*main), ("BACKSCROLL_HEALTH_LISTEN", nowhere)];
        let (status, told) = healthcheck(name, &[], &other);
        assert!(status == Some(1) && told.contains(nowhere), "{told}");
        assert_eq!(is_ready(&["--listen", &main], &other), Some(0), "a flag comes before a variable");
        assert_eq!(is_ready(&["--listen", &main, "--health-listen", nowhere], &[]), Some(1));
        // As Compose files leave it.
        let empty = [("BACKSCROLL_LISTEN", &*main), ("BACKSCROLL_HEALTH_LISTEN", "")];
        assert_eq!(is_ready(&[], &empty), Some(0));
        assert_eq!(is_ready(&["--health-listen", "here"], &[]), Some(64));
    }
}

#[test]
fn a_wrong_health_port_is_told_by_its_flag_at_the_start() {
    let logs = logs();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for name in PROGRAMS {
        for (flags, status, words) in [
            (&["--health-listen", "9001"][..], 64, "did you mean 127.0.0.1:9001?"),
            (&["--health-listen", "localhost:9001"], 64, "did you mean 127.0.0.1:9001?"),
            (&["--health-listen", "unix:"], 64, "unix:PATH"),
            (&["--health-listen", "0.0.0.0:9001"], 64, "without authentication"),
            (&["--listen", "127.0.0.1:7999", "--health-listen", "127.0.0.1:7999"], 64, "a port of its own"),
            (&["--listen", "127.0.0.1:0", "--health-listen", &taken], 1, "in use"),
        ] {
            let args = [&ready_args(name, &logs)[..], flags].concat();
            let ended = Program::output(name, &args).unwrap();
            let told = String::from_utf8(ended.stderr).unwrap();
            assert_eq!((ended.status.code(), told.lines().count()), (Some(status), 1), "{flags:?}: {told}");
            assert!(told.contains("--health-listen") && told.contains(words), "{words}: {told}");
        }
        // Left empty, as Compose files leave it, it is none.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\"", "sh"]).env("BACKSCROLL_HEALTH_LISTEN", "");
        let program = Program::start_through(command, name, &ready_args(name, &logs)).unwrap();
        assert!(!program.log().iter().any(|line| line.contains("health_listen")));
    }
}
