//! How the services start, fail, are killed, and stop.

use crate::machine::Machine;

const SERVICES: [(&str, &str); 2] =
    [("backscroll-secondary", "http://127.0.0.1:8001"), ("backscroll-primary", "http://127.0.0.1:8000")];

/// The log of a service.
fn written(machine: &Machine, service: &str) -> String {
    machine.run(&format!("journalctl --unit {service} --output cat _TRANSPORT=stdout"))
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn bad_configuration_is_told_in_one_line_and_not_tried_again() {
    let machine = Machine::with_packages();
    machine.configure("secondary.env", "BACKSCROLL_IO=nonsense");
    machine.configure("primary.env", "BACKSCROLL_FLEET_FILE=/nonsense");
    for (service, _) in SERVICES {
        machine.refuse(&format!("systemctl start {service}"));
        // The state would be `activating` if systemd were about to restart it.
        assert_eq!(machine.property(service, "ActiveState"), "failed");
        assert_eq!(machine.property(service, "NRestarts"), "0");
        assert_eq!(machine.property(service, "ExecMainStatus"), "64");
        let why = written(&machine, service);
        assert!(why.lines().count() == 1 && why.contains("nonsense"), "{why}");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn what_fails_otherwise_is_tried_again_but_not_for_ever() {
    let machine = Machine::with_packages();
    // The port is taken.
    machine.configure("primary.env", "BACKSCROLL_LISTEN=127.0.0.1:8001");
    machine.drop_in("backscroll-primary", "[Service]\nRestartSec=100ms");
    machine.run("systemctl start backscroll-secondary");
    machine.refuse("systemctl start backscroll-primary");
    machine.wait_for("systemctl is-failed backscroll-primary");
    assert_eq!(machine.property("backscroll-primary", "NRestarts"), "5");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_that_is_killed_is_started_again() {
    let machine = Machine::with_packages();
    for (service, url) in SERVICES {
        machine.run(&format!("systemctl start {service}"));
        let before = machine.property(service, "MainPID");
        machine.run(&format!("kill -KILL {before}"));
        machine.wait_for(&format!("curl -fsS {url}/healthz && systemctl is-active {service}"));
        assert_ne!(machine.property(service, "MainPID"), before);
        assert_eq!(machine.property(service, "NRestarts"), "1");
    }
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_service_that_is_told_to_stop_ends_well_with_an_answer_on_its_way() {
    let machine = Machine::with_packages();
    machine.run("seq 3000000 >/var/log/app.log");
    machine.configure("primary.env", "BACKSCROLL_SECONDARIES=one=http://127.0.0.1:8001");
    for (service, url) in SERVICES {
        machine.run(&format!("systemctl start {}", SERVICES.map(|(service, _)| service).join(" ")));
        let host = if service == "backscroll-primary" { "hostname=one&" } else { "" };
        let logs = format!("{url}/logs?{host}filename=app.log");
        // After the restart of a secondary the primary may take it for down until its next probe.
        machine.wait_for(&format!("curl -fsS '{logs}&n=1'"));
        // 23 MB take about 4 s at this rate. The client's kernel buffers no more than 6 MB of them.
        let ask = format!("curl -fsS --limit-rate 5M '{logs}'");
        machine.run(&format!("({ask}; echo curl: $?) >/tmp/answer 2>&1 & sleep 1"));
        machine.run(&format!("systemctl stop {service}"));
        assert_eq!(machine.property(service, "Result"), "success");
        assert_eq!(machine.property(service, "ExecMainStatus"), "0");
        machine.wait_for("grep '^curl: ' /tmp/answer");
        assert_eq!(machine.run("wc -l </tmp/answer; tail -n 1 /tmp/answer"), "3000001\ncurl: 0", "{service}");
    }
}
