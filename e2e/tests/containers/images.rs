//! The images: their size, their user, and that they need nothing else.

use crate::engine::{Container, docker, root, run, run_id};
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
fn an_image_that_is_started_without_authentication_refuses_to_listen_for_all() {
    for image in ["backscroll-secondary", "backscroll-primary"] {
        let (well, text) = run(&["docker", "run", "--rm", image]);
        assert!(!well && text.contains("--token-file") && text.contains("--insecure"), "{image}: {text}");
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

/// An image that a test has made. Dropping it removes it.
struct Image(String);

impl Image {
    /// Builds one from the text of a Dockerfile, with build arguments.
    fn build(name: &str, dockerfile: &str, args: &[&str]) -> Image {
        let image = Image(format!("backscroll-test-{}-{name}", run_id()));
        let dir = readable_dir();
        std::fs::write(dir.path().join("Dockerfile"), dockerfile).unwrap();
        let args: Vec<&str> = args.iter().flat_map(|arg| ["--build-arg", arg]).collect();
        let (well, text) =
            run(&[&["docker", "build", "-t", &image.0], &args[..], &[dir.path().to_str().unwrap()]].concat());
        assert!(well, "{text}");
        image
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let (well, text) = run(&["docker", "rmi", "--force", &self.0]);
        if !well {
            eprintln!("an image is left behind: {text}");
        }
        // Older builders keep the first stage of a build, without a name.
        let label = format!("label=backscroll-test={}", run_id());
        let _ = run(&["docker", "image", "prune", "--force", "--filter", &label]);
    }
}

/// The Dockerfile of a program, without the part that compiles: its bases and its last stage.
fn last_stage(program: &str) -> String {
    let path = root().join(format!("Dockerfile.{}", program.trim_start_matches("backscroll-")));
    let dockerfile = std::fs::read_to_string(path).unwrap();
    let (bases, _) = dockerfile.split_once("WORKDIR ").unwrap();
    let (_, last) = dockerfile.split_once("# Nothing is run in the last stage").unwrap();
    let built = format!("/backscroll/target/release/{program}");
    let label = format!("LABEL backscroll-test={}", run_id());
    let made = format!("RUN mkdir -p /backscroll/target/release /backscroll/empty && cp /marker {built}");
    format!("{bases}{label}\n{made}\n#{last}")
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn build_arguments_choose_the_bases_of_an_image_and_say_what_it_was_made_from() {
    let marked = |name: &str| {
        let text = format!("FROM debian:bookworm-slim\nRUN echo {name} >/marker\nLABEL base={name}");
        Image::build(name, &text, &[])
    };
    let (build_base, run_base) = (marked("build"), marked("run"));
    for program in ["backscroll-secondary", "backscroll-primary"] {
        let args = [
            &format!("BUILD_IMAGE={}", build_base.0),
            &format!("RUN_IMAGE={}", run_base.0),
            "VERSION=1.2.3",
            "REVISION=0123abc",
            "SOURCE=https://sources.example/backscroll",
        ];
        let image = Image::build(program, &last_stage(program), &args);
        let labels: Value = serde_json::from_str(&inspect(&image.0, "{{json .Config.Labels}}")).unwrap();
        assert_eq!(labels["base"], "run", "{program}");
        let of = |name: &str| labels[format!("org.opencontainers.image.{name}")].as_str().unwrap_or_default();
        assert_eq!(of("version"), "1.2.3", "{program}");
        assert_eq!(of("revision"), "0123abc", "{program}");
        assert_eq!(of("source"), "https://sources.example/backscroll", "{program}");
        assert_eq!((of("title"), of("licenses")), (program, "Apache-2.0"));
        let path = format!("/usr/local/bin/{program}");
        let show = ["run", "--rm", "--network", "none", "--entrypoint", "cat", &image.0, &path];
        assert_eq!(docker(&show), "build", "{program}");
    }
}
