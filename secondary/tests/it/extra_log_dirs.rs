//! Extra log directories, which are served beside the main one.

use crate::process::Process;
use crate::support::{Server, ask, find, write};
use backscroll_secondary::Io;
use backscroll_secondary::config::ExtraLogDir;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Output;
use tempfile::TempDir;

fn with_extra(dirs: &[(&str, &Path)]) -> Server {
    let given: Vec<OsString> = dirs.iter().map(|(name, dir)| option(name, dir)).collect();
    Server::with(|config| {
        config.io = Io::Threads;
        config.extra_log_dirs = ExtraLogDir::list(&given).unwrap();
    })
}

fn option(name: &str, dir: &Path) -> OsString {
    format!("{name}={}", dir.display()).into()
}

fn names(listing: &str) -> Vec<&str> {
    listing.lines().map(|line| line.split('\t').nth(2).unwrap()).collect()
}

fn one_file(name: &str, bytes: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(&dir.path().join(name), bytes);
    dir
}

#[test]
fn files_of_an_extra_directory_have_its_name_before_theirs_in_every_answer() {
    let (pods, odd) = (one_file("web/0.log", b"one\ntwo\n"), one_file("x.log", b"odd\n"));
    let server = with_extra(&[("pods", pods.path()), ("b c", odd.path())]);
    server.write("app.log", b"line\n");
    server.write("zoo/app.log", b"line\n");
    let listing = server.get("/files");
    assert_eq!(names(listing.text()), ["app.log", "b c/x.log", "pods/web/0.log", "zoo/app.log"], "by name");
    assert_eq!(names(server.get("/files?glob=pods/**").text()), ["pods/web/0.log"]);
    assert_eq!(names(server.get("/files?glob=*/*.log").text()), ["b c/x.log", "zoo/app.log"]);
    let json = server.request("GET", "/files?glob=pods/*/*", "accept: application/json\r\n");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&json.body).unwrap()[0]["name"], "pods/web/0.log");
    assert_eq!(server.get("/logs?filename=pods/web/0.log").body, b"two\none\n");
    assert_eq!(server.get("/logs?filename=b+c/x.log").body, b"odd\n");
    let record =
        server.request("GET", "/logs?filename=pods/web/0.log&n=1", "accept: application/x-ndjson\r\n");
    assert!(record.text().contains("\"file\":\"pods/web/0.log\""), "{record:?}");
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn nothing_outside_of_an_extra_directory_is_reached() {
    let secret = one_file("secret", b"canary\n");
    let extra = one_file("app.log", b"line\n");
    let dir = extra.path();
    write(&dir.join(".hidden"), b"canary\n");
    symlink(secret.path().join("secret"), dir.join("out")).unwrap();
    symlink(secret.path(), dir.join("dir-out")).unwrap();
    symlink("app.log", dir.join("in")).unwrap();
    let server = with_extra(&[("more", dir)]);
    server.write("own.log", b"canary\n");
    for (name, status, code) in [
        ("more", 404, "not_found"),
        ("more/", 400, "bad_parameter"),
        ("more/none.log", 404, "not_found"),
        ("more/out", 404, "not_found"),
        ("more/in", 404, "not_found"),
        ("more/dir-out/secret", 404, "not_found"),
        ("more/.hidden", 404, "not_found"),
        ("more/own.log", 404, "not_found"),
        ("app.log", 404, "not_found"),
        ("more/more/app.log", 404, "not_found"),
        ("more/../own.log", 400, "bad_parameter"),
        ("more//app.log", 400, "bad_parameter"),
    ] {
        let response = server.get(&format!("/logs?filename={name}"));
        assert_eq!((response.status, response.code().as_str()), (status, code), "{name}");
        assert!(find(&response.body, b"canary").is_none(), "{name}");
    }
    assert_eq!(names(server.get("/files").text()), ["more/app.log", "own.log"]);
}

