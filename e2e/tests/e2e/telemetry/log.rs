//! The messages for requests, in the logs of the real programs.

use super::fleet::{Programs, logged};
use super::wait_for;
use crate::support::curl;
use backscroll_e2e::program::Program;
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What differs from run to run.
const VARIES: [&str; 4] = ["first_record_ms", "duration_ms", "client", "trace_id"];

#[test]
fn each_request_has_one_message_in_json_on_both_servers_with_the_same_id() {
    let programs = Programs::start(&[]);
    let url = programs.url("/logs?filename=app.log&hostname=web1&keyword=secret&keyword=web&n=3");
    assert!(curl(&["--fail", &url, "-H", "X-Request-Id: golden"]).status.success());
    let golden = |program: &Program, hosts: &str, bytes_sent: u64| {
        let message = logged(program, "golden");
        assert_eq!(message["level"], "INFO");
        let fields = message["fields"].as_object().unwrap();
        let fixed = fields.iter().filter(|(name, _)| !VARIES.contains(&name.as_str()));
        let fixed: serde_json::Map<String, Value> =
            fixed.map(|(name, value)| (name.clone(), value.clone())).collect();
        let expected = format!(
            r#"{{"message":"request","method":"GET","endpoint":"/logs","status":200,"verdict":"complete","whole":true,{hosts}"file":"app.log","n":3,"keywords":2,"stopped":"n","lines":3,"bytes_scanned":1650,"bytes_sent":{bytes_sent},"request_id":"golden"}}"#
        );
        assert_eq!(Value::Object(fixed), serde_json::from_str::<Value>(&expected).unwrap());
        assert!(VARIES.iter().all(|name| fields.contains_key(*name)), "{fields:?}");
        fields["trace_id"].clone()
    };
    let of_primary = golden(&programs.primary, r#""hosts":"web1","hosts_asked":1,"#, 99);
    let of_secondary = golden(&programs.secondaries[0], "", 99);
    assert_eq!(of_primary, of_secondary);
    assert!(!programs.logs().contains("secret"), "a keyword is in a log");
    let count = |program: &Program| program.log().iter().filter(|line| line.contains("\"golden\"")).count();
    assert_eq!((count(&programs.primary), count(&programs.secondaries[0])), (1, 1));
}

/// The names of the fields of a message in text, in their order.
fn names(line: &str) -> Vec<&str> {
    line.split(' ').filter_map(|word| word.split_once('=')).map(|(name, _)| name).collect()
}

#[test]
fn the_messages_in_the_documents_are_like_real_ones() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/telemetry.md")).unwrap();
    let shown = |begin: &str| page.lines().find(|line| line.starts_with(begin)).unwrap().to_owned();
    let (text, json) = (shown("2026-"), shown("{\"timestamp\""));
    let programs = Programs::start(&[]);
    let url = programs.url("/logs?filename=app.log&hostname=web1&keyword=web&n=3");
    assert!(curl(&["--fail", &url, "-H", "X-Request-Id: shown"]).status.success());
    let real = logged(&programs.primary, "shown");
    let json: Value = serde_json::from_str(&json).unwrap();
    let keys = |message: &Value| -> Vec<String> {
        message
            .as_object()
            .unwrap()
            .keys()
            .chain(message["fields"].as_object().unwrap().keys())
            .cloned()
            .collect()
    };
    assert_eq!(keys(&json), keys(&real));
    let mut named: Vec<String> = names(&text).into_iter().map(str::to_owned).collect();
    named.push("message".to_owned());
    named.sort();
    assert_eq!(named, json["fields"].as_object().unwrap().keys().cloned().collect::<Vec<_>>());
    for name in named.iter().filter(|name| *name != "message") {
        let has_row = page.lines().any(|line| line.starts_with("| `") && line.contains(&format!("`{name}`")));
        assert!(has_row, "no row says what {name} is");
    }
}

#[test]
fn every_message_that_is_about_a_request_names_it() {
    let mut programs = Programs::start(&[]);
    programs.secondaries.remove(1);
    let asked = curl(&[&programs.url("/logs?filename=app.log"), "-H", "X-Request-Id: lost-host"]);
    assert!(!asked.stdout.is_empty() || !asked.status.success());
    logged(&programs.primary, "lost-host");
    let lines = programs.primary.log();
    let told: Vec<&String> =
        lines.iter().filter(|line| line.contains("host not reached") && line.contains("web2")).collect();
    assert!(told.iter().any(|line| line.contains("\"request_id\":\"lost-host\"")), "{told:?}");
}

