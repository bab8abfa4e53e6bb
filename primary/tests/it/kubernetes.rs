//! `kubernetes-hosts`, against a server that answers as the API of a cluster does.

mod cluster;

use crate::PATIENCE;
use cluster::{Cluster, Reply, UID, daemonset, page, pod, status};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// The command, with the files of a service account in this directory.
fn command(dir: &Path, cluster: &Cluster) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"));
    command
        .args(["kubernetes-hosts", "--namespace", "logs", "--api", &cluster.url])
        .arg("--file")
        .arg(file(dir))
        .arg("--ca-file")
        .arg(&cluster.ca)
        .arg("--token-file")
        .arg(dir.join("token"))
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

fn file(dir: &Path) -> PathBuf {
    dir.join("expected.toml")
}

fn account() -> TempDir {
    let dir = TempDir::new().unwrap();
    std::fs::write(dir.path().join("token"), "one\n").unwrap();
    dir
}

async fn once(dir: &Path, cluster: &Cluster) -> Output {
    command(dir, cluster).arg("--once").output().await.unwrap()
}

/// Answers with the `DaemonSet`, or with what `pods` says.
fn with_pods(count: u32, mut pods: impl FnMut(&str) -> Reply + Send) -> impl FnMut(&str) -> Reply + Send {
    move |head| if head.contains("/daemonsets/") { Reply::Json(200, daemonset(count)) } else { pods(head) }
}

#[tokio::test]
async fn the_nodes_for_which_pods_are_meant_are_written() {
    let dir = account();
    let cluster = Cluster::new(
        dir.path(),
        with_pods(5, |head| {
            if head.contains("&continue=ey%2BJ2%3D") {
                let others = [
                    // Evicted, and another one is made for the node.
                    pod(UID, "node-3", true, "Failed"),
                    pod(UID, "node-3", false, "Pending"),
                    // Evicted, and the node takes no other one.
                    pod(UID, "node-4", true, "Failed"),
                    pod(UID, "node-5", true, "Succeeded"),
                    // Of another DaemonSet with the same labels.
                    pod("another", "node-6", true, "Running"),
                    json!({ "metadata": { "name": "alone" }, "spec": { "nodeName": "node-7" }, "status": {} }),
                ];
                Reply::Json(200, page(&others, ""))
            } else {
                let first = [pod(UID, "node-1", true, "Running"), pod(UID, "node-2", true, "Pending")];
                Reply::Json(200, page(&first, "ey+J2="))
            }
        }),
    )
    .await;
    let output = once(dir.path(), &cluster).await;
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
    let text = std::fs::read_to_string(file(dir.path())).unwrap();
    assert_eq!(text, "hosts = [\n  \"node-1\",\n  \"node-2\",\n  \"node-3\",\n]\nunnamed = 2\n");
    let heads = cluster.heads();
    let targets: Vec<&str> = heads.iter().map(|head| head.split(' ').nth(1).unwrap()).collect();
    let pods = "/api/v1/namespaces/logs/pods?limit=250&labelSelector=app%2Ekubernetes%2Eio%2Fname%3Dbackscroll%2Dsecondary";
    let next = format!("{pods}&continue=ey%2BJ2%3D");
    assert_eq!(targets, ["/apis/apps/v1/namespaces/logs/daemonsets/backscroll-secondary", pods, &next]);
    for head in &heads {
        assert!(head.starts_with("GET ") && head.contains("authorization: Bearer one\r\n"), "{head}");
    }
    // The same once more: nothing is written.
    let before = std::fs::metadata(file(dir.path())).unwrap().modified().unwrap();
    assert!(once(dir.path(), &cluster).await.status.success());
    assert_eq!(std::fs::metadata(file(dir.path())).unwrap().modified().unwrap(), before);
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "no other file is left: {left:?}");
}

#[tokio::test]
async fn the_first_file_waits_for_an_api_that_is_ready_later() {
    let dir = account();
    let asked = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&asked);
    let cluster = Cluster::new(
        dir.path(),
        with_pods(1, move |_| {
            *counted.lock().unwrap() += 1;
            match *counted.lock().unwrap() {
                1 => status(403, "Forbidden", "not yet"),
                _ => Reply::Json(200, page(&[pod(UID, "node-1", true, "Running")], "")),
            }
        }),
    )
    .await;
    let output =
        command(dir.path(), &cluster).args(["--once", "--retry-time", "600"]).output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && told.contains("trying again for 600 s"), "{told}");
    assert_eq!((told.lines().count(), *asked.lock().unwrap()), (1, 2), "{told}");
    assert!(std::fs::read_to_string(file(dir.path())).unwrap().contains("node-1"));
}

