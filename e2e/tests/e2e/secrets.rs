//! Secrets in files: what the real programs say of them at the start, and that they are used.

use backscroll_e2e::program::Program;
use std::fs::{Permissions, set_permissions, write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A directory that every user may search.
fn open_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    write(dir.path().join("app.log"), "one\n").unwrap();
    dir
}

fn with_mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// The warnings of a program that has started.
fn warnings(program: &Program) -> Vec<String> {
    let log = program.log();
    log.into_iter().filter(|line| line.contains("\"WARN\"") && line.contains("file of secrets")).collect()
}

#[test]
fn a_file_of_secrets_that_every_user_may_read_is_warned_of_by_its_flag() {
    let dir = open_dir();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let ended = Program::output(
        "backscroll-primary",
        &[
            "certs",
            "init",
            "--dir",
            &path("certs"),
            "--secondary",
            "web1=127.0.0.1",
            "--primary",
            "localhost",
        ],
    );
    assert!(ended.unwrap().status.success());
    with_mode(&dir.path().join("certs"), 0o755);
    let token = Program::output("backscroll-primary", &["token", "new", "--id", "me"]).unwrap();
    let token = String::from_utf8(token.stdout).unwrap();
    let (token, entry) = token.split_once('\n').unwrap();
    write(path("tokens.toml"), entry).unwrap();
    write(path("token"), token).unwrap();
    write(path("headers"), "a=1\n").unwrap();
    let logs = dir.path().to_str().unwrap();
    let cert = |name: &str| path(&format!("certs/{name}"));
    let (tls_cert, tls_key) = (cert("web1.pem"), cert("web1.key"));
    let common = ["--token-file", &path("tokens.toml"), "--tls-cert", &tls_cert, "--tls-key", &tls_key];
    let (ca, shown, key, tokens) = (cert("ca.pem"), cert("primary.pem"), cert("primary.key"), path("token"));
    let of_secondary = [&common[..], &["--log-dir", logs]].concat();
    let to_secondaries = [
        "--secondary-ca",
        &ca,
        "--secondary-cert",
        &shown,
        "--secondary-key",
        &key,
        "--secondary-token-file",
        &tokens,
    ];
    let of_primary = [&common[..], &to_secondaries].concat();
    for (name, args) in [("backscroll-secondary", of_secondary), ("backscroll-primary", of_primary)] {
        let mut secrets = vec![("--token-file", path("tokens.toml")), ("--tls-key", tls_key.clone())];
        if name == "backscroll-primary" {
            secrets.extend([("--secondary-key", key.clone()), ("--secondary-token-file", tokens.clone())]);
        }
        secrets.push(("OTEL_EXPORTER_OTLP_HEADERS_FILE", path("headers")));
        for (mode, are_warned_of) in [(0o644, true), (0o640, false)] {
            for (_, path) in &secrets {
                with_mode(Path::new(path), mode);
            }
            let mut command = Command::new("sh");
            command.args(["-c", "exec \"$@\"", "sh"]);
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
            command.env("OTEL_EXPORTER_OTLP_HEADERS_FILE", path("headers"));
            let program = Program::start_through(command, name, &args).unwrap();
            let warned = warnings(&program);
            assert_eq!(warned.len(), if are_warned_of { secrets.len() } else { 0 }, "{name}: {warned:?}");
            for (flag, path) in secrets.iter().filter(|_| are_warned_of) {
                let is_told = |line: &String| line.contains(flag) && line.contains(path.as_str());
                assert!(
                    warned.iter().any(|line| is_told(line) && line.contains("chmod o-r")),
                    "{flag}: {warned:?}"
                );
            }
            assert!(!program.log().iter().any(|line| line.contains(token)));
        }
    }
}

#[test]
fn header_fields_for_the_collector_that_cannot_be_had_are_told_at_the_start() {
    let dir = open_dir();
    let file = dir.path().join("headers");
    for name in ["backscroll-secondary", "backscroll-primary"] {
        let ended = |variables: &[(&str, &str)]| {
            let program = Program::folder(name).unwrap().join(name);
            let mut command = Command::new(program);
            if name == "backscroll-secondary" {
                command.arg("--log-dir").arg(dir.path());
            }
            command.args(["--listen", "127.0.0.1:0"]).envs(variables.iter().copied());
            command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
            let ended = command.output().unwrap();
            (ended.status.code(), String::from_utf8(ended.stderr).unwrap())
        };
        let path = file.to_str().unwrap();
        let named = ("OTEL_EXPORTER_OTLP_HEADERS_FILE", path);
        write(&file, "authorization=ok\nhunter2\n").unwrap();
        for (variables, words) in [
            (&[named][..], "line 2: write NAME=VALUE"),
            (&[("OTEL_EXPORTER_OTLP_TRACES_HEADERS_FILE", "/nowhere/h")], "/nowhere/h: No such file"),
            (&[named, ("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2")], "leave one of the two out"),
        ] {
            let (status, told) = ended(variables);
            assert_eq!((status, told.lines().count()), (Some(64), 1), "{told}");
            assert!(told.contains(words) && told.contains("_HEADERS_FILE"), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}
