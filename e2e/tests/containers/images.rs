//! The images: their size, their user, and that they need nothing else.

use crate::engine::{Container, docker, run};
use crate::faults::readable_dir;
use serde_json::Value;

/// The most bytes that an image may add to its base.
const MOST_ADDED: u64 = 20_000_000;

fn inspect(image: &str, format: &str) -> String {
    docker(&["image", "inspect", "--format", format, image])
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn an_image_adds_little_to_its_base_and_runs_as_nobody_in_particular() {
    let size = |image: &str| inspect(image, "{{.Size}}").parse::<u64>().unwrap();
    let base = size("debian:bookworm-slim");
    for image in ["backscroll-secondary", "backscroll-primary"] {
        let added = size(image) - base;
        eprintln!("{image}: {} kB above its base", added / 1000);
        assert!(added <= MOST_ADDED, "{image}: {added} bytes above its base");
        let config: Value = serde_json::from_str(&inspect(image, "{{json .Config}}")).unwrap();
        assert_eq!(config["User"], "10001:10001", "{image}");
        assert_eq!(config["StopSignal"], "SIGTERM", "{image}");
        let program = format!("/usr/local/bin/{image}");
        assert_eq!(config["Healthcheck"]["Test"], serde_json::json!(["CMD", program, "healthcheck"]));
        assert_eq!(
            config["Labels"]["org.opencontainers.image.version"],
            env!("CARGO_PKG_VERSION"),
            "{image}"
        );
        assert_eq!(
            docker(&["run", "--rm", image, "--version"]),
            format!("{image} {}", env!("CARGO_PKG_VERSION"))
        );
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn the_health_check_tells_what_is_wrong() {
    let dir = readable_dir();
    let mount = format!("{}:/logs:ro", dir.path().display());
    let secondary = Container::start(&["--volume", &mount, "--network", "none", "backscroll-secondary"]);
    let check =
        || run(&["docker", "exec", &secondary.0, "/usr/local/bin/backscroll-secondary", "healthcheck"]);
    assert!(secondary.comes_to_answer("/readyz", "is empty"), "{}", secondary.said());
    let (well, text) = check();
    assert!(!well && text.contains("is empty"), "{text}");
    std::fs::write(dir.path().join("app.log"), "one\n").unwrap();
    let (well, text) = check();
    assert!(well, "{text}");
    // A program that listens on IPv4 and IPv6 is found if there is only one of them.
    let env = ["--env", "BACKSCROLL_LISTEN=[::]:8001"];
    let both = Container::start(
        &[&env[..], &["--volume", &mount, "--network", "none", "backscroll-secondary"]].concat(),
    );
    assert!(both.comes_to_answer("/readyz", "\"ready\":true"), "{}", both.said());
    let (well, text) =
        run(&["docker", "exec", &both.0, "/usr/local/bin/backscroll-secondary", "healthcheck"]);
    assert!(well, "{text}");
    // No program runs here: the check of the other image asks at its own default address.
    let (well, text) =
        run(&["docker", "run", "--rm", "--network", "none", "backscroll-primary", "healthcheck"]);
    assert!(!well && text.contains("127.0.0.1:8000"), "{text}");
}
