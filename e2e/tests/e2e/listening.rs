//! Where the real programs listen, and to whom they answer there, as `curl` sees it.

use backscroll_e2e::program::Program;
use std::path::Path;
use std::process::{Command, Output};

const PROGRAMS: [&str; 2] = ["backscroll-secondary", "backscroll-primary"];

/// A log directory with one file of three lines.
fn logs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.log"), "one\ntwo\nthree\n").unwrap();
    dir
}

fn secondary(listen: &str, logs: &Path, more: &[&str]) -> Program {
    let args = [&["--log-dir", logs.to_str().unwrap()][..], more].concat();
    Program::start_at("backscroll-secondary", listen, &args).unwrap()
}

fn curl(args: &[&str]) -> Output {
    Command::new("curl").args(["-sS", "--max-time", "20"]).args(args).output().unwrap()
}

fn body(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn without_authentication_a_program_does_not_listen_for_strangers() {
    let logs = logs();
    for program in PROGRAMS {
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8000"] {
            let ended = Program::output(program, &["--listen", open]).unwrap();
            assert_eq!(ended.status.code(), Some(64), "{program} {open}");
            let said = String::from_utf8(ended.stderr).unwrap();
            assert_eq!(said.lines().count(), 1, "{said}");
            for words in [program, open, "--token-file", "unix:PATH", "--insecure"] {
                assert!(said.contains(words), "{words}: {said}");
            }
        }
        let args: &[&str] = match program {
            "backscroll-secondary" => &["--log-dir", logs.path().to_str().unwrap()],
            _ => &[],
        };
        // Told so, it does.
        let insecure = [args, &["--insecure"]].concat();
        let open = Program::start_at(program, "0.0.0.0:0", &insecure).unwrap();
        let url = format!("http://127.0.0.1:{}/healthz", open.listen.port());
        assert_eq!(body(&curl(&[&url])), "ok\n");
    }
}

#[test]
fn both_programs_serve_a_unix_socket() {
    let logs = logs();
    let run = tempfile::tempdir().unwrap();
    let socket = |name: &str| run.path().join(name).to_str().unwrap().to_owned();
    let (front, back) = (socket("primary"), socket("secondary"));
    let at = |path: &str| format!("unix:{path}");
    let mut hidden = secondary(&at(&back), logs.path(), &[]);
    let get = |socket: &str, more: &[&str]| curl(&[&["--unix-socket", socket][..], more].concat());
    assert_eq!(body(&get(&back, &["http://any.example/logs?filename=app.log"])), "three\ntwo\none\n");

    // A primary on a socket, in front of a secondary on a port.
    let tcp = secondary("127.0.0.1:0", logs.path(), &["--hostname", "web1"]);
    let fleet = ["--secondary", &format!("web1=http://{}", tcp.listen)];
    let primary = Program::start_at("backscroll-primary", &at(&front), &fleet).unwrap();
    let answer = get(&front, &["-i", "http://localhost/logs?hostname=web1&filename=app.log&n=2"]);
    assert!(body(&answer).ends_with("three\ntwo\n"), "{answer:?}");

    // A socket that is in use is not taken over.
    let second = ["--listen", &at(&back), "--log-dir", logs.path().to_str().unwrap()];
    let ended = Program::output("backscroll-secondary", &second).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");

    // Its health check asks there.
    let healthy = |socket: &str| {
        let asked = ["healthcheck", "--listen", &at(socket)];
        Program::output("backscroll-secondary", &asked).unwrap().status.code()
    };
    assert_eq!(healthy(&back), Some(0));

    // It goes with its program, also if that is told to stop.
    hidden.signal(rustix::process::Signal::TERM).unwrap();
    assert!(hidden.wait().unwrap().success());
    assert!(!Path::new(&back).exists());
    assert_eq!(healthy(&back), Some(1));
    drop(primary);
    // This one was killed, so its socket is left, and the next one replaces it.
    assert!(Path::new(&front).exists());
    let _again = Program::start_at("backscroll-primary", &at(&front), &fleet).unwrap();
    assert_eq!(body(&get(&front, &["http://localhost/healthz"])), "ok\n");
}

#[test]
fn over_a_unix_socket_no_broken_answer_looks_whole_to_http_1_0() {
    let logs = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(logs.path().join("large.log")).unwrap();
    backscroll_samples::write_large(&logs.path().join("large.log"), 4 << 20).unwrap();
    let run = tempfile::tempdir().unwrap();
    let socket = run.path().join("socket");
    let socket = socket.to_str().unwrap();
    let _secondary = secondary(&format!("unix:{socket}"), logs.path(), &[]);
    let get = |more: &[&str]| curl(&[&["--unix-socket", socket][..], more].concat());
    // The length of a small answer is known.
    let small = get(&["--http1.0", "http://localhost/logs?filename=large.log&n=1"]);
    assert_eq!(body(&small).lines().count(), 1, "{small:?}");
    let large = get(&["--http1.0", "http://localhost/logs?filename=large.log"]);
    assert!(body(&large).contains("use HTTP/1.1"), "{}", body(&large).len());
    let whole = get(&["http://localhost/logs?filename=large.log"]);
    assert_eq!(whole.stdout.len() as u64, file.metadata().unwrap().len());
}

#[test]
fn a_page_that_calls_a_server_by_a_name_of_its_own_gets_nothing() {
    let logs = logs();
    let secondary =
        secondary("127.0.0.1:0", logs.path(), &["--hostname", "web1", "--allowed-host", "*.internal"]);
    let fleet = ["--secondary", &format!("web1=http://{}", secondary.listen), "--allowed-host", "a.internal"];
    let primary = Program::start("backscroll-primary", &fleet).unwrap();
    for (program, target) in [
        (&secondary, "/logs?filename=app.log"),
        (&primary, "/logs?hostname=web1&filename=app.log"),
        (&primary, "/hosts"),
        (&primary, "/files"),
        (&primary, "/"),
        (&secondary, "/readyz"),
    ] {
        let url = format!("http://{}{target}", program.listen);
        let status = |field: &str| body(&curl(&["-o", "/dev/null", "-w", "%{http_code}", "-H", field, &url]));
        for good in ["Host: localhost:8000", "Host: 127.0.0.1", "Host: [::1]:1", "Host: a.internal:8000"] {
            assert_eq!(status(good), "200", "{target} {good}");
        }
        for bad in ["Host: evil.example", "Host: 127.0.0.1.evil.example:8000", "Sec-Fetch-Site: cross-site"] {
            assert_eq!(status(bad), "403", "{target} {bad}");
        }
        let answer = body(&curl(&["-H", "Host: evil.example", &url]));
        assert!(answer.contains("forbidden") && answer.contains("--allowed-host"), "{answer}");
        assert!(!answer.contains("three"));
    }
    // Whatever watches it may call it as it likes.
    let url = format!("http://{}/healthz", primary.listen);
    assert_eq!(body(&curl(&["-H", "Host: evil.example", &url])), "ok\n");
}
