//! The profile `observability` of `docker-compose.yml`. Its images cannot be fetched where this is
//! tested, so what is checked is what does not need them.

use crate::shipped::{file, items, root, text, yaml};
use serde_json::{Map, Value};
use std::process::Command;

const FILE: &str = "docker-compose.yml";
const PROFILE: [&str; 3] = ["grafana", "jaeger", "prometheus"];

fn services() -> Map<String, Value> {
    yaml(FILE)["services"].as_object().unwrap().clone()
}

/// What a program in a container has from outside: `./host:/container:ro`, or `volume:/container`.
fn mounts(service: &Value) -> Vec<(String, String)> {
    let all = items(&service["volumes"]).map(text);
    all.map(|mount| mount.split_once(':').map(|(from, to)| (from.to_owned(), to.to_owned())).unwrap())
        .collect()
}

#[test]
fn without_the_profile_the_fleet_alone_is_started() {
    let services = services();
    let of_profile: Vec<&String> =
        services.iter().filter(|(_, service)| !service["profiles"].is_null()).map(|(name, _)| name).collect();
    assert_eq!(of_profile, PROFILE);
    for (name, service) in &services {
        assert!(PROFILE.contains(&name.as_str()) || service["profiles"].is_null(), "{name}");
        // None of the fleet waits for one of the profile.
        let waits = service["depends_on"].to_string();
        assert!(PROFILE.iter().all(|other| !waits.contains(other)), "{name}: {waits}");
    }
    assert_eq!(services.len(), PROFILE.len() + 5);
}

#[test]
fn what_the_profile_starts_is_pinned_contained_and_on_loopback() {
    let services = services();
    for name in PROFILE {
        let service = &services[name];
        let (_, version) = text(&service["image"]).split_once(':').expect("an image has a version");
        let number = version.trim_start_matches('v');
        assert!(number.split('.').count() == 3 && number.split('.').all(|part| part.parse::<u32>().is_ok()));
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"].to_string(), "[\"ALL\"]", "{name}");
        assert!(service["security_opt"].to_string().contains("no-new-privileges:true"), "{name}");
        assert!(service["mem_limit"].is_string() && service["pids_limit"].is_u64(), "{name}");
        let ports: Vec<&str> = items(&service["ports"]).map(text).collect();
        assert!(!ports.is_empty() && ports.iter().all(|port| port.starts_with("127.0.0.1:${")), "{ports:?}");
    }
}

#[test]
fn every_file_that_is_mounted_is_there_and_read_only() {
    let volumes = yaml(FILE)["volumes"].as_object().unwrap().clone();
    for name in PROFILE {
        for (from, to) in mounts(&services()[name]) {
            if from.starts_with("./") {
                assert!(root().join(&from).exists(), "{name}: {from}");
                assert!(to.ends_with(":ro"), "{name}: {from}");
            } else {
                assert!(volumes.contains_key(&from), "{name}: {from}");
            }
        }
    }
}

#[test]
fn what_is_mounted_is_where_the_configuration_looks_for_it() {
    let services = services();
    let is_mounted = |service: &str, from: &str, to: &str| {
        let mounts = mounts(&services[service]);
        let found = mounts.iter().any(|mount| *mount == (format!("./{from}"), format!("{to}:ro")));
        assert!(found, "{service}: {from} at {to}: {mounts:?}");
    };
    let folder = "/etc/prometheus";
    let command: Vec<&str> = items(&services["prometheus"]["command"]).map(text).collect();
    assert!(command.contains(&"--config.file=/etc/prometheus/prometheus.yml"), "{command:?}");
    is_mounted("prometheus", "deploy/prometheus/prometheus.yml", &format!("{folder}/prometheus.yml"));
    let config = yaml("deploy/prometheus/prometheus.yml");
    for rules in items(&config["rule_files"]).map(text) {
        is_mounted("prometheus", &format!("deploy/prometheus/{rules}"), &format!("{folder}/{rules}"));
    }
    let provisioning = "deploy/grafana/provisioning";
    for part in ["datasources", "dashboards"] {
        is_mounted(
            "grafana",
            &format!("{provisioning}/{part}"),
            &format!("/etc/grafana/provisioning/{part}"),
        );
    }
    let providers = yaml(&format!("{provisioning}/dashboards/backscroll.yml"));
    let path = text(&providers["providers"][0]["options"]["path"]);
    is_mounted("grafana", "deploy/grafana/backscroll.json", &format!("{path}/backscroll.json"));
    let home = &services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    assert_eq!(text(home), format!("{path}/backscroll.json"));
    // Each data source is a service of this file, at a port that it has.
    let sources = yaml(&format!("{provisioning}/datasources/backscroll.yml"));
    for source in items(&sources["datasources"]) {
        let (name, port) = text(&source["url"]).trim_start_matches("http://").split_once(':').unwrap();
        let ports = services[name]["ports"].to_string();
        assert!(ports.contains(&format!(":{port}\"")), "{name}: {port}: {ports}");
    }
}

#[test]
fn prometheus_reaches_every_program_of_the_fleet_by_its_name_and_port() {
    let services = services();
    let config = yaml("deploy/prometheus/prometheus.yml");
    let mut asked = Vec::new();
    for job in items(&config["scrape_configs"]) {
        let targets = items(&job["static_configs"]).flat_map(|part| items(&part["targets"])).map(text);
        for target in targets {
            let (name, port) = target.split_once(':').unwrap();
            let program = if name == "primary" {
                ("backscroll-primary", "8000")
            } else {
                ("backscroll-secondary", "8001")
            };
            assert_eq!((text(&job["job_name"]), port), program, "{name}");
            // The name by which it is called is its own: it answers to no other.
            assert_eq!(services[name]["hostname"], name);
            asked.push(name.to_owned());
        }
    }
    asked.sort();
    assert_eq!(asked, ["primary", "secondary-1", "secondary-2", "secondary-3"]);
    for (name, service) in &services {
        let networks = service["networks"].to_string();
        let is_asked = asked.contains(name) || ["prometheus", "jaeger"].contains(&name.as_str());
        assert_eq!(networks.contains("\"fleet\""), is_asked, "{name}: {networks}");
    }
}

#[test]
fn traces_are_sent_only_where_a_variable_says_so() {
    for (name, service) in &services() {
        let endpoint = &service["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"];
        let is_ours = name == "primary" || name.starts_with("secondary-");
        let expected = if is_ours { Value::from("${BACKSCROLL_OTLP_ENDPOINT:-}") } else { Value::Null };
        assert_eq!(*endpoint, expected, "{name}");
    }
}

/// Whether a program of this machine can be run.
fn is_installed(line: &[&str]) -> bool {
    Command::new(line[0]).args(&line[1..]).arg("version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn compose_takes_the_file_with_and_without_the_profile() {
    let installed: Vec<&[&str]> = [&["docker", "compose"][..], &["docker-compose"]]
        .into_iter()
        .filter(|line| is_installed(line))
        .collect();
    if installed.is_empty() {
        eprintln!("passed over, because neither docker compose nor docker-compose is installed");
    }
    for line in installed {
        for profile in [&[][..], &["--profile", "observability"]] {
            let output = Command::new(line[0])
                .args(&line[1..])
                .args(profile)
                .arg("config")
                .current_dir(root())
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{line:?} {profile:?}: {told}");
            let shown = String::from_utf8_lossy(&output.stdout);
            assert!(profile.is_empty() != shown.contains("prom/prometheus") || line[0] == "docker-compose");
            assert!(shown.contains("backscroll-primary"), "{shown}");
        }
    }
    assert!(file(FILE).contains("--profile observability"));
}
