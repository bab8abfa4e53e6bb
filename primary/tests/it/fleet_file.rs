//! The fleet's file, which changes while the primary runs.

use crate::discovery::{LONG, addr, file, from_file};
use crate::{PATIENCE, primary};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

#[tokio::test]
async fn a_file_is_read_again_when_it_is_replaced_or_written() {
    let dir = TempDir::new().unwrap();
    let (path, other) = (dir.path().join("fleet.json"), dir.path().join(".fleet.json.swp"));
    fs::write(&path, file(&[("a", addr(1))])).unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    primary.until_hosts(&["a"]).await;
    fs::write(&other, file(&[("b", addr(1)), ("a", addr(2))])).unwrap();
    fs::rename(&other, &path).unwrap();
    primary.until_hosts(&["a", "b"]).await;
    fs::write(&path, file(&[("c", addr(1))])).unwrap();
    primary.until_hosts(&["c"]).await;
    fs::remove_file(&path).unwrap();
    fs::write(&path, "[]").unwrap();
    primary.until_hosts(&[]).await;
    assert!(primary.curl("/readyz", &[]).await.log.contains("< http/1.1 503 "));
}

#[tokio::test]
async fn a_folder_that_is_exchanged_by_a_symlink_is_seen() {
    // As Kubernetes mounts a ConfigMap.
    let dir = TempDir::new().unwrap();
    let inside = |name: &str| dir.path().join(name);
    let folders = [("..1", "a"), ("..2", "b"), ("..3", "c")];
    for (folder, host) in folders {
        fs::create_dir(inside(folder)).unwrap();
        fs::write(inside(folder).join("fleet.json"), file(&[(host, addr(1))])).unwrap();
    }
    symlink("..1", inside("..data")).unwrap();
    symlink("..data/fleet.json", inside("fleet.json")).unwrap();
    let primary = primary(from_file(&inside("fleet.json"), LONG)).await;
    primary.until_hosts(&["a"]).await;
    for (folder, host) in &folders[1..] {
        symlink(folder, inside("..data_tmp")).unwrap();
        fs::rename(inside("..data_tmp"), inside("..data")).unwrap();
        primary.until_hosts(&[host]).await;
    }
}

#[tokio::test]
async fn a_file_whose_folder_tells_nothing_is_read_at_an_interval() {
    let (dir, elsewhere) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (path, real) = (dir.path().join("fleet.json"), elsewhere.path().join("fleet.json"));
    fs::write(&real, file(&[("a", addr(1))])).unwrap();
    symlink(&real, &path).unwrap();
    let primary = primary(from_file(&path, Duration::from_millis(20))).await;
    // Twice: the first may have been there when it was first read.
    for host in ["b", "c"] {
        fs::write(&real, file(&[(host, addr(1))])).unwrap();
        primary.until_hosts(&[host]).await;
    }
}

#[tokio::test]
async fn a_file_in_yaml_is_followed_as_one_in_json_is() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.yaml");
    fs::write(&path, "- targets: [\"127.0.0.1:1\"]\n  labels: {hostname: a}\n").unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    primary.until_hosts(&["a"]).await;
    fs::write(&path, "- targets:\n  - 127.0.0.1:2\n  labels:\n    hostname: b\n").unwrap();
    primary.until_hosts(&["b"]).await;
}

#[tokio::test]
async fn a_folder_that_is_made_again_is_followed_as_before() {
    // The folder itself, and one above it.
    for (gone, folder) in [("a/b", "a/b"), ("a", "a/b"), ("a/b", "a/b/c")] {
        let dir = TempDir::new().unwrap();
        let (gone, folder) = (dir.path().join(gone), dir.path().join(folder));
        let path = folder.join("fleet.json");
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, file(&[("first", addr(1))])).unwrap();
        let primary = primary(from_file(&path, LONG)).await;
        primary.until_hosts(&["first"]).await;
        for name in ["x", "y"] {
            fs::remove_dir_all(&gone).unwrap();
            tokio::time::sleep(Duration::from_millis(if name == "x" { 0 } else { 300 })).await;
            fs::create_dir_all(&folder).unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
            // Once the folder is watched again, each write is seen.
            for n in 1..3 {
                let name = format!("{name}{n}");
                fs::write(&path, file(&[(&name, addr(n))])).unwrap();
                primary.until_hosts(&[&name]).await;
            }
        }
        // Another folder in its place.
        let (new, old) = (dir.path().join("new"), dir.path().join("old"));
        fs::create_dir(&new).unwrap();
        fs::write(new.join("fleet.json"), file(&[("moved", addr(1))])).unwrap();
        fs::rename(&folder, &old).unwrap();
        fs::rename(&new, &folder).unwrap();
        primary.until_hosts(&["moved"]).await;
        fs::write(&path, file(&[("last", addr(1))])).unwrap();
        primary.until_hosts(&["last"]).await;
    }
}

