//! What says which hosts are expected: files that change, and flags that are wrong.

use crate::auth::shelf::Shelf;
use crate::discovery::{LONG, file, from_file};
use crate::{configured, primary};
use backscroll_primary::fleet::expected::Expected;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

#[tokio::test]
async fn a_host_that_leaves_the_fleets_file_is_missed_until_it_is_back() {
    let shelves = [Shelf::new(&["a.log"]).await, Shelf::new(&["a.log"]).await];
    let (web1, web2) = (("web1", shelves[0].address), ("web2", shelves[1].address));
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("fleet.json");
    // The file itself says which hosts are expected.
    let with_label = |hosts: &[(&str, std::net::SocketAddr)]| {
        let mut groups: Vec<serde_json::Value> = serde_json::from_str(&file(hosts)).unwrap();
        groups.push(serde_json::json!({ "targets": [], "labels": { "expected_hosts": "web1,web2" } }));
        serde_json::Value::from(groups).to_string()
    };
    fs::write(&path, with_label(&[web1, web2])).unwrap();
    let primary = primary(from_file(&path, LONG)).await;
    for _ in 0..2 {
        let got = primary.until("/logs?filename=a.log", |got| got.exit == 0).await;
        assert!(got.out.contains("web2\t"), "{got:?}");
        fs::write(&path, with_label(&[web1])).unwrap();
        let got = primary.until("/logs?filename=a.log", |got| got.exit == 18).await;
        assert!(got.log.contains("< log-hosts-failed: web2") && !got.out.contains("web2\t"), "{got:?}");
        let got = primary.curl("/hosts", &[]).await;
        assert!(
            got.out.contains("web2\t\tmissing\tit is expected (the label expected_hosts of --fleet-file)"),
            "{got:?}"
        );
        fs::write(&path, with_label(&[web1, web2])).unwrap();
    }
}

#[tokio::test]
async fn a_file_that_changes_is_taken_and_a_bad_one_leaves_what_was() {
    let shelf = Shelf::new(&["a.log"]).await;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("expected.toml");
    fs::write(&path, "hosts = [\"web1\"]\n").unwrap();
    let mut config = configured(&[("web1", shelf.url())]);
    config.fleet.expected_file = Some(Expected::file(&path).unwrap());
    let primary = primary(config).await;
    let failed = |value: u8| format!("backscroll_fleet_source_failed{{source=\"expected\"}} {value}\n");
    assert_eq!(primary.curl("/logs?filename=a.log", &[]).await.exit, 0);
    fs::write(&path, "hosts = [\"web1\", \"web2\"]\n").unwrap();
    let got = primary.until("/logs?filename=a.log", |got| got.exit == 18).await;
    assert!(got.log.contains("< log-hosts-failed: web2"), "{got:?}");
    assert!(primary.curl("/metrics", &[]).await.out.contains(&failed(0)));
    fs::write(&path, "host = []\n").unwrap();
    primary.until("/metrics", |got| got.out.contains(&failed(1))).await;
    let got = primary.curl("/logs?filename=a.log", &[]).await;
    assert!(got.log.contains("< log-hosts-failed: web2"), "{got:?}");
    // Nor does an empty one, or one of which only a part is there, take back what is expected.
    for part in ["", "hosts = []"] {
        fs::write(&path, "hosts = [\"web1\", \"web2\"]\n").unwrap();
        primary.until("/metrics", |got| got.out.contains(&failed(0))).await;
        fs::write(&path, part).unwrap();
        primary.until("/metrics", |got| got.out.contains(&failed(1))).await;
        assert_eq!(primary.curl("/logs?filename=a.log", &[]).await.exit, 18, "{part:?}");
    }
    fs::write(&path, "count = 1\n").unwrap();
    primary.until("/logs?filename=a.log", |got| got.exit == 0).await;
    assert!(primary.curl("/metrics", &[]).await.out.contains(&failed(0)));
}

#[test]
fn what_is_expected_in_a_wrong_form_is_one_line_and_status_64() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("unknown.toml"), "count = 1\nhost = [\"a\"]\n").unwrap();
    fs::write(path("name.toml"), "hosts = [\"a*\"]\n").unwrap();
    fs::write(path("empty.toml"), "").unwrap();
    fs::write(path("large.toml"), "#".repeat((1 << 20) + 1)).unwrap();
    fs::write(path("fleet.json"), "[{\"targets\": [],\n \"labels\": {\"expected_count\": \"x\"}}]").unwrap();
    for (args, variable, why) in [
        (&["--expected-host", "a*"][..], ("", ""), "--expected-host: the host \"a*\""),
        (&["--expected-count", "many"], ("", ""), "--expected-count: the number \"many\""),
        (&["--expected-file", &path("absent.toml")], ("", ""), "No such file"),
        (&["--expected-file", dir.path().to_str().unwrap()], ("", ""), "it is no regular file"),
        (&["--expected-file", &path("unknown.toml")], ("", ""), "line 2: unknown field `host`"),
        (&["--expected-file", &path("name.toml")], ("", ""), "the host \"a*\": a name holds no *"),
        (&["--expected-file", &path("empty.toml")], ("", ""), "to expect nothing, write hosts = []"),
        (&["--expected-file", &path("large.toml")], ("", ""), "more than 1048576 bytes"),
        (&["--fleet-file", &path("fleet.json")], ("", ""), "the label expected_count: the number \"x\""),
        (&[], ("BACKSCROLL_EXPECTED_HOSTS", "a,b c"), "--expected-host: the host \"b c\""),
        (&[], ("BACKSCROLL_EXPECTED_COUNT", "-1"), "--expected-count: the number \"-1\""),
        (&[], ("BACKSCROLL_EXPECTED_FILE", "/no/such/file"), "--expected-file /no/such/file: No such file"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backscroll-primary"));
        command.args(args).env_clear();
        if !variable.0.is_empty() {
            command.env(variable.0, variable.1);
        }
        let output = command.output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(64), 1), "{args:?}: {told}");
        assert!(told.contains(why), "{args:?}: {told}");
    }
}
