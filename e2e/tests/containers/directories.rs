//! Log directories with faults.

use crate::engine::{Container, comes_true, command, docker};
use crate::faults::readable_dir;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

fn secondary_over(dir: &Path) -> Container {
    let mount = format!("{}:/logs:ro", dir.display());
    Container::start(&["--network", "none", "--volume", &mount, "backscroll-secondary"])
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_directory_that_is_missing_ends_it_with_one_line() {
    let open = ["--env", "BACKSCROLL_INSECURE=true"];
    let line = [&["docker", "run", "--rm"], &open[..], &["backscroll-secondary", "--log-dir", "/nowhere"]];
    let output = command(&line.concat()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.lines().count() == 1 && said.contains("/nowhere"), "{said}");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_directory_that_is_empty_is_told_and_one_that_fills_is_served() {
    let dir = readable_dir();
    let secondary = secondary_over(dir.path());
    assert!(secondary.comes_to_answer("/readyz", "is empty"), "{}", secondary.said());
    assert!(secondary.said().contains("/logs"), "{}", secondary.said());
    std::fs::write(dir.path().join("app.log"), "one\n").unwrap();
    assert!(secondary.comes_to_answer("/readyz", "\"ready\":true"));
    assert_eq!(secondary.curl("/logs?filename=app.log"), "one");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_log_directory_that_may_not_be_read_is_told_with_the_user_and_served_once_it_may() {
    let dir = readable_dir();
    std::fs::write(dir.path().join("app.log"), "one\n").unwrap();
    allow(dir.path(), 0o700);
    let secondary = secondary_over(dir.path());
    assert!(secondary.comes_to_answer("/readyz", "\"ready\":false"), "{}", secondary.said());
    let said = secondary.said();
    assert!(said.contains("/logs") && said.contains("10001"), "{said}");
    assert!(secondary.curl("/logs?filename=app.log").contains("forbidden"));
    allow(dir.path(), 0o755);
    assert!(secondary.comes_to_answer("/readyz", "\"ready\":true"));
    assert_eq!(secondary.curl("/logs?filename=app.log"), "one");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn logs_of_a_group_are_read_by_a_secondary_that_is_in_it() {
    let dir = readable_dir();
    let log = dir.path().join("app.log");
    std::fs::write(&log, "one\n").unwrap();
    std::os::unix::fs::chown(&log, Some(0), Some(4)).unwrap();
    allow(&log, 0o640);
    let mount = format!("{}:/logs:ro", dir.path().display());
    let start = |group: &[&str]| {
        Container::start(
            &[group, &["--network", "none", "--volume", &mount, "backscroll-secondary"]].concat(),
        )
    };
    let member = start(&["--group-add", "4"]);
    assert!(member.comes_to_answer("/logs?filename=app.log", "one"), "{}", member.said());
    let stranger = start(&[]);
    assert!(stranger.comes_to_answer("/logs?filename=app.log", "forbidden"), "{}", stranger.said());
    let healthy = || docker(&["inspect", "--format", "{{.State.Health.Status}}", &member.0]) == "healthy";
    assert!(comes_true(Duration::from_secs(30), healthy), "by the image's own check");
}