/// The program itself, with its log.
pub(crate) struct Program {
    pub(crate) child: Child,
    log: Lines<BufReader<ChildStderr>>,
    /// What it has said so far.
    pub(crate) seen: Vec<String>,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Program {
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .args(["--listen", "127.0.0.1:0"])
            .args(args)
            .env_clear()
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        Program { child, log, seen: Vec::new() }
    }

    /// The next line of its log that holds this.
    pub(crate) async fn line(&mut self, wanted: &str) -> String {
        let found = async {
            while let Some(line) = self.log.next_line().await.unwrap() {
                self.seen.push(line.clone());
                if line.contains(wanted) {
                    return line;
                }
            }
            panic!("it ended without {wanted}")
        };
        // Twice as long as a test waits elsewhere: hosts that start are given their time.
        tokio::time::timeout(PATIENCE * 2, found).await.unwrap_or_else(|_| panic!("no line with {wanted}"))
    }
}

#[tokio::test]
async fn a_bad_new_file_is_logged_with_its_place_and_the_fleet_stays() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    fs::write(&path, file(&[("a", addr(1))])).unwrap();
    let mut program =
        Program::start(&["--fleet-file", path.to_str().unwrap(), "--secondary", "z=http://127.0.0.1:9"]);
    let serving = program.line("serving").await;
    let listen = serving.split("listen=").nth(1).unwrap().split(' ').next().unwrap();
    let hosts = async || {
        let out = tokio::process::Command::new("curl")
            .args(["-sS", "--max-time", "20", &format!("http://{listen}/hosts")])
            .output();
        String::from_utf8(out.await.unwrap().stdout).unwrap()
    };
    let hosts = async || {
        let rows = hosts().await;
        rows.lines().map(|row| row.split('\t').take(3).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let names = ["a http://127.0.0.1:1 unreachable", "z http://127.0.0.1:9 unreachable"];
    assert_eq!(hosts().await, names);
    for (text, why) in [
        ("[\n  {\"targets\": [\"127.0.0.1:2\"]\n]", "line 3 column 1"),
        ("", "line 1 column 0"),
        (
            &file(&[("a", addr(1)), ("z", addr(2))]),
            "and http://127.0.0.1:2: give each host a name of its own at line",
        ),
    ] {
        fs::write(&path, text).unwrap();
        let line = program.line(why).await;
        assert!(line.contains("WARN") && line.contains("the fleet stays as it was"), "{line}");
        assert_eq!(hosts().await, names, "{why}");
    }
    fs::remove_file(&path).unwrap();
    program.line("No such file").await;
    assert_eq!(hosts().await, names);
    fs::write(&path, file(&[("b", addr(2))])).unwrap();
    program.line("left the fleet: a (http://127.0.0.1:1)").await;
    program.line("joined the fleet: b (http://127.0.0.1:2)").await;
    program.child.kill().await.unwrap();
}

#[test]
fn a_fleet_that_cannot_be_read_is_one_line_and_status_64() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    for (name, text) in [
        ("syntax", "[\n\n  {\"targets\": 1}\n]"),
        ("target", "[\n\n  {\"targets\": [\"a\"]}]"),
        (
            "twice",
            "[{\"targets\": [\"a:1\"], \"labels\": {\"hostname\": \"a\"}},\n\n{\"targets\": [\"b:1\"], \"labels\": {\"hostname\": \"a\"}}]",
        ),
    ] {
        fs::write(path(name), text).unwrap();
    }
    fs::write(path("yaml.yml"), "- targets: [a:1]\n  lables: {}\n").unwrap();
    fs::write(path("yaml.json"), "- targets: [a:1]\n").unwrap();
    fs::write(path("good"), file(&[("a", addr(1))])).unwrap();
    assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
    for (args, why) in [
        (["--fleet-file", &path("syntax"), "", ""], "line 3 column"),
        (["--fleet-file", &path("target"), "", ""], "line 3 column"),
        (["--fleet-file", &path("twice"), "", ""], "line 3 column"),
        (["--fleet-file", &path("missing"), "", ""], "No such file"),
        (["--fleet-file", &path("pipe"), "", ""], "no regular file"),
        (["--fleet-file", dir.path().to_str().unwrap(), "", ""], "no regular file"),
        (
            ["--fleet-file", &path("good"), "--secondary", "a=http://b:1"],
            "http://b:1 (--secondary) and http://127.0.0.1:1: give each host a name of its own at line",
        ),
        (["--fleet-file", &path("yaml.yml"), "", ""], "line 2"),
        (["--fleet-file", &path("yaml.json"), "", ""], "call it .yml"),
        (["--fleet-dns", "http://a:1", "", ""], "write NAME:PORT"),
        (["--fleet-dns", "a", "", ""], "has no port"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .args(args.iter().filter(|arg| !arg.is_empty()))
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), text.lines().count()), (Some(64), 1), "{args:?}: {text}");
        assert!(text.contains(args[0]) && text.contains(why), "{args:?}: {text}");
    }
}
