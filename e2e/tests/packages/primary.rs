//! The primary as a service.

use crate::machine::Machine;

const SERVICE: &str = "backscroll-primary";
const URL: &str = "http://127.0.0.1:8000";

/// A machine whose secondary serves `/var/log/app.log`.
fn with_secondary() -> Machine {
    let machine = Machine::with_packages();
    machine.run("seq 3 >/var/log/app.log && systemctl start backscroll-secondary");
    machine
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_primary_passes_on_the_lines_of_the_secondary_that_its_file_names() {
    let machine = with_secondary();
    machine.configure("primary.env", "BACKSCROLL_SECONDARIES=one=http://127.0.0.1:8001");
    // Asked without waiting: the service is not active before it listens.
    let lines =
        machine.run(&format!("systemctl start {SERVICE} && curl -fsS '{URL}/logs?filename=app.log&n=2'"));
    assert_eq!(lines, "one\t3\none\t2");
    assert_eq!(machine.run(&format!("curl -fsS '{URL}/logs?hostname=one&filename=app.log'")), "3\n2\n1");
    assert_eq!(machine.property(SERVICE, "Type"), "notify");
    // A fixed user, for whose group a file with tokens can be.
    let user = machine.run(&format!("stat --format %U:%G /proc/{}", machine.property(SERVICE, "MainPID")));
    assert_eq!(user, "backscroll-primary:backscroll-primary");
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_primary_finds_its_fleet_by_name_and_in_a_file_that_changes() {
    let machine = with_secondary();
    machine.configure("primary.env", "BACKSCROLL_FLEET_DNS=secondaries.internal:8001");
    machine.configure("primary.env", "BACKSCROLL_FLEET_FILE=/etc/backscroll/fleet.json");
    machine.run("echo '[]' >/etc/backscroll/fleet.json");
    machine.run(&format!("systemctl start {SERVICE}"));
    // Under the name that the secondary gives itself.
    machine.wait_for(&format!("curl -fsS {URL}/hosts | grep -q '^web1.*:8001.ready'"));
    // The primary is notified of changes; it does not only check the file now and then.
    let descriptors = format!("/proc/{}/fd", machine.property(SERVICE, "MainPID"));
    machine.run(&format!("ls -l {descriptors} | grep -q inotify"));
    let fleet = r#"[{"targets": ["127.0.0.2:8001"], "labels": {"hostname": "two"}}]"#;
    machine.run(&format!("echo '{fleet}' >/etc/backscroll/fleet.json"));
    machine.wait_for(&format!("curl -fsS {URL}/hosts | grep -q '^two.*:8001'"));
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn services_with_certificates_and_tokens_answer_those_who_have_one() {
    let machine = Machine::with_packages();
    machine.run("seq 3 >/var/log/app.log");
    // As docs/operate.md says, with both on one machine.
    machine
        .run("backscroll-primary certs init --dir /srv/certs --secondary one=127.0.0.1 --primary localhost");
    machine.run("backscroll-primary token new --id me >/srv/me && sed 1d /srv/me >/srv/tokens.toml");
    machine.run("cd /srv/certs && cp ca.pem one.* primary.* primary-server.* ../tokens.toml /etc/backscroll");
    machine.run("cd /etc/backscroll && chgrp backscroll-secondary one.key && chmod 640 one.key");
    machine.run("cd /etc/backscroll && chgrp backscroll-primary primary*.key tokens.toml && chmod 640 primary*.key tokens.toml");
    for line in [
        "BACKSCROLL_TLS_CERT=/etc/backscroll/one.pem",
        "BACKSCROLL_TLS_KEY=/etc/backscroll/one.key",
        "BACKSCROLL_TLS_CLIENT_CA=/etc/backscroll/ca.pem",
    ] {
        machine.configure("secondary.env", line);
    }
    for line in [
        "BACKSCROLL_SECONDARIES=one=https://127.0.0.1:8001",
        "BACKSCROLL_SECONDARY_CA=/etc/backscroll/ca.pem",
        "BACKSCROLL_SECONDARY_CERT=/etc/backscroll/primary.pem",
        "BACKSCROLL_SECONDARY_KEY=/etc/backscroll/primary.key",
        "BACKSCROLL_TOKEN_FILE=/etc/backscroll/tokens.toml",
        "BACKSCROLL_TLS_CERT=/etc/backscroll/primary-server.pem",
        "BACKSCROLL_TLS_KEY=/etc/backscroll/primary-server.key",
    ] {
        machine.configure("primary.env", line);
    }
    machine.run(&format!("systemctl start backscroll-secondary {SERVICE}"));
    let ask = "curl -sS --cacert /srv/certs/ca.pem 'https://localhost:8000/logs?filename=app.log&n=2'";
    let answer = machine.run(&format!("{ask} -H \"Authorization: Bearer $(head -n 1 /srv/me)\""));
    assert_eq!(answer, "one\t3\none\t2");
    assert!(machine.run(ask).contains("unauthorized"));
    let past = "curl -sS --cacert /srv/certs/ca.pem 'https://127.0.0.1:8001/logs?filename=app.log'";
    assert!(machine.run(past).contains("unauthorized"));
}

#[test]
#[ignore = "needs a container engine and the packages: .ci/packages makes them and runs it"]
fn a_primary_without_a_fleet_runs_and_is_not_ready() {
    let machine = Machine::with_packages();
    let status = machine
        .run(&format!("systemctl start {SERVICE} && curl -s -o /dev/null -w '%{{http_code}}' {URL}/readyz"));
    assert_eq!(status, "503");
    machine.run(&format!("systemctl is-active {SERVICE}"));
}