#[test]
fn an_extra_directory_hides_what_has_its_name_and_the_log_says_so() {
    let (logs, pods) = (one_file("pods/under.log", b"under\n"), one_file("over.log", b"over\n"));
    write(&logs.path().join("sub/pods/deep.log"), b"deep\n");
    let process = Process::start(Process::command().arg("--log-dir").arg(logs.path()).env(
        "BACKSCROLL_EXTRA_LOG_DIRS",
        [option("pods", pods.path()), " ,".into(), option("free", pods.path())].join(&OsString::from(",")),
    ));
    let (addr, said) = process.serving();
    let listing = ask(addr, "/files");
    assert_eq!(names(listing.text()), ["free/over.log", "pods/over.log", "sub/pods/deep.log"]);
    assert_eq!(ask(addr, "/logs?filename=pods/under.log").status, 404);
    assert_eq!(ask(addr, "/logs?filename=pods/over.log").body, b"over\n");
    let warned: Vec<&String> = said.iter().filter(|line| line.contains("WARN")).collect();
    assert!(warned.len() == 1 && warned[0].contains("\"pods\" hides"), "{said:?}");
}

#[test]
fn one_listing_has_its_limits_over_all_directories() {
    let extra = tempfile::tempdir().unwrap();
    let server = with_extra(&[("more", extra.path())]);
    for number in 0..25_000 {
        server.write(&format!("{number}"), b"");
        write(&extra.path().join(format!("{number}")), b"");
    }
    assert_eq!(names(server.get("/files").text()).len(), 50_000);
    write(&extra.path().join("one"), b"");
    let response = server.get("/files");
    assert_eq!((response.status, response.code().as_str()), (400, "bad_parameter"));
    assert_eq!(names(server.get("/files?glob=more/**").text()).len(), 25_001);
}

#[test]
fn an_extra_directory_that_goes_away_is_told_by_its_name() {
    let extra = one_file("app.log", b"line\n");
    let server = with_extra(&[("more", extra.path())]);
    server.write("own.log", b"own\n");
    assert_eq!(server.get("/readyz").status, 200);
    drop(extra);
    for (target, status) in [("/readyz", 503), ("/files", 500), ("/logs?filename=more/app.log", 500)] {
        let response = server.get(target);
        assert_eq!(response.status, status, "{target}");
        assert!(response.text().contains("the log directory \\\"more\\\" has been removed"), "{response:?}");
    }
    assert_eq!(server.get("/logs?filename=own.log").body, b"own\n");
}

#[test]
fn bad_extra_directories_are_refused_in_one_line() {
    let list = |given: &[&str]| {
        ExtraLogDir::list(&given.iter().map(|text| (*text).into()).collect::<Vec<OsString>>())
    };
    for (given, words) in [
        (&["pods"][..], "write NAME=DIR"),
        (&["=/x"], "write NAME=DIR"),
        (&[" =/x"], "write NAME=DIR"),
        (&["pods="], "write NAME=DIR"),
        (&[".pods=/x"], "dot"),
        (&["..=/x"], "dot"),
        (&["a/b=/x"], "holds a /"),
        (&["/a=/x"], "holds a /"),
        (&["a\nb=/x"], "control byte"),
        (&["a\u{7f}=/x"], "control byte"),
        (&[&format!("{}=/x", "a".repeat(256))], "255 bytes"),
        (&["a=/x", "b=/x", "a=/y"], "given twice"),
        (&["a=/x", " a =/y"], "given twice"),
        (
            &(0..17)
                .map(|n| format!("d{n}=/x"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            "at most 16",
        ),
    ] {
        let error = list(given).unwrap_err().to_string();
        assert!(error.starts_with("--extra-log-dir ") && error.contains(words), "{given:?}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert_eq!(list(&["", " "]).unwrap(), []);
    let given = ExtraLogDir::list(&[OsString::from_vec(b" \xff = /x=y ".to_vec())]).unwrap();
    assert_eq!((given[0].name(), given[0].dir()), (&b"\xff"[..], Path::new(" /x=y")), "the first = counts");
}

#[test]
fn an_extra_directory_that_cannot_be_opened_is_exit_64_and_named_with_the_flag() {
    let logs = one_file("app.log", b"line\n");
    let start = |flag: &OsString| -> Output {
        Process::command()
            .arg("--log-dir")
            .arg(logs.path())
            .arg("--extra-log-dir")
            .arg(flag)
            .output()
            .unwrap()
    };
    for dir in [Path::new("/nowhere"), &logs.path().join("app.log")] {
        let Output { status, stderr, .. } = start(&option("more", dir));
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), stderr.lines().count()), (Some(64), 1), "{stderr}");
        assert!(
            stderr.contains("--extra-log-dir \"more\"") && stderr.contains(dir.to_str().unwrap()),
            "{stderr}"
        );
    }
    assert_eq!(start(&"more".into()).status.code(), Some(64));
}
