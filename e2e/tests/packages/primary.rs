//! The primary as a service.

use crate::machine::Machine;

const SERVICE: &str = "backscroll-primary";
const URL: &str = "http://127.0.0.1:8000";

/// The range of user numbers that systemd gives to services with `DynamicUser=`.
const DYNAMIC_USERS: std::ops::RangeInclusive<u32> = 61_184..=65_519;

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
    let user = machine.run(&format!("stat --format %u /proc/{}", machine.property(SERVICE, "MainPID")));
    assert!(DYNAMIC_USERS.contains(&user.parse().unwrap()), "{user}");
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
    machine.wait_for(&format!("curl -fsS {URL}/hosts | grep -q '^web1.*:8001.*ready$'"));
    // The primary is notified of changes; it does not only check the file now and then.
    let descriptors = format!("/proc/{}/fd", machine.property(SERVICE, "MainPID"));
    machine.run(&format!("ls -l {descriptors} | grep -q inotify"));
    let fleet = r#"[{"targets": ["127.0.0.2:8001"], "labels": {"hostname": "two"}}]"#;
    machine.run(&format!("echo '{fleet}' >/etc/backscroll/fleet.json"));
    machine.wait_for(&format!("curl -fsS {URL}/hosts | grep -q '^two.*:8001'"));
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
