//! `docker-compose.yml` as it is shipped: started, each endpoint asked, removed.

use crate::answer::{Answer, curl};
use crate::engine::{comes_true, command, docker, root, run_id, told};
use crate::faults::readable_dir;
use crate::fleet::{Compose, Fleet, SERVICES, compose_file};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::net::TcpListener;
use std::time::Duration;

/// The command in the README.
const README_LINE: &str = "/logs?hostname=secondary-2&filename=alternatives.log&keyword=updated&n=20";

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn the_shipped_fleet_answers_at_every_endpoint_and_leaves_nothing_behind() {
    for compose in Compose::installed() {
        let fleet = Fleet::sample(compose);
        answers_as_the_readme_says(&fleet);
        answers_one_several_and_all(&fleet);
        answers_at_every_endpoint(&fleet);
        assert_contained(&fleet);
        let project = fleet.project.clone();
        drop(fleet);
        assert_eq!(Fleet::left(&project), "", "{compose:?}");
    }
}

fn answers_as_the_readme_says(fleet: &Fleet) {
    let (code, text) = curl(&["--fail", &fleet.url(README_LINE)]);
    assert_eq!(code, Some(0));
    assert_eq!(text.lines().count(), 20, "{text}");
    assert!(text.lines().all(|line| line.contains("updated") && !line.contains('\t')));
}

fn answers_one_several_and_all(fleet: &Fleet) {
    let hosts = |answer: &Answer| -> Vec<String> {
        answer.end["hosts"].as_object().map(|hosts| hosts.keys().cloned().collect()).unwrap_or_default()
    };
    for (asked, expected) in [
        ("hostname=secondary-3&", &["secondary-3"][..]),
        ("hostname=secondary-1&hostname=secondary-3&", &["secondary-1", "secondary-3"]),
        ("hostname=secondary-*&", &SERVICES),
        ("", &SERVICES),
    ] {
        let answer = Answer::of(&fleet.url(&format!("/logs?{asked}filename=dpkg.log&keyword=openssl")));
        assert_eq!((answer.code, answer.status()), (Some(0), "complete"), "{}", answer.shown());
        assert_eq!(hosts(&answer), expected);
        assert!(expected.iter().all(|host| answer.lines_of(host).len() > 100), "{}", answer.shown());
    }
    // This log grows, so the same request gets another answer.
    let newest = || curl(&["--fail", &fleet.url("/logs?filename=app.log&n=1")]).1;
    let first = newest();
    assert!(first.starts_with("secondary-"), "{first}");
    assert!(comes_true(Duration::from_secs(5), || newest() != first));
    let url = fleet.url("/logs?hostname=secondary-1&filename=app.log&n=1");
    let (_, text) = curl(&["--fail", "-H", "Accept: application/x-ndjson", &url]);
    let record: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let time: Timestamp = record["time"].as_str().unwrap().parse().unwrap();
    let age = Timestamp::now().duration_since(time);
    assert!(age.abs() < SignedDuration::from_mins(1), "{record}");
}

fn answers_at_every_endpoint(fleet: &Fleet) {
    let text = |target: &str| {
        let (code, text) = curl(&["--fail", &fleet.url(target)]);
        assert_eq!(code, Some(0), "{target}");
        text
    };
    assert!(text("/").contains("backscroll-primary"));
    assert_eq!(text("/healthz"), "ok\n");
    assert!(text("/readyz").contains("\"ready\":true"));
    let files = text("/files?hostname=secondary-1");
    for name in ["alternatives.log", "app.log", "dpkg.log"] {
        assert!(files.lines().any(|line| line.ends_with(&format!("\t{name}"))), "{files}");
    }
    assert!(text("/files").lines().all(|line| line.starts_with("secondary-")));
    let (_, hosts) = curl(&["-H", "Accept: application/json", &fleet.url("/hosts")]);
    let hosts: Vec<Value> = serde_json::from_str(&hosts).unwrap();
    assert_eq!(hosts.len(), 3);
    for host in hosts {
        assert_eq!(host["state"], "ready", "{host}");
        assert_eq!(host["io_engine"], "uring", "{host}");
    }
    let status = |target: &str| curl(&["-o", "/dev/null", "-w", "%{http_code}", &fleet.url(target)]).1;
    assert_eq!(status("/logs?hostname=secondary-1&filename=none.log"), "404");
    assert_eq!(status("/logs?hostname=nobody&filename=app.log"), "404");
    assert_eq!(status("/logs?hostname=secondary-1&filename=../etc/passwd"), "400");
    assert_eq!(status("/nothing"), "404");
}