#[tokio::test]
async fn a_list_whose_next_page_is_gone_is_begun_anew() {
    let dir = account();
    let lists = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&lists);
    let cluster = Cluster::new(
        dir.path(),
        with_pods(2, move |head| {
            if head.contains("&continue=") {
                return status(410, "Expired", "The provided continue parameter is too old");
            }
            *counted.lock().unwrap() += 1;
            let next = if *counted.lock().unwrap() == 1 { "old" } else { "" };
            Reply::Json(200, page(&[pod(UID, "node-1", true, "Running")], next))
        }),
    )
    .await;
    assert!(once(dir.path(), &cluster).await.status.success());
    assert_eq!(*lists.lock().unwrap(), 2);
    assert!(std::fs::read_to_string(file(dir.path())).unwrap().contains("node-1"));
}

/// Asks once, which has to fail in one line that says this, and to leave the file as it was.
async fn fails(answers: impl FnMut(&str) -> Reply + Send + 'static, why: &str) {
    let dir = account();
    std::fs::write(file(dir.path()), "count = 1\n").unwrap();
    let cluster = Cluster::new(dir.path(), answers).await;
    let output = once(dir.path(), &cluster).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{why}: {told}");
    assert!(told.contains(why) && !told.contains("Bearer"), "{why}: {told}");
    assert_eq!(std::fs::read_to_string(file(dir.path())).unwrap(), "count = 1\n", "{why}");
}