/// Killed, by its id, when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a program with its log in files in `dir`, as text, and waits until that says where it
/// listens.
fn start(name: &str, dir: &Path, arguments: &[&str]) -> (Running, String) {
    let mut command = Command::new(Program::folder(name).unwrap().join(name));
    command.args(["--listen", "127.0.0.1:0", "--log-file"]).arg(dir).args(arguments);
    let running = Running(command.stdin(Stdio::null()).spawn().unwrap());
    let listen = wait_for("the address", || {
        let log = text(dir);
        let rest = log.split_once(" listen=")?.1;
        Some(rest.split_whitespace().next()?.to_owned())
    });
    (running, listen)
}

/// All that the files in `dir` hold.
fn text(dir: &Path) -> String {
    let Ok(entries) = std::fs::read_dir(dir) else { return String::new() };
    // One may be removed meanwhile.
    entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok()).collect()
}

#[test]
fn each_request_has_one_message_in_text_on_both_servers_and_files_stay_small() {
    let dir = tempfile::tempdir().unwrap();
    let (logs, own) = (dir.path().join("logs"), dir.path().join("own"));
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("app.log"), "one\ntwo\n").unwrap();
    let small = ["--log-file-size", "2KiB", "--log-files", "3"];
    let mut arguments = vec!["--log-dir", logs.to_str().unwrap()];
    arguments.extend(small);
    let (_secondary, address) = start("backscroll-secondary", &own.join("s"), &arguments);
    let host = format!("web1=http://{address}");
    let mut arguments = vec!["--secondary", &host];
    arguments.extend(small);
    let (_primary, primary) = start("backscroll-primary", &own.join("p"), &arguments);
    let url = format!("http://{primary}/logs?filename=app.log&hostname=web1&n=1");
    assert!(curl(&["--fail", &url, "-H", "X-Request-Id: golden"]).status.success());
    for (dir, hosts) in [("p", " hosts=\"web1\" hosts_asked=1"), ("s", "")] {
        let line = wait_for("the message", || {
            let log = text(&own.join(dir));
            Some(log.lines().find(|line| line.contains(" request_id=golden "))?.to_owned())
        });
        let words = line.split(' ').filter(|word| !VARIES.iter().any(|name| word.starts_with(name)));
        let fixed: Vec<&str> = words.skip(1).collect();
        let expected = format!(
            " INFO backscroll::request: request method=\"GET\" endpoint=\"/logs\" status=200 verdict=\"complete\" whole=true{hosts} file=\"app.log\" n=1 stopped=\"n\" lines=1 bytes_scanned=8 bytes_sent=4 request_id=golden"
        );
        assert_eq!(fixed.join(" "), expected);
    }
    for _ in 0..60 {
        assert!(curl(&["--fail", &url]).status.success());
    }
    for dir in ["p", "s"] {
        wait_for("three files", || (std::fs::read_dir(own.join(dir)).unwrap().count() == 3).then_some(()));
        for entry in std::fs::read_dir(own.join(dir)).unwrap() {
            // One may be removed meanwhile.
            let Ok(data) = entry.unwrap().metadata() else { continue };
            assert!(data.len() <= 4096);
        }
    }
}

#[test]
fn the_flag_says_which_requests_are_logged() {
    for (which, good, bad) in [("off", false, false), ("failed", false, true), ("0", false, true)] {
        let mut programs = Programs::start(&[("BACKSCROLL_REQUEST_LOG", which)]);
        let url = programs.url("/logs?filename=app.log&n=1&hostname=web1");
        assert!(curl(&["--fail", &url, "-H", "X-Request-Id: good"]).status.success());
        programs.secondaries.clear();
        curl(&[&programs.url("/logs?filename=app.log&hostname=web2"), "-H", "X-Request-Id: bad"]);
        programs.primary.signal(rustix::process::Signal::TERM).unwrap();
        programs.primary.wait().unwrap();
        wait_for("the end of the log", || programs.logs().contains("\"stopped\"").then_some(()));
        if bad {
            logged(&programs.primary, "bad");
        }
        let logs = programs.logs();
        let has = |id: &str| {
            let of = format!("\"request_id\":\"{id}\"");
            logs.lines().any(|line| line.contains("backscroll::request") && line.contains(&of))
        };
        assert_eq!((has("good"), has("bad")), (good, bad), "{which}: {logs}");
    }
}