/// The settings of each container, as the engine reports them.
fn assert_contained(fleet: &Fleet) {
    for service in ["primary", "secondary-1", "samples"] {
        let host = |field: &str| fleet.inspect(service, &format!("{{{{json .HostConfig.{field}}}}}"));
        assert_eq!(host("ReadonlyRootfs"), "true", "{service}");
        assert_eq!(host("CapDrop"), "[\"ALL\"]", "{service}");
        assert_eq!(host("Privileged"), "false", "{service}");
        assert_eq!(host("PidsLimit"), "512", "{service}");
        assert_ne!(host("Memory"), "0", "{service}");
        assert!(host("SecurityOpt").contains("no-new-privileges"), "{service}");
        assert_eq!(host("SecurityOpt").contains("SCMP_ACT_ERRNO"), service == "secondary-1", "{service}");
        // Not root, whatever the settings say.
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", fleet.inspect(service, "{{.State.Pid}}")));
        let status = status.unwrap();
        let field = |name: &str| status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        if service != "samples" {
            assert!(field("Uid:").contains("10001"), "{service}: {status}");
        }
        assert!(field("CapBnd:").ends_with("0000000000000000"), "{service}: {status}");
        assert!(field("NoNewPrivs:").ends_with('1'), "{service}: {status}");
        assert!(field("Seccomp:").ends_with('2'), "{service}: {status}");
    }
    // A secondary cannot reach the outside through its network.
    let routes = fleet.inspect("secondary-1", "{{json .NetworkSettings.Networks}}");
    let networks: Value = serde_json::from_str(&routes).unwrap();
    assert_eq!(networks.as_object().unwrap().len(), 1, "{routes}");
    assert_eq!(fleet.inspect("secondary-1", "{{json .HostConfig.PortBindings}}"), "{}");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_fleet_that_is_opened_to_others_asks_for_a_token_over_tls() {
    let dir = readable_dir();
    let secrets = dir.path();
    // As docs/operate.md says: made by the image, for its user.
    std::os::unix::fs::chown(secrets, Some(10_001), Some(10_001)).unwrap();
    let mount = format!("{}:/s", secrets.display());
    let init = ["certs", "init", "--dir", "/s", "--primary", "logs.example"];
    docker(&[&["run", "--rm", "--volume", &mount, "backscroll-primary"][..], &init].concat());
    let made = docker(&["run", "--rm", "backscroll-primary", "token", "new", "--id", "me"]);
    let (token, entry) = made.split_once('\n').unwrap();
    std::fs::write(secrets.join("tokens.toml"), entry).unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for compose in Compose::installed() {
        let fleet = Fleet::open(compose, secrets, port);
        let ca = secrets.join("ca.pem");
        let ask = |fields: &str| {
            let url = format!("https://localhost:{port}/logs?filename=dpkg.log&keyword=openssl&n=20");
            let args = ["--cacert", ca.to_str().unwrap(), "-w", "%{http_code}", "-H", fields, &url];
            curl(&args).1
        };
        let answer = ask(&format!("Authorization: Bearer {token}"));
        assert!(answer.lines().count() == 21 && answer.ends_with("200"), "{compose:?}: {answer}");
        assert!(ask("Accept: */*").ends_with("401"));
        // The port on loopback is the same listener.
        let (_, plain) = curl(&["-w", "%{http_code}", &fleet.url("/hosts")]);
        assert!(plain.ends_with("400"), "{plain}");
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_profile_that_is_missing_is_found_out_at_up() {
    for compose in Compose::installed() {
        // The same file in a folder without anything else, where nothing can be built.
        let dir = tempfile::Builder::new().prefix("backscroll-test-").tempdir().unwrap();
        let file = dir.path().join("docker-compose.yml");
        let images = compose_file().replace("build: {", "x-not-built: {");
        let images: Vec<&str> = images.lines().filter(|line| !line.contains("x-not-built")).collect();
        std::fs::write(&file, images.join("\n")).unwrap();
        let project = format!("backscroll-test-{}-missing", run_id());
        let run = |args: &[&str]| {
            let mut line = command(compose.line());
            line.current_dir(dir.path()).args(["--project-name", &project]);
            told(&line.args(args).output().unwrap())
        };
        let (well, text) = run(&["up", "--detach", "secondary-1"]);
        run(&["down", "--volumes", "--timeout", "9"]);
        assert!(!well && text.contains("deploy/seccomp-io-uring.json"), "{compose:?}: {text}");
        assert_eq!(Fleet::left(&project), "");
    }
    assert!(root().join("deploy/seccomp-io-uring.json").exists());
}
