//! `compose.secondary.yml`: one secondary that serves a folder of this host, to this host alone or,
//! with `deploy/compose-secondary-open.yml`, to those who have a token.

use crate::answer::curl;
use crate::engine::{comes_true, command, docker, root, run, run_id, told, turn};
use crate::faults::readable_dir;
use crate::fleet::{Compose, Fleet};
use std::fs::Permissions;
use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;
use std::sync::MutexGuard;
use std::time::Duration;
use tempfile::TempDir;

/// How long it may take until it is healthy: some checks.
const UP_TIME: Duration = Duration::from_mins(1);

/// The group that may read the logs, as `adm` on Debian.
const LOG_GROUP: u32 = 4;

/// Dropping it removes it.
struct OneHost {
    compose: Compose,
    project: String,
    port: u16,
    variables: Vec<(&'static str, String)>,
    _turn: MutexGuard<'static, ()>,
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An address of this machine that is not loopback, by which others would come.
fn outer_address() -> IpAddr {
    // Nothing is sent. The engine's own bridge is there where there is no other network.
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        return socket.local_addr().unwrap().ip();
    }
    docker(&["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", "bridge"])
        .parse()
        .unwrap()
}

impl OneHost {
    fn up(compose: Compose, logs: &Path, more: &[(&'static str, String)]) -> OneHost {
        let turn = turn();
        let project = format!("backscroll-test-{}-one-host", run_id());
        let port = free_port();
        let logs = logs.to_str().expect("test paths are text").to_owned();
        let mut variables = vec![
            ("BACKSCROLL_LOGS", logs),
            ("BACKSCROLL_PORT", port.to_string()),
            ("BACKSCROLL_LOG_GROUP", LOG_GROUP.to_string()),
            ("COMPOSE_FILE", "compose.secondary.yml".to_owned()),
        ];
        variables.extend_from_slice(more);
        // From here on it is removed if something below fails.
        let host = OneHost { compose, project, port, variables, _turn: turn };
        let (well, text) = told(&host.compose(&["up", "--detach"]).output().unwrap());
        assert!(well, "{compose:?}: {text}");
        assert!(host.comes_to_be_healthy(), "{compose:?}: {}", host.said());
        host
    }

    fn compose(&self, args: &[&str]) -> Command {
        let mut command = command(self.compose.line());
        command.args(["--project-name", &self.project]).args(args).envs(self.variables.iter().cloned());
        // What the machine's own environment says would win over the default.
        command.env_remove("BACKSCROLL_HOSTNAME");
        command
    }

    fn container(&self) -> String {
        let project = format!("label=com.docker.compose.project={}", self.project);
        docker(&["ps", "--all", "--quiet", "--filter", &project])
    }

    fn inspect(&self, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.container()])
    }

    fn comes_to_be_healthy(&self) -> bool {
        comes_true(UP_TIME, || self.inspect("{{.State.Health.Status}}") == "healthy")
    }

    fn said(&self) -> String {
        run(&["docker", "logs", &self.container()]).1
    }