#[tokio::test]
async fn what_the_api_refuses_is_one_line_and_leaves_the_file() {
    let refused = |code, message: &'static str| move |_: &str| status(code, "X", message);
    fails(refused(401, "Unauthorized"), "does not know the token (401)").await;
    fails(
        refused(403, "daemonsets.apps is\nforbidden"),
        "may not get the DaemonSet backscroll-secondary of the namespace logs (403): give it the Role that docs/fleet.md shows: daemonsets.apps is forbidden",
    )
    .await;
    fails(with_pods(1, refused(403, "pods is forbidden")), "may not list pods in the namespace logs (403)")
        .await;
    fails(refused(404, "not found"), "no DaemonSet backscroll-secondary in the namespace logs").await;
    fails(refused(500, "etcd"), "with status 500 Internal Server Error: etcd").await;
    fails(with_pods(1, refused(410, "too old")), "changes faster than it can be read").await;
    let fresh = |_: &str| {
        let mut fresh = daemonset(0);
        fresh["status"].as_object_mut().unwrap().remove("observedGeneration");
        Reply::Json(200, fresh)
    };
    fails(fresh, "has no status yet").await;
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_is_one_line_and_leaves_the_file() {
    let not_understood = "that is not understood";
    let negative = json!({
        "kind": "DaemonSet", "metadata": {}, "spec": { "selector": {} },
        "status": { "desiredNumberScheduled": -1, "observedGeneration": 1 },
    });
    let other = json!({ "kind": "Status", "metadata": {}, "items": [] });
    let garbage = ["", "{}", "[]", "<html>"].map(str::to_owned);
    for garbage in garbage.into_iter().chain([negative.to_string(), other.to_string()]) {
        let again = garbage.clone();
        fails(with_pods(1, move |_| Reply::Bytes(again.clone().into())), not_understood).await;
        fails(move |_| Reply::Bytes(garbage.clone().into()), not_understood).await;
    }
    fails(|_| Reply::CutOff, "or cuts it off").await;
    fails(|_| Reply::Bytes(vec![b' '; (16 << 20) + 1]), "longer than 16777216 bytes").await;
    // Pages without an end.
    fails(with_pods(1, |_| Reply::Json(200, page(&[], "more"))), "changes faster than it can be read").await;
    let many: Vec<_> = (0..250).map(|n| pod(UID, &format!("n{n}"), true, "Running")).collect();
    fails(with_pods(1, move |_| Reply::Json(200, page(&many, "more"))), "more than 20000 pods").await;
    fails(|_| Reply::Never, "has not answered within 10s").await;
}

#[tokio::test]
async fn what_is_no_connection_is_one_line() {
    let (dir, other) = (account(), account());
    let mut cluster = Cluster::new(dir.path(), |_| Reply::Never).await;
    let _stranger = Cluster::new(other.path(), |_| Reply::Never).await;
    cluster.ca = other.path().join("ca.crt");
    let told = String::from_utf8(once(dir.path(), &cluster).await.stderr).unwrap();
    assert!(told.contains("an authority that is not in the file of --ca-file"), "{told}");
    assert_eq!(cluster.heads(), [] as [&str; 0], "it is shown no token");
    cluster.ca = dir.path().join("ca.crt");
    for (token, why) in [(&b""[..], "does not hold one token"), (b"a b", "does not hold one token")] {
        std::fs::write(dir.path().join("token"), token).unwrap();
        let told = String::from_utf8(once(dir.path(), &cluster).await.stderr).unwrap();
        assert!(told.contains("--token-file") && told.contains(why), "{told}");
    }
    std::fs::remove_file(dir.path().join("token")).unwrap();
    let told = String::from_utf8(once(dir.path(), &cluster).await.stderr).unwrap();
    assert!(told.contains("No such file") && told.contains("mount the token"), "{told}");
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    std::fs::write(dir.path().join("token"), "one").unwrap();
    cluster.url = format!("https://{free}");
    let output = once(dir.path(), &cluster).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("cannot be reached: it refuses connections"), "{told}");
    assert_eq!(output.status.code(), Some(1));
    assert!(!file(dir.path()).exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_one_line() {
    let dir = account();
    let cluster = Cluster::new(dir.path(), with_pods(0, |_| Reply::Json(200, page(&[], "")))).await;
    let mut command = command(dir.path(), &cluster);
    let output = command.args(["--once", "--file"]).arg(dir.path().join("no/x.toml")).output().await.unwrap();
    // The flag is there twice.
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    std::fs::create_dir(file(dir.path())).unwrap();
    let output = once(dir.path(), &cluster).await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    assert!(told.contains("--file ") && told.contains("name a file in a directory"), "{told}");
}

#[tokio::test]
async fn a_token_that_is_replaced_is_used_and_a_failure_is_logged_once() {
    let dir = account();
    // The token that is valid, and the nodes that there are.
    let now = Arc::new(Mutex::new(("Bearer one", vec!["node-1"])));
    let state = Arc::clone(&now);
    let cluster = Cluster::new(dir.path(), move |head| {
        let (token, nodes) = state.lock().unwrap().clone();
        if !head.contains(&format!("authorization: {token}\r\n")) {
            // With a text of its own each time.
            return status(401, "Unauthorized", &format!("Unauthorized {}", fastrand::u64(..)));
        }
        let pods: Vec<_> = nodes.iter().map(|node| pod(UID, node, true, "Running")).collect();
        if head.contains("/daemonsets/") {
            return Reply::Json(200, daemonset(u32::try_from(nodes.len()).unwrap()));
        }
        Reply::Json(200, page(&pods, ""))
    })
    .await;
    let mut child =
        command(dir.path(), &cluster).args(["--interval", "1"]).stderr(Stdio::piped()).spawn().unwrap();
    let until = async |what: &str, is_so: &dyn Fn() -> bool| {
        let since = Instant::now();
        while !is_so() {
            assert!(since.elapsed() < PATIENCE, "{what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let holds =
        |wanted: &str| std::fs::read_to_string(file(dir.path())).is_ok_and(|text| text.contains(wanted));
    until("the first file", &|| holds("node-1")).await;
    let refused = cluster.heads().len();
    *now.lock().unwrap() = ("Bearer two", vec!["node-1", "node-2"]);
    until("three rounds that are refused", &|| cluster.heads().len() > refused + 3).await;
    assert!(!holds("node-2"), "the file stays as it was");
    std::fs::write(dir.path().join("token"), "two").unwrap();
    until("the second file", &|| holds("node-2") && holds("unnamed = 0")).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        lines.push(line);
    }
    assert_eq!(child.wait().await.unwrap().code(), Some(0), "{lines:?}");
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("WARN"), count("(401)"), count("answers again")), (1, 1, 1), "{lines:#?}");
    assert_eq!(count("the expected hosts were written"), 2, "{lines:#?}");
    assert!(!lines.concat().contains("one\"") && !lines.concat().contains("Bearer"), "{lines:#?}");
}

#[tokio::test]
async fn settings_that_are_wrong_are_one_line_and_status_64() {
    let dir = account();
    let ca = dir.path().join("token");
    let ca = ca.to_str().unwrap();
    let usual = ["--file", "x", "--namespace", "logs", "--api", "https://127.0.0.1:1"];
    let without = |name: &str| {
        let at = usual.iter().position(|arg| *arg == name).unwrap();
        [&usual[..at], &usual[at + 2..]].concat()
    };
    for (args, why) in [
        (without("--file"), "--file"),
        (without("--namespace"), "--namespace is not given"),
        (without("--api"), "--api is not given, and KUBERNETES_SERVICE_HOST"),
        ([&without("--api")[..], &["--api", "http://127.0.0.1:1"]].concat(), "does not begin with https://"),
        ([&without("--api")[..], &["--api", "127.0.0.1"]].concat(), "has no scheme"),
        ([&usual[..], &["--daemonset", "a/b"]].concat(), "--daemonset \"a/b\""),
        ([&usual[..], &["--interval", "0"]].concat(), "--interval"),
        ([&usual[..], &["--intervall", "5"]].concat(), "--intervall"),
        (usual.to_vec(), "--ca-file /var/run/secrets/kubernetes.io/serviceaccount/ca.crt"),
        ([&usual[..], &["--ca-file", ca]].concat(), "it holds no certificate"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"))
            .arg("kubernetes-hosts")
            .args(&args)
            .env_clear()
            .output()
            .await
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(64), 1), "{args:?}: {told}");
        assert!(told.contains(why), "{args:?}: {told}");
    }
}
