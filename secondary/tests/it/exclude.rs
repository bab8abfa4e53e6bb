//! `--exclude`: what does not exist for anybody.

use crate::process::Process;
use crate::support::{Response, Server, ask, write};
use backscroll_secondary::Io;
use backscroll_secondary::config::{Excludes, ExtraLogDir};
use rustix::fs::inotify;
use rustix::io::Errno;
use std::ffi::OsString;
use std::mem::MaybeUninit;

fn excludes(globs: &[&str]) -> Excludes {
    Excludes::parse(&globs.iter().map(OsString::from).collect::<Vec<_>>()).unwrap()
}

fn both(test: impl Fn(Io)) {
    test(Io::Threads);
    test(Io::Auto);
}

fn names(listing: &Response) -> Vec<String> {
    listing.text().lines().map(|line| line.rsplit('\t').next().unwrap().to_owned()).collect()
}

/// All that an answer says but its time and id, with the name that was asked for replaced.
fn said(answer: &Response, name: &str) -> (u16, Vec<(String, String)>, String) {
    let fields = answer.headers.iter().filter(|(name, _)| name != "date" && name != "x-request-id");
    let fields = fields.filter(|(name, _)| name != "content-length").cloned().collect();
    (answer.status, fields, answer.text().replace(name, "NAME"))
}

#[test]
fn an_excluded_file_cannot_be_told_from_one_that_is_not_there() {
    both(|io| {
        let extra = tempfile::tempdir().unwrap();
        write(&extra.path().join("a.key"), b"canary\n");
        write(&extra.path().join("a.log"), b"line\n");
        let dir = format!("more={}", extra.path().display()).into();
        let server = Server::with(|config| {
            config.io = io;
            config.extra_log_dirs = ExtraLogDir::list(&[dir]).unwrap();
            config.excludes = excludes(&["secret/**", "hidden.log", "more/*.key", "deep/**/keys"]);
        });
        for name in ["secret/a.log", "secret/b/c.log", "hidden.log", "deep/x/keys/k", "deep/keys/k"] {
            server.write(name, b"canary\n");
        }
        for name in ["app.log", "secrets/a.log", "deep/x/log"] {
            server.write(name, b"line\n");
        }
        let seen = ["app.log", "deep/x/log", "more/a.log", "secrets/a.log"];
        assert_eq!(names(&server.get("/files")), seen);
        assert_eq!(names(&server.get("/files?glob=secret/**")), Vec::<String>::new());
        let relayed = "backscroll-relay: web1\r\nte: trailers\r\n";
        for fields in ["", relayed, "accept: application/x-ndjson\r\n"] {
            for method in ["GET", "HEAD"] {
                let ask = |name: &str| {
                    let target = format!("/logs?filename={name}");
                    let answer = server.request(method, &target, fields);
                    assert_eq!(answer.status, 404, "{name}");
                    said(&answer, name)
                };
                let excluded =
                    ["secret/a.log", "secret/b/c.log", "hidden.log", "deep/x/keys/k", "more/a.key"];
                let absent = ask("nothing.log");
                for name in excluded.into_iter().chain(["secret", "secret/b", "deep/keys", "%73ecret/a.log"])
                {
                    let told = ask(name);
                    let told = (told.0, told.1, told.2.replace("secret/a.log", "NAME"));
                    assert_eq!(told, absent, "{name} {fields} {method}");
                }
            }
        }
        for name in seen {
            assert_eq!(server.get(&format!("/logs?filename={name}")).body, b"line\n", "{name}");
        }
    });
}

/// Whether a directory is opened while the files are listed.
fn is_opened(server: &Server, dir: &str) -> bool {
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    inotify::add_watch(&watch, server.dir.path().join(dir), inotify::WatchFlags::OPEN).unwrap();
    assert_eq!(server.get("/files").status, 200);
    let mut buffer = [MaybeUninit::uninit(); 4096];
    match inotify::Reader::new(&watch, &mut buffer).next() {
        Ok(_) => true,
        Err(errno) => {
            assert_eq!(errno, Errno::AGAIN);
            false
        }
    }
}

#[test]
fn an_excluded_directory_is_not_even_opened() {
    let server = Server::with(|config| {
        config.io = Io::Threads;
        config.excludes = excludes(&["secret/**", "deep/*", "pods/shop/**", "*/a.log"]);
    });
    let dirs = ["secret", "secret/b", "deep", "deep/b", "pods/shop_web_0a", "pods/bank_web_0b", "other"];
    for dir in dirs {
        server.write(&format!("{dir}/a.log"), b"line\n");
    }
    for dir in dirs {
        let expected = ["deep", "pods/bank_web_0b", "other"].contains(&dir);
        assert_eq!(is_opened(&server, dir), expected, "{dir}");
    }
}

#[test]
fn excludes_come_from_the_flag_and_the_variable_and_the_log_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.log", "b.log", "c.log"] {
        write(&dir.path().join(name), b"line\n");
    }
    let mut command = Process::command();
    command.arg("--log-dir").arg(dir.path());
    let mut flags = Process::command();
    flags.arg("--log-dir").arg(dir.path()).args(["--exclude", "a.log", "--exclude", "b*"]);
    for command in [command.env("BACKSCROLL_EXCLUDE", "{a.log,b*}"), &mut flags] {
        let process = Process::start(command);
        let (addr, said) = process.serving();
        assert_eq!(names(&ask(addr, "/files")), ["c.log"]);
        assert!(said.iter().any(|line| line.contains("exclude=") && line.contains("a.log")), "{said:?}");
    }
    for wrong in ["a.log,b*", "secret[", "/var/log/a.log"] {
        for command in [
            Process::command().env("BACKSCROLL_EXCLUDE", wrong),
            Process::command().args(["--exclude", wrong]),
        ] {
            let output = command.arg("--log-dir").arg(dir.path()).output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), stderr.lines().count()), (Some(64), 1), "{stderr}");
            assert!(stderr.contains("--exclude is "), "{stderr}");
        }
    }
}