    fn get(&self, target: &str) -> String {
        curl(&[&format!("http://localhost:{}{target}", self.port)]).1
    }
}

impl Drop for OneHost {
    fn drop(&mut self) {
        let (well, text) = told(&self.compose(&["down", "--timeout", "9"]).output().expect("it ran before"));
        if !well {
            eprintln!("{} is left behind: {text}", self.project);
        }
    }
}

/// A folder like `/var/log`: a file for all, and one that only the group may read.
fn var_log() -> TempDir {
    let dir = readable_dir();
    std::fs::write(dir.path().join("app.log"), "one\ntwo\n").unwrap();
    let closed = dir.path().join("auth.log");
    std::fs::write(&closed, "three\n").unwrap();
    chown(&closed, Some(0), Some(LOG_GROUP)).unwrap();
    std::fs::set_permissions(&closed, Permissions::from_mode(0o640)).unwrap();
    dir
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn one_real_host_is_served_to_itself_alone_and_again_after_a_restart() {
    for compose in Compose::installed() {
        let logs = var_log();
        let host = OneHost::up(compose, logs.path(), &[]);
        assert_eq!(host.get("/logs?filename=app.log"), "two\none\n", "{compose:?}");
        assert_eq!(host.get("/logs?filename=auth.log"), "three\n", "{compose:?}");
        let ready = host.get("/readyz");
        let name = run(&["uname", "--nodename"]).1;
        assert!(ready.contains(&format!("\"hostname\":\"{name}\"")), "{compose:?}: {ready}");
        assert!(ready.contains("\"io_engine\":\"uring\""), "{compose:?}: {ready}");

        // It has no port of the engine, and listens at no other address.
        let elsewhere = format!("http://{}:{}/healthz", outer_address(), host.port);
        assert_eq!(curl(&["--max-time", "5", &elsewhere]).0, Some(7), "{compose:?}: {elsewhere}");
        assert_eq!(host.inspect("{{json .HostConfig.PortBindings}}"), "{}");
        assert_contained(&host);

        let (well, text) = told(&host.compose(&["restart", "--timeout", "9"]).output().unwrap());
        assert!(well && host.comes_to_be_healthy(), "{compose:?}: {text}");
        assert_eq!(host.get("/logs?filename=app.log&n=1"), "two\n", "{compose:?}");
        // A process that dies is started again.
        let (well, text) = run(&["kill", "-KILL", &host.inspect("{{.State.Pid}}")]);
        assert!(well, "{text}");
        let again = || host.inspect("{{.RestartCount}}") == "1" && host.get("/healthz") == "ok\n";
        assert!(comes_true(UP_TIME, again), "{compose:?}: {}", host.said());

        let project = host.project.clone();
        drop(host);
        assert_eq!(Fleet::left(&project), "", "{compose:?}");
    }
}

fn assert_contained(host: &OneHost) {
    let of = |field: &str| host.inspect(&format!("{{{{json .HostConfig.{field}}}}}"));
    assert_eq!(of("ReadonlyRootfs"), "true");
    assert_eq!(of("CapDrop"), "[\"ALL\"]");
    assert_eq!(of("Privileged"), "false");
    assert_eq!(of("PidsLimit"), "512");
    assert_eq!(of("Memory"), (256_u64 << 20).to_string());
    assert_eq!(of("RestartPolicy.Name"), "\"unless-stopped\"");
    assert_ne!(of("Init"), "true");
    assert!(of("SecurityOpt").contains("no-new-privileges") && of("SecurityOpt").contains("io_uring_setup"));
    assert!(host.inspect("{{json .Mounts}}").contains("\"RW\":false"));
    assert_eq!(host.inspect("{{.Config.Healthcheck.Interval}}"), "10s");
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn one_real_host_that_is_opened_to_others_asks_for_a_token_or_a_certificate_over_tls() {
    let logs = var_log();
    let dir = readable_dir();
    let (certs, secrets) = (dir.path().join("certs"), dir.path().join("secrets"));
    for folder in [&certs, &secrets] {
        std::fs::create_dir(folder).unwrap();
        chown(folder, Some(10_001), Some(10_001)).unwrap();
    }
    // As docs/operate.md says: made by the image, for its user.
    let address = outer_address().to_string();
    let mount = format!("{}:/s", certs.display());
    let secondary = format!("secondary={address}");
    let init = ["certs", "init", "--dir", "/s", "--secondary", &secondary, "--primary", "localhost"];
    docker(&[&["run", "--rm", "--volume", &mount, "backscroll-primary"][..], &init].concat());
    let made = docker(&["run", "--rm", "backscroll-secondary", "token", "new", "--id", "me"]);
    let (token, entry) = made.split_once('\n').unwrap();
    std::fs::write(secrets.join("tokens.toml"), entry).unwrap();
    for name in ["ca.pem", "secondary.pem", "secondary.key"] {
        let to = secrets.join(name);
        std::fs::copy(certs.join(name), &to).unwrap();
        chown(&to, Some(10_001), Some(10_001)).unwrap();
    }
    for compose in Compose::installed() {
        let port = free_port();
        let files = "compose.secondary.yml:deploy/compose-secondary-open.yml";
        let more = [
            ("COMPOSE_FILE", files.to_owned()),
            ("BACKSCROLL_SECRETS", secrets.to_str().unwrap().to_owned()),
            ("BACKSCROLL_OPEN_LISTEN", format!("0.0.0.0:{port}")),
        ];
        let _host = OneHost::up(compose, logs.path(), &more);
        let url = format!("https://{address}:{port}/logs?filename=app.log");
        let ca = certs.join("ca.pem");
        let ask = |more: &[&str]| {
            let args = [&["--cacert", ca.to_str().unwrap(), "-w", "%{http_code}"], more, &[&url]].concat();
            curl(&args).1
        };
        assert_eq!(ask(&["-H", &format!("Authorization: Bearer {token}")]), "two\none\n200", "{compose:?}");
        assert!(ask(&[]).ends_with("401"), "{compose:?}");
        let [cert, key] = ["primary.pem", "primary.key"].map(|name| certs.join(name));
        let shown = ["--cert", cert.to_str().unwrap(), "--key", key.to_str().unwrap()];
        assert_eq!(ask(&shown), "two\none\n200", "{compose:?}");
        let plain = format!("http://{address}:{port}/logs?filename=app.log");
        assert!(curl(&["-w", "%{http_code}", &plain]).1.ends_with("400"), "{compose:?}");
    }
}

#[test]
#[ignore = "needs a container engine: .ci/containers"]
fn a_folder_of_secrets_that_is_not_given_is_found_out_at_up() {
    for compose in Compose::installed() {
        let mut line = command(compose.line());
        line.env("COMPOSE_FILE", "compose.secondary.yml:deploy/compose-secondary-open.yml");
        line.env_remove("BACKSCROLL_SECRETS").args(["config", "--quiet"]);
        let (well, text) = told(&line.current_dir(root()).output().unwrap());
        assert!(!well && text.contains("tokens.toml"), "{compose:?}: {text}");
    }
}
