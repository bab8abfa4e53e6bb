//! A fleet of `docker-compose.yml`, with its own project name and port.

use crate::engine::{comes_true, command, docker, root, run, run_id, told, turn};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// One of the two programs that run a compose file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compose {
    /// `docker compose`, version 2.
    Plugin,
    /// `docker-compose`, version 1.29: the last one in Python.
    Standalone,
}

impl Compose {
    /// Those that are installed, the newer one first.
    pub(crate) fn installed() -> Vec<Compose> {
        let all = [Compose::Plugin, Compose::Standalone];
        let installed: Vec<Compose> =
            all.into_iter().filter(|compose| run(&[compose.line(), &["version"]].concat()).0).collect();
        assert!(!installed.is_empty(), "neither docker compose nor docker-compose is installed");
        installed
    }

    pub(crate) fn line(self) -> &'static [&'static str] {
        match self {
            Compose::Plugin => &["docker", "compose"],
            Compose::Standalone => &["docker-compose"],
        }
    }
}

pub(crate) const SERVICES: [&str; 3] = ["secondary-1", "secondary-2", "secondary-3"];

/// How long a fleet may take to become healthy. The time that it takes is printed.
const UP_TIME: Duration = Duration::from_mins(1);

/// A running fleet. Dropping it removes it, with its volumes and networks.
pub(crate) struct Fleet {
    compose: Compose,
    pub(crate) project: String,
    port: u16,
    variables: Vec<(String, String)>,
    _turn: MutexGuard<'static, ()>,
}

impl Fleet {
    /// A fleet with the sample logs.
    pub(crate) fn sample(compose: Compose) -> Fleet {
        // Not the zone of this machine: the writer and the reader of the logs must use the same.
        Fleet::up(compose, vec![("TZ".to_owned(), "Asia/Tokyo".to_owned())])
    }

    /// A fleet with directories of this host, started by the newest Compose that is installed.
    pub(crate) fn over(dirs: [&Path; 3]) -> Fleet {
        let variables = (1..).zip(dirs);
        let variables = variables.map(|(number, dir)| {
            (format!("SECONDARY_{number}_LOGS"), dir.to_str().expect("test paths are text").to_owned())
        });
        Fleet::up(Compose::installed()[0], variables.collect())
    }

    /// The sample fleet, opened to other hosts by `deploy/compose-open.yml`.
    pub(crate) fn open(compose: Compose, secrets: &Path, port: u16) -> Fleet {
        let secrets = secrets.to_str().expect("test paths are text");
        let variables = [
            ("COMPOSE_FILE", "docker-compose.yml:deploy/compose-open.yml"),
            ("BACKSCROLL_SECRETS", secrets),
            ("BACKSCROLL_OPEN_PORT", &port.to_string()),
        ];
        Fleet::up(compose, variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    fn up(compose: Compose, variables: Vec<(String, String)>) -> Fleet {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let turn = turn();
        let project = format!("backscroll-test-{}-{}", run_id(), NUMBER.fetch_add(1, Relaxed));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // From here on everything is removed if something below fails.
        let fleet = Fleet { compose, project, port, variables, _turn: turn };
        let began = Instant::now();
        let (well, text) = told(&fleet.compose(&["up", "--detach"]).output().unwrap());
        assert!(well, "{text}");
        let services = ["primary", "secondary-1", "secondary-2", "secondary-3"];
        for service in services {
            let healthy = || fleet.inspect(service, "{{.State.Health.Status}}") == "healthy";
            assert!(comes_true(UP_TIME, healthy), "{service}: {}", fleet.state(service));
        }
        eprintln!("{compose:?}: healthy {:.1} s after up", began.elapsed().as_secs_f64());
        fleet
    }

    /// Runs `docker compose ARGS` for this project.
    pub(crate) fn compose(&self, args: &[&str]) -> Command {
        let mut command = command(self.compose.line());
        command.args(["--project-name", &self.project]).args(args);
        command.env("BACKSCROLL_PORT", self.port.to_string());
        command.envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn url(&self, target: &str) -> String {
        format!("http://127.0.0.1:{}{target}", self.port)
    }

    /// The id of a service's container. Its name depends on the version of Compose.
    pub(crate) fn container(&self, service: &str) -> String {
        let project = format!("label=com.docker.compose.project={}", self.project);
        let service_label = format!("label=com.docker.compose.service={service}");
        let id = docker(&["ps", "--all", "--quiet", "--filter", &project, "--filter", &service_label]);
        assert!(!id.is_empty() && !id.contains('\n'), "{service}: {id:?}");
        id
    }

    pub(crate) fn inspect(&self, service: &str, format: &str) -> String {
        docker(&["inspect", "--format", format, &self.container(service)])
    }

    /// The fleet's private network.
    pub(crate) fn network(&self) -> String {
        format!("{}_fleet", self.project)
    }

    /// Sets what happens to packets that come into a service's container.
    pub(crate) fn filter(&self, service: &str, args: &[&str]) {
        let pid = self.inspect(service, "{{.State.Pid}}");
        let enter = ["nsenter", "--target", &pid, "--net", "iptables", "-w", "5"];
        let (well, text) = run(&[&enter[..], args].concat());
        assert!(well, "{text}");
    }

    /// When each container was started, to see whether one was restarted.
    pub(crate) fn started(&self, except: &str) -> Vec<String> {
        let services = ["primary", "secondary-1", "secondary-2", "secondary-3"];
        let of = |service| self.inspect(service, "{{.Name}} {{.State.StartedAt}} {{.RestartCount}}");
        services.into_iter().filter(|service| *service != except).map(of).collect()
    }

    fn state(&self, service: &str) -> String {
        let id = self.container(service);
        format!("{}\n{}", self.inspect(service, "{{json .State}}"), run(&["docker", "logs", &id]).1)
    }

    /// Everything of this project that the engine still has.
    pub(crate) fn left(project: &str) -> String {
        let label = format!("label=com.docker.compose.project={project}");
        let list = |line: &[&str]| docker(&[line, &["--quiet", "--filter", &label]].concat());
        [list(&["ps", "--all"]), list(&["volume", "ls"]), list(&["network", "ls"])].concat()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", told(&self.compose(&["logs", "--tail", "20"]).output().unwrap()).1);
        }
        let down = ["down", "--volumes", "--remove-orphans", "--timeout", "9"];
        let (well, text) = told(&self.compose(&down).output().expect("timeout is part of coreutils"));
        if !well {
            eprintln!("{} is left behind: {text}", self.project);
        }
    }
}

/// A copy of the compose file's folder, for a test that removes a part of it.
pub(crate) fn compose_file() -> String {
    std::fs::read_to_string(root().join("docker-compose.yml")).unwrap()
}
