use backscroll_primary::fleet::discovery::Discovery;
use backscroll_primary::{Args, Config};
use clap::Parser as _;
use std::process::{Command, Output, Stdio};

fn hosts(list: &str) -> Result<Vec<String>, String> {
    let args = Args::try_parse_from(["backscroll-primary", &format!("--secondary={list}")]).unwrap();
    let fleet = Discovery::new(Config::try_from(args)?.fleet).1;
    Ok(fleet.borrow().hosts().map(|h| format!("{}={}", h.name, h.url)).collect())
}

#[test]
fn hosts_are_taken_from_a_list() {
    let list = "b=http://10.0.0.1:8001,a=HTTP://h/,c=http://[::1]:8001, d=http://h ,";
    assert_eq!(
        hosts(list).unwrap(),
        ["a=http://h", "b=http://10.0.0.1:8001", "c=http://[::1]:8001", "d=http://h"]
    );
    assert_eq!(hosts("").unwrap(), Vec::<String>::new());
    assert_eq!(hosts("a=http://H:1,a=http://h:1").unwrap(), ["a=http://h:1"], "one URL");
}

#[test]
fn bad_hosts_are_refused_in_one_line_that_says_why() {
    for (list, why) in [
        ("web1", "NAME=URL"),
        ("=http://h", "name is empty"),
        ("a b=http://h", "white space"),
        ("a\tb=http://h", "white space"),
        ("a*=http://h", "no *"),
        ("a?=http://h", "no ?"),
        ("a@b=http://h", "no @"),
        ("a=h:8001", "no scheme"),
        ("a=ftp://h", "not an http one"),
        ("a=https://h", "TLS, which is not built yet"),
        ("a=http://", "no "),
        ("a=http://:80", "no "),
        ("a=http://h:0", "port"),
        ("a=http://h:99999", "no valid"),
        ("a=http://h:", "port"),
        ("a=http://h/x", "path"),
        ("a=http://h//", "path"),
        ("a=http://h?x", "query"),
        ("a=http://h#x", "fragment"),
        ("a=http://u:p@h", "user"),
        ("a=http://h,a=http://i", "two URLs for one name"),
        (&format!("{}=http://h", "a".repeat(256)), "255 bytes"),
    ] {
        let error = hosts(list).expect_err(list);
        assert!(error.contains(why) && error.lines().count() == 1, "{list}: {error}");
    }
}

fn program(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
        .args(args)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn bad_configuration_is_one_line_and_status_64() {
    for args in
        [&["--secondary", "x"] as &[&str], &["--listen", "nowhere"], &["--nope"], &["--log-level", "a=b=c"]]
    {
        let output = program(args);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(64), 1), "{args:?}: {text}");
    }
}

#[test]
fn a_port_in_use_is_status_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = program(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--listen 127.0.0.1:"));
}

#[test]
fn there_is_a_thread_for_each_core() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
        .args(["--listen", "127.0.0.1:0"])
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    assert!(lines.next().unwrap().unwrap().contains("serving"));
    // A thread takes its name once it runs.
    let serving = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
        let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
        names.filter(|name| name.starts_with("primary-")).count()
    };
    let cores = std::thread::available_parallelism().unwrap().get();
    let since = std::time::Instant::now();
    while serving() != cores && since.elapsed() < crate::PATIENCE {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let count = serving();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(count, cores);
}

#[test]
fn a_signal_stops_it() {
    for signal in ["-TERM", "-INT"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .args(["--listen", "127.0.0.1:0"])
            .env_clear()
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
        assert!(lines.next().unwrap().unwrap().contains("serving"));
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert!(child.wait().unwrap().success());
        assert!(lines.any(|line| line.unwrap().contains("stopped")));
    }
}
